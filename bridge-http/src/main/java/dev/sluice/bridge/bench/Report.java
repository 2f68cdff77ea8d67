package dev.sluice.bridge.bench;

import static dev.sluice.bridge.bench.TextTable.number;

import dev.sluice.bridge.bench.stages.Stage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Results as text for people. */
final class Report {
    private static final List<Figure> SPEED = List.of(
            Figure.RATE, Figure.P50, Figure.P90, Figure.P99, Figure.P999, Figure.MAX, Figure.SECONDS, Figure.FAILED);
    private static final List<Figure> COST = List.of(
            Figure.CPU_SERVER,
            Figure.CPU_COMPILER,
            Figure.CPU_POSTGRES,
            Figure.CPU_DRIVER,
            Figure.WAL_BYTES,
            Figure.DISK_BYTES,
            Figure.ALLOCATED,
            Figure.CORES_OTHERS);
    private static final List<Figure> RESOURCES = List.of(
            Figure.LOG_SYNCS,
            Figure.WAL_SYNCS,
            Figure.COMMITS,
            Figure.COLLECTIONS,
            Figure.COLLECTION_TIME,
            Figure.RESIDENT,
            Figure.PEAK,
            Figure.POSTGRES_MEMORY);
    /** A change of less than this is not called one. */
    private static final double NOISE = 1.1;

    private static final int MOST_THREADS = 8;

    private Report() {}

    /** Returns all figures. */
    static String of(Results results) {
        var text = new StringBuilder();
        results.conditions()
                .forEach((name, value) ->
                        text.append(name).append(": ").append(value).append('\n'));
        text.append('\n').append(table(results.results(), SPEED, true));
        text.append(
                "\nEach message (syncs and commits: each 1,000 messages; others: cores busy with other programs)\n");
        text.append(table(results.results(), COST, false));
        text.append('\n').append(table(results.results(), RESOURCES, false));
        String threads = threads(results.results());
        if (!threads.isEmpty()) {
            text.append("\nThe bridge's µs a message by thread\n").append(threads);
        }
        String stages = stages(results.results());
        if (!stages.isEmpty()) {
            text.append("\nThe bridge's µs a message by stage\n").append(stages);
        }
        return text.append("\n? = not known, or not measured for this path\n").toString();
    }

    private static String table(List<Result> results, List<Figure> figures, boolean withMultiples) {
        var headers = new ArrayList<String>(List.of("path"));
        figures.forEach(figure -> headers.add(figure.header()));
        if (withMultiples) {
            headers.add("times its floor");
        }
        var table = new TextTable(headers);
        for (Result result : results) {
            if (figures.stream().allMatch(figure -> Double.isNaN(result.get(figure)))) {
                continue;
            }
            var cells = new ArrayList<String>(List.of(result.path()));
            figures.forEach(figure -> cells.add(number(result.get(figure), figure.decimals())));
            if (withMultiples) {
                cells.add(multiples(result));
            }
            table.row(cells);
        }
        return table.isEmpty() ? "" : table.toString();
    }

    private static String multiples(Result result) {
        return result.multiples().entrySet().stream()
                .map(each -> number(each.getValue(), 2) + " " + each.getKey())
                .collect(Collectors.joining(", "));
    }

    private static String threads(List<Result> results) {
        var text = new StringBuilder();
        for (Result result : results) {
            if (!result.path().startsWith("floor") && !result.threads().isEmpty()) {
                text.append(result.path()).append(": ");
                text.append(result.threads().entrySet().stream()
                        .sorted(Map.Entry.<String, Double>comparingByValue(Comparator.reverseOrder()))
                        .limit(MOST_THREADS)
                        .map(each -> each.getKey() + " " + number(each.getValue(), 2))
                        .collect(Collectors.joining(", ")));
                text.append('\n');
            }
        }
        return text.toString();
    }

    /** Returns a row for each stage, with a column for each path that was recorded. */
    private static String stages(List<Result> results) {
        List<Result> recorded =
                results.stream().filter(each -> !each.stages().isEmpty()).toList();
        if (recorded.isEmpty()) {
            return "";
        }
        var headers = new ArrayList<String>(List.of("stage"));
        recorded.forEach(each -> headers.add(each.path()));
        var table = new TextTable(headers);
        for (Stage stage : Stage.values()) {
            List<Double> values = recorded.stream()
                    .map(each -> each.stages().getOrDefault(stage.title(), 0.0))
                    .toList();
            if (values.stream().anyMatch(value -> value != 0)) {
                stageRow(stage.title(), values, table);
            }
        }
        List<Double> sums = recorded.stream()
                .map(each -> each.stages().values().stream()
                        .mapToDouble(Double::doubleValue)
                        .sum())
                .toList();
        stageRow("all = the process", sums, table);
        return table.toString();
    }

    private static void stageRow(String title, List<Double> values, TextTable table) {
        var cells = new ArrayList<String>(List.of(title));
        values.forEach(value -> cells.add(number(value, 2)));
        table.row(cells);
    }

    /** Returns the figures of two runs side by side, for all paths that both have. */
    static String compare(Results first, Results second) {
        var table = new TextTable(List.of("path", "figure", "A", "B", "B / A", ""));
        for (Result a : first.results()) {
            second.of(a.path()).ifPresent(b -> compare(a, b, table));
        }
        var text = new StringBuilder();
        first.conditions().forEach((name, value) -> {
            String other = second.conditions().getOrDefault(name, TextTable.UNKNOWN);
            if (!other.equals(value)) {
                text.append(name + ": A " + value + ", B " + other + "\n");
            }
        });
        return text + (table.isEmpty() ? "the files have no path in common\n" : table.toString());
    }

    private static void compare(Result a, Result b, TextTable table) {
        a.multiples().forEach((floor, value) -> {
            double other = b.multiples().getOrDefault(floor, Double.NaN);
            row(a.path(), "times " + floor, value, other, 2, Figure.Better.LOWER, table);
        });
        for (Figure figure : Figure.values()) {
            row(a.path(), figure.key(), a.get(figure), b.get(figure), figure.decimals(), figure.better(), table);
        }
    }

    private static void row(
            String path, String name, double a, double b, int decimals, Figure.Better better, TextTable table) {
        if (Double.isNaN(a) || Double.isNaN(b)) {
            return;
        }
        double ratio = a == b ? 1 : b / a;
        table.row(
                List.of(path, name, number(a, decimals), number(b, decimals), number(ratio, 2), judge(ratio, better)));
    }

    /** Returns {@code better}, {@code worse}, or nothing if the change is within the noise. */
    static String judge(double ratio, Figure.Better better) {
        if (better == Figure.Better.NEITHER || (ratio < NOISE && ratio > 1 / NOISE)) {
            return "";
        }
        return ratio > 1 == (better == Figure.Better.HIGHER) ? "better" : "worse";
    }
}
