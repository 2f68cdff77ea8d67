package dev.sluice.bridge.bench.growth;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Lines over two axes, as SVG. The colors follow the page: a style sheet in the picture has others for dark pages. Only
 * numbers and escaped text go into it, and it refers to nothing outside. Immutable.
 *
 * @param title above the picture
 */
record LinePicture(String title, Axis x, Axis y) {
    private static final int WIDTH = 760;
    private static final int HEIGHT = 360;
    private static final int LEFT = 70;
    private static final int RIGHT = 150;
    private static final int TOP = 40;
    private static final int BOTTOM = 50;
    private static final int MOST_TICKS = 6;
    /** Room between two names of lines beside the picture. */
    private static final int NAME_HEIGHT = 16;
    /** Lines with more dots than this are drawn without marks. */
    private static final int MOST_MARKS = 30;

    private static final int COLORS = 6;
    private static final String STYLE = """
            text{font:12px sans-serif;fill:#24292f}.t{font-size:14px;font-weight:bold}.g{stroke:#d0d7de}
            .l{fill:none;stroke-width:2}.c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#1a7f37}
            .c3{stroke:#8250df}.c4{stroke:#bf3989}.c5{stroke:#6e7781}
            .f0{fill:#0969da}.f1{fill:#bc4c00}.f2{fill:#1a7f37}.f3{fill:#8250df}.f4{fill:#bf3989}.f5{fill:#6e7781}
            @media(prefers-color-scheme:dark){text{fill:#d1d7e0}.g{stroke:#3d444d}
            .c0{stroke:#58a6ff}.c1{stroke:#f0883e}.c2{stroke:#3fb950}.c3{stroke:#bc8cff}.c4{stroke:#f778ba}
            .c5{stroke:#9198a1}.f0{fill:#58a6ff}.f1{fill:#f0883e}.f2{fill:#3fb950}.f3{fill:#bc8cff}
            .f4{fill:#f778ba}.f5{fill:#9198a1}}
            """;

    /**
     * An axis. A linear one begins at zero. A logarithmic one has positive numbers only, and leaves out others.
     *
     * @param label what its numbers are
     */
    record Axis(String label, boolean isLogarithmic) {
        private double of(double value) {
            return isLogarithmic ? Math.log10(value) : value;
        }
    }

    /** A point of a line. */
    record Dot(double x, double y) {}

    /** A line, from its first dot to its last one. */
    record Line(String name, List<Dot> dots) {}

    /** The part of an axis that the picture shows, after {@link Axis#of}. */
    private record Range(double from, double to, List<Double> ticks) {
        private double share(double value) {
            return (value - from) / (to - from);
        }
    }

    /** Returns the picture as the text of a file. */
    String draw(List<Line> lines) {
        var drawn = lines.stream()
                .map(line -> new Line(
                        line.name, line.dots.stream().filter(this::isShown).toList()))
                .toList();
        List<Dot> dots = drawn.stream().flatMap(line -> line.dots.stream()).toList();
        Range across = range(x, dots.stream().map(Dot::x).toList());
        Range up = range(y, dots.stream().map(Dot::y).toList());
        var svg = new StringBuilder();
        svg.append("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + WIDTH + " " + HEIGHT
                + "\" role=\"img\">\n<title>" + escape(title) + "</title>\n<style>" + STYLE + "</style>\n");
        text(svg, "t", LEFT, TOP / 2.0, "start", title);
        grid(svg, across, up);
        List<Double> heights = heights(drawn, up);
        for (int i = 0; i < drawn.size(); i++) {
            line(svg, drawn.get(i), i % COLORS, across, up, heights.get(i));
        }
        return svg.append("</svg>\n").toString();
    }

    private boolean isShown(Dot dot) {
        return (!x.isLogarithmic || dot.x > 0) && (!y.isLogarithmic || dot.y > 0);
    }

