package dev.sluice.bridge.bench.growth;

import static dev.sluice.bridge.bench.TextTable.number;

import dev.sluice.bridge.bench.Figure;
import dev.sluice.bridge.bench.TextTable;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/** Curves as text for people. */
final class GrowthReport {
    private static final List<Figure> FIGURES = List.of(
            Figure.RATE,
            Figure.P50,
            Figure.P99,
            Figure.FAILED,
            Figure.CPU_SERVER,
            Figure.CPU_COMPILER,
            Figure.CPU_POSTGRES,
            Figure.WAL_BYTES,
            Figure.COMMITS,
            Figure.DISK_BYTES,
            Figure.RESIDENT,
            Figure.POSTGRES_MEMORY,
            Figure.CORES_OTHERS);
    /** About how many samples the table shows. The file has all of them. */
    private static final int SAMPLES = 40;

    private static final Set<Gauge> FRACTIONS =
            EnumSet.of(Gauge.P50, Gauge.P99, Gauge.CPU_BRIDGE, Gauge.CPU_POSTGRES, Gauge.CORES_OTHERS);

    private GrowthReport() {}

    static String of(GrowthFile file) {
        var text = new StringBuilder();
        file.conditions()
                .forEach((name, value) ->
                        text.append(name).append(": ").append(value).append('\n'));
        for (Growth growth : Growth.values()) {
            List<Point> points = file.points().stream()
                    .filter(point -> point.growth() == growth)
                    .toList();
            if (!points.isEmpty()) {
                text.append('\n').append(points(growth, points));
            }
        }
        if (!file.samples().isEmpty()) {
            text.append('\n').append(samples(file.samples()));
        }
        return text.toString();
    }

    private static String points(Growth growth, List<Point> points) {
        var headers = new ArrayList<String>(List.of(growth.unit(), "path"));
        FIGURES.forEach(figure -> headers.add(figure.header()));
        var table = new TextTable(headers);
        for (Point point : points) {
            var cells = new ArrayList<String>(List.of(
                    String.format(Locale.ROOT, "%,d", point.at()),
                    point.result().path()));
            FIGURES.forEach(figure -> cells.add(number(point.result().get(figure), figure.decimals())));
            table.row(cells);
        }
        return table.toString();
    }

    private static String samples(List<Sample> samples) {
        var headers = new ArrayList<String>(List.of("s"));
        Stream.of(Gauge.values()).forEach(gauge -> headers.add(gauge.header()));
        var table = new TextTable(headers);
        int step = Math.max(1, samples.size() / SAMPLES);
        for (int i = step - 1; i < samples.size(); i += step) {
            Sample sample = samples.get(i);
            var cells = new ArrayList<String>(List.of(number(sample.seconds(), 0)));
            Stream.of(Gauge.values())
                    .forEach(gauge -> cells.add(number(sample.get(gauge), FRACTIONS.contains(gauge) ? 2 : 0)));
            table.row(cells);
        }
        return table.toString();
    }
}
