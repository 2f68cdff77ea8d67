package dev.sluice.bridge.bench.growth;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.bench.growth.LinePicture.Axis;
import dev.sluice.bridge.bench.growth.LinePicture.Dot;
import dev.sluice.bridge.bench.growth.LinePicture.Line;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

/** Pictures as browsers read them. */
class LinePictureTest {
    private static final Axis LINEAR = new Axis("things", false);
    private static final Axis LOGARITHMIC = new Axis("things", true);

    private static Document draw(LinePicture picture, Line... lines) throws Exception {
        var factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder().parse(new InputSource(new StringReader(picture.draw(List.of(lines)))));
    }

    private static List<Element> elements(Document svg, String name, String style) {
        var found = new ArrayList<Element>();
        var all = svg.getElementsByTagName(name);
        for (int i = 0; i < all.getLength(); i++) {
            var element = (Element) all.item(i);
            if (List.of(element.getAttribute("class").split(" ")).contains(style)) {
                found.add(element);
            }
        }
        return found;
    }

    private static List<Double> marks(Document svg, String style, String coordinate) {
        return elements(svg, "circle", style).stream()
                .map(mark -> Double.valueOf(mark.getAttribute(coordinate)))
                .toList();
    }

    @Test
    void equalStepsAreEqualDistancesOnALinearAxis() throws Exception {
        var line = new Line("a", List.of(new Dot(0, 0), new Dot(1, 100), new Dot(2, 200)));
        Document svg = draw(new LinePicture("t", LINEAR, LINEAR), line);
        List<Double> x = marks(svg, "f0", "cx");
        List<Double> y = marks(svg, "f0", "cy");
        assertThat(x.get(1) - x.get(0)).isPositive().isEqualTo(x.get(2) - x.get(1));
        assertThat(y.get(0) - y.get(1)).isPositive().isEqualTo(y.get(1) - y.get(2));
        assertThat(elements(svg, "path", "c0")).hasSize(1);
    }

    @Test
    void equalFactorsAreEqualDistancesOnALogarithmicAxis() throws Exception {
        var line = new Line("a", List.of(new Dot(1, 10), new Dot(100, 1000), new Dot(10_000, 100_000)));
        Document svg = draw(new LinePicture("t", LOGARITHMIC, LOGARITHMIC), line);
        List<Double> x = marks(svg, "f0", "cx");
        List<Double> y = marks(svg, "f0", "cy");
        assertThat(x.get(1) - x.get(0)).isPositive().isEqualTo(x.get(2) - x.get(1));
        assertThat(y.get(0) - y.get(1)).isPositive().isEqualTo(y.get(1) - y.get(2));
    }

    @Test
    void aLogarithmicAxisLeavesOutWhatHasNoLogarithm() throws Exception {
        var line = new Line("a", List.of(new Dot(0, 5), new Dot(1, 0), new Dot(2, 5), new Dot(3, 6)));
        Document svg = draw(new LinePicture("t", LOGARITHMIC, LOGARITHMIC), line);
        assertThat(marks(svg, "f0", "cx")).hasSize(2);
        assertThat(svg.getDocumentElement().getTextContent()).doesNotContain("NaN");
    }

    @Test
    void everyLineHasAColorOfItsOwnOnLightAndDarkPagesAndItsName() throws Exception {
        Line[] lines = IntStream.range(0, 6)
                .mapToObj(i -> new Line("line " + i, List.of(new Dot(0, 7), new Dot(1, 7))))
                .toArray(Line[]::new);
        Document svg = draw(new LinePicture("t", LINEAR, LINEAR), lines);
        String style = svg.getElementsByTagName("style").item(0).getTextContent();
        String light = style.substring(0, style.indexOf("@media(prefers-color-scheme:dark)"));
        String dark = style.substring(light.length());
        for (int i = 0; i < lines.length; i++) {
            assertThat(elements(svg, "path", "c" + i)).hasSize(1);
            assertThat(elements(svg, "text", "f" + i))
                    .singleElement()
                    .extracting(Element::getTextContent)
                    .isEqualTo("line " + i);
            assertThat(List.of(light, dark)).allMatch(rules -> rules.contains(".c") && rules.contains(".f"));
            assertThat(light).contains(".c" + i + "{stroke:", ".f" + i + "{fill:");
            assertThat(dark).contains(".c" + i + "{stroke:", ".f" + i + "{fill:");
        }
        List<Double> names = IntStream.range(0, lines.length)
                .mapToObj(i ->
                        Double.valueOf(elements(svg, "text", "f" + i).get(0).getAttribute("y")))
                .sorted()
                .toList();
        for (int i = 1; i < names.size(); i++) {
            assertThat(names.get(i) - names.get(i - 1)).as("room between names").isGreaterThanOrEqualTo(12);
        }
    }

    @Test
    void textIsNoMarkup() throws Exception {
        var line = new Line("<script>&", List.of(new Dot(0, 1), new Dot(1, 1)));
        Document svg = draw(new LinePicture("a<b>&c", LINEAR, LINEAR), line);
        assertThat(svg.getElementsByTagName("script").getLength()).isZero();
        assertThat(svg.getElementsByTagName("title").item(0).getTextContent()).isEqualTo("a<b>&c");
    }

    @Test
    void aPictureWithoutDotsHasItsAxes() throws Exception {
        Document svg = draw(new LinePicture("t", LOGARITHMIC, LINEAR), new Line("a", List.of()));
        assertThat(elements(svg, "path", "g")).isNotEmpty();
        assertThat(elements(svg, "path", "c0")).isEmpty();
    }

    @Test
    void ticksAreRoundAndFew() {
        assertThat(LinePicture.step(6)).isEqualTo(1);
        assertThat(LinePicture.step(7)).isEqualTo(2);
        assertThat(LinePicture.step(25_000)).isEqualTo(5000);
        assertThat(LinePicture.step(0.3)).isEqualTo(0.05);
        assertThat(LinePicture.step(0)).isEqualTo(1);
        assertThat(LinePicture.name(250)).isEqualTo("250");
        assertThat(LinePicture.name(20_000)).isEqualTo("20k");
        assertThat(LinePicture.name(1_500_000)).isEqualTo("1.5M");
        assertThat(LinePicture.name(0.05)).isEqualTo("0.05");
        assertThat(LinePicture.name(0)).isEqualTo("0");
    }
}