    private void grid(StringBuilder svg, Range across, Range up) {
        for (double tick : up.ticks) {
            double at = down(up, tick);
            svg.append("<path class=\"g\" d=\"M" + LEFT + " " + number(at) + "H" + (WIDTH - RIGHT) + "\"/>\n");
            text(svg, "", LEFT - 6.0, at + 4, "end", name(y, tick));
        }
        for (double tick : across.ticks) {
            double at = right(across, tick);
            svg.append("<path class=\"g\" d=\"M" + number(at) + " " + TOP + "V" + (HEIGHT - BOTTOM) + "\"/>\n");
            text(svg, "", at, HEIGHT - BOTTOM + 16.0, "middle", name(x, tick));
        }
        text(svg, "", (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12.0, "middle", x.label);
        text(svg, "", WIDTH - RIGHT + 8.0, TOP / 2.0, "start", y.label);
    }

    private void line(StringBuilder svg, Line line, int color, Range across, Range up, double nameAt) {
        if (line.dots.isEmpty()) {
            return;
        }
        var path = new StringBuilder();
        for (Dot dot : line.dots) {
            path.append(path.isEmpty() ? 'M' : 'L')
                    .append(number(right(across, x.of(dot.x))))
                    .append(' ')
                    .append(number(down(up, y.of(dot.y))));
        }
        svg.append("<path class=\"l c" + color + "\" d=\"" + path + "\"/>\n");
        if (line.dots.size() <= MOST_MARKS) {
            for (Dot dot : line.dots) {
                svg.append("<circle class=\"f" + color + "\" r=\"3.5\" cx=\""
                        + number(right(across, x.of(dot.x))) + "\" cy=\"" + number(down(up, y.of(dot.y)))
                        + "\"/>\n");
            }
        }
        text(svg, "f" + color, WIDTH - RIGHT + 8.0, nameAt + 4, "start", line.name);
    }

    /** Returns where the name of each line is: beside its last dot, with room between the names. */
    private List<Double> heights(List<Line> lines, Range up) {
        var order = new ArrayList<Integer>();
        var heights = new ArrayList<Double>();
        for (int i = 0; i < lines.size(); i++) {
            List<Dot> dots = lines.get(i).dots;
            heights.add(dots.isEmpty() ? 0 : down(up, y.of(dots.get(dots.size() - 1).y)));
            order.add(i);
        }
        order.sort((a, b) -> Double.compare(heights.get(b), heights.get(a)));
        double lowest = HEIGHT - BOTTOM;
        for (int i : order) {
            double height = Math.min(heights.get(i), lowest);
            heights.set(i, height);
            lowest = height - NAME_HEIGHT;
        }
        return heights;
    }

    private static void text(StringBuilder svg, String style, double x, double y, String anchor, String text) {
        svg.append("<text" + (style.isEmpty() ? "" : " class=\"" + style + "\"") + " x=\"" + number(x) + "\" y=\""
                + number(y) + "\" text-anchor=\"" + anchor + "\">" + escape(text) + "</text>\n");
    }

    private static double right(Range range, double value) {
        return LEFT + range.share(value) * (WIDTH - RIGHT - LEFT);
    }

    private static double down(Range range, double value) {
        return HEIGHT - BOTTOM - range.share(value) * (HEIGHT - BOTTOM - TOP);
    }

    private static Range range(Axis axis, List<Double> values) {
        double least = values.stream().mapToDouble(axis::of).min().orElse(0);
        double most = values.stream().mapToDouble(axis::of).max().orElse(1);
        double from = axis.isLogarithmic ? Math.floor(least) : Math.min(0, least);
        double step = axis.isLogarithmic ? Math.max(1, Math.ceil((most - from) / MOST_TICKS)) : step(most - from);
        double to = from + step * Math.max(1, Math.ceil((most - from) / step));
        var ticks = new ArrayList<Double>();
        for (int i = 0; from + i * step <= to + step / 2; i++) {
            ticks.add(from + i * step);
        }
        return new Range(from, to, ticks);
    }

    /** Returns 1, 2 or 5 times a power of ten, so that a range has few enough ticks. */
    static double step(double range) {
        if (range <= 0) {
            return 1;
        }
        double power = Math.pow(10, Math.floor(Math.log10(range / MOST_TICKS)));
        for (int factor : new int[] {1, 2, 5}) {
            if (range / (power * factor) <= MOST_TICKS) {
                return power * factor;
            }
        }
        return power * 10;
    }

    private static String name(Axis axis, double tick) {
        return name(axis.isLogarithmic ? Math.pow(10, tick) : tick);
    }

    /** Returns a short name of a number, such as {@code 20k}. */
    static String name(double value) {
        double size = Math.abs(value);
        if (size >= 1e6) {
            return number(value / 1e6) + "M";
        }
        return size >= 1e3 ? number(value / 1e3) + "k" : number(value);
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.2f", value).replaceFirst("\\.?0+$", "");
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
