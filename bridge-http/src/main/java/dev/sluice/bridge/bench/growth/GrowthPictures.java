package dev.sluice.bridge.bench.growth;

import dev.sluice.bridge.bench.Figure;
import dev.sluice.bridge.bench.Result;
import dev.sluice.bridge.bench.growth.LinePicture.Axis;
import dev.sluice.bridge.bench.growth.LinePicture.Dot;
import dev.sluice.bridge.bench.growth.LinePicture.Line;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** The pictures of curves, a file each. */
final class GrowthPictures {
    private static final double SECONDS_A_MINUTE = 60;

    private GrowthPictures() {}

    /** Writes a picture of each curve that a file has. */
    static void write(GrowthFile file, Path directory) throws IOException {
        Files.createDirectories(directory);
        for (Growth growth : Growth.values()) {
            List<Point> points = file.points().stream()
                    .filter(point -> point.growth() == growth)
                    .toList();
            if (!points.isEmpty()) {
                var x = new Axis(growth.unit(), growth != Growth.MESSAGES);
                write(
                        directory,
                        "growth-" + growth.word() + "-rate",
                        new LinePicture("Messages a second", x, new Axis("messages/s", true)),
                        lines(points, result -> result.get(Figure.RATE)));
                write(
                        directory,
                        "growth-" + growth.word() + "-cost",
                        new LinePicture(
                                "Processor time a message, bridge (without its compiler) and PostgreSQL",
                                x,
                                new Axis("µs a message", true)),
                        lines(points, result -> result.cpuOfServer() + result.get(Figure.CPU_POSTGRES)));
            }
        }
        if (!file.samples().isEmpty()) {
            soak(file.samples(), directory);
        }
    }

    private static List<Line> lines(List<Point> points, ToDoubleFunction<Result> value) {
        Map<String, List<Dot>> dots = new LinkedHashMap<>();
        for (Point point : points) {
            double y = value.applyAsDouble(point.result());
            if (!Double.isNaN(y)) {
                dots.computeIfAbsent(point.result().path(), path -> new ArrayList<>())
                        .add(new Dot(point.at(), y));
            }
        }
        var lines = new ArrayList<Line>();
        dots.forEach((path, found) -> lines.add(new Line(path, found)));
        return lines;
    }

    private static void soak(List<Sample> samples, Path directory) throws IOException {
        soak(samples, directory, "rate", "Messages a second", "messages/s", Gauge.PUSHED, Gauge.DELIVERED);
        soak(samples, directory, "times", "Time of a push", "ms", Gauge.P50, Gauge.P99);
        soak(samples, directory, "cost", "Processor time a pushed message", "µs", Gauge.CPU_BRIDGE, Gauge.CPU_POSTGRES);
        soak(
                samples,
                directory,
                "memory",
                "Memory",
                "MB",
                Gauge.RESIDENT,
                Gauge.HEAP_COMMITTED,
                Gauge.HEAP_USED,
                Gauge.POSTGRES);
        soak(samples, directory, "disk", "Disk", "MB", Gauge.DATABASE, Gauge.WAL_FILES, Gauge.LOG, Gauge.TEMPORARY);
        soak(samples, directory, "rows", "Rows", "rows", Gauge.LIVE_TUPLES, Gauge.DEAD_TUPLES);
        soak(samples, directory, "handles", "Threads and open files", "", Gauge.THREADS, Gauge.OPEN_FILES);
    }

    private static void soak(
            List<Sample> samples, Path directory, String name, String title, String unit, Gauge... gauges)
            throws IOException {
        var lines = new ArrayList<Line>();
        for (Gauge gauge : gauges) {
            List<Dot> dots = samples.stream()
                    .filter(sample -> !Double.isNaN(sample.get(gauge)))
                    .map(sample -> new Dot(sample.seconds() / SECONDS_A_MINUTE, sample.get(gauge)))
                    .toList();
            if (!dots.isEmpty()) {
                lines.add(new Line(gauge.header().replaceFirst(" MB$", ""), dots));
            }
        }
        var picture = new LinePicture(title, new Axis("minutes", false), new Axis(unit, false));
        write(directory, "soak-" + name, picture, lines);
    }

    private static void write(Path directory, String name, LinePicture picture, List<Line> lines) throws IOException {
        if (!lines.isEmpty()) {
            Files.writeString(directory.resolve(name + ".svg"), picture.draw(lines));
        }
    }
}
