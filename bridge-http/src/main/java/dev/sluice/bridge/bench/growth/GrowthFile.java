package dev.sluice.bridge.bench.growth;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.bench.BenchException;
import dev.sluice.bridge.bench.Figure;
import dev.sluice.bridge.bench.Result;
import dev.sluice.bridge.bench.Results;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * All curves of a run and the conditions that they were measured under; also as a file of JSON. What is not known is
 * missing in the file.
 */
record GrowthFile(Map<String, String> conditions, List<Point> points, List<Sample> samples) {
    private static final String FORMAT = "growth-1";

    void write(Path file) throws IOException {
        ObjectNode root = Results.object().put("format", FORMAT);
        ObjectNode known = root.putObject("conditions");
        conditions.forEach(known::put);
        var list = root.putArray("points");
        for (Point point : points) {
            ObjectNode each = list.addObject()
                    .put("growth", point.growth().word())
                    .put("at", point.at())
                    .put("path", point.result().path());
            ObjectNode figures = each.putObject("figures");
            for (Figure figure : Figure.values()) {
                put(figures, figure.key(), point.result().get(figure));
            }
        }
        var seconds = root.putArray("samples");
        for (Sample sample : samples) {
            ObjectNode each = seconds.addObject();
            put(each, "seconds", sample.seconds());
            for (Gauge gauge : Gauge.values()) {
                put(each, gauge.key(), sample.get(gauge));
            }
        }
        Results.writeJson(file, root);
    }

    private static void put(ObjectNode node, String name, double value) {
        if (!Double.isNaN(value)) {
            node.put(name, Math.round(value * 1000) / 1000.0);
        }
    }

    /**
     * Reads files that {@link #write} wrote. If two have the same point, or both have samples, the later file counts.
     *
     * @param wanted the curves to take
     * @throws BenchException if a file is none
     */
    static GrowthFile read(List<Path> files, Set<Growth> wanted) throws IOException, BenchException {
        var conditions = new LinkedHashMap<String, String>();
        var points = new LinkedHashMap<List<Object>, Point>();
        List<Sample> samples = List.of();
        for (Path file : files) {
            JsonNode root = Results.readJson(file);
            if (!root.path("format").asText().equals(FORMAT)) {
                throw BenchException.failed(file + " is no file of curves of format " + FORMAT);
            }
            root.path("conditions")
                    .properties()
                    .forEach(each ->
                            conditions.put(each.getKey(), each.getValue().asText()));
            for (JsonNode each : root.path("points")) {
                point(each)
                        .filter(point -> wanted.contains(point.growth()))
                        .ifPresent(point -> points.put(
                                List.of(
                                        point.growth(),
                                        point.at(),
                                        point.result().path()),
                                point));
            }
            if (wanted.contains(Growth.SOAK) && !root.path("samples").isEmpty()) {
                samples = samples(root.path("samples"));
            }
        }
        var sorted = new ArrayList<Point>(points.values());
        sorted.sort(Comparator.comparing(Point::growth).thenComparing(Point::at));
        return new GrowthFile(conditions, sorted, samples);
    }

    private static Optional<Point> point(JsonNode node) {
        var result = new Result(node.path("path").asText());
        node.path("figures")
                .properties()
                .forEach(field -> Figure.of(field.getKey())
                        .ifPresent(figure -> result.set(figure, field.getValue().asDouble())));
        return Growth.of(node.path("growth").asText())
                .map(growth -> new Point(growth, node.path("at").asLong(), result));
    }

    private static List<Sample> samples(JsonNode nodes) {
        var samples = new ArrayList<Sample>();
        for (JsonNode node : nodes) {
            var sample = new Sample(node.path("seconds").asDouble());
            node.properties()
                    .forEach(field -> Gauge.of(field.getKey())
                            .ifPresent(
                                    gauge -> sample.set(gauge, field.getValue().asDouble())));
            samples.add(sample);
        }
        return samples;
    }
}
