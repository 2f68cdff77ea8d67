package dev.sluice.bridge.house;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathExpressionException;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

/** The versions of libraries: where they are, and that the command of CONTRIBUTING.md sees all of them. */
class VersionsTest {
    private static final Path ROOT = Path.of("..");
    private static final String OURS = "${project.version}";

    @Test
    void theCommandThatListsNewerVersionsSeesEveryVersion() throws Exception {
        Document parent = parse(ROOT.resolve("pom.xml"));
        var seen = new ArrayList<>(texts(parent, "//dependencyManagement//dependency/version"));
        texts(parent, "//plugin[artifactId='versions-maven-plugin']//property/name")
                .forEach(name -> seen.add("${" + name + "}"));
        assertThat(new TreeSet<>(seen)).containsAll(propertiesOf(parent));
    }

    @Test
    void onlyTheParentHasVersions() throws Exception {
        List<String> properties = propertiesOf(parse(ROOT.resolve("pom.xml")));
        List<String> modules = List.of(
                "buffer",
                "connector",
                "bridge-http",
                "bridge-http/work",
                "connector/workers/current",
                "connector/workers/oldest",
                "connector/containers");
        for (String module : modules) {
            assertThat(texts(parse(ROOT.resolve(module).resolve("pom.xml")), "//dependency/version | //plugin/version"))
                    .as(module)
                    .allSatisfy(version -> assertThat(version).matches(v -> v.equals(OURS) || properties.contains(v)));
        }
    }

    /** Returns the placeholders of all properties that are versions. */
    private static List<String> propertiesOf(Document parent) throws XPathExpressionException {
        var names = new ArrayList<String>();
        NodeList properties = nodes(parent, "/project/properties/*");
        for (int i = 0; i < properties.getLength(); i++) {
            String name = properties.item(i).getNodeName();
            if (name.endsWith(".version")) {
                names.add("${" + name + "}");
            }
        }
        assertThat(names).hasSizeGreaterThan(20);
        return names;
    }

    private static List<String> texts(Document document, String path) throws XPathExpressionException {
        NodeList found = nodes(document, path);
        var texts = new ArrayList<String>();
        for (int i = 0; i < found.getLength(); i++) {
            texts.add(found.item(i).getTextContent().strip());
        }
        return texts;
    }

    private static NodeList nodes(Document document, String path) throws XPathExpressionException {
        return (NodeList) XPathFactory.newInstance().newXPath().evaluate(path, document, XPathConstants.NODESET);
    }

    private static Document parse(Path file) throws Exception {
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file.toFile());
    }
}
