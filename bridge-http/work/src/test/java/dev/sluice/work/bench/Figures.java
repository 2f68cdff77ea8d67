package dev.sluice.work.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What was measured, with the value of each round. Owned by one thread. */
final class Figures {
    private final Map<Figure, List<Double>> values = new LinkedHashMap<>();

    /**
     * A figure.
     *
     * @param part the part of the benchmark
     * @param what what was measured
     * @param unit the unit of its values
     * @param goal what its median is to be; {@link Goal#NONE} if nothing is promised
     */
    record Figure(String part, String what, String unit, Goal goal) {}

    /** What the median of a figure is to be: at least or at most a bound. */
    record Goal(double bound, boolean isLeast) {
        static final Goal NONE = new Goal(Double.NaN, true);

        static Goal atLeast(double bound) {
            return new Goal(bound, true);
        }

        static Goal below(double bound) {
            return new Goal(bound, false);
        }

        String judge(double value) {
            if (Double.isNaN(bound)) {
                return "";
            }
            boolean isReached = isLeast ? value >= bound : value < bound;
            return (isLeast ? ">= " : "< ") + number(bound) + (isReached ? ", reached" : ", missed");
        }
    }

    void add(Figure figure, double value) {
        values.computeIfAbsent(figure, key -> new ArrayList<>()).add(value);
    }

    private static double median(List<Double> rounds) {
        List<Double> sorted = rounds.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    private static String number(double value) {
        String format = value >= 1_000 ? "%,.0f" : value >= 10 ? "%.1f" : "%.2f";
        return String.format(Locale.ROOT, format, value);
    }

    /** Returns a line for each figure: its median, its least and its greatest value, and its goal. */
    String table() {
        var text = new StringBuilder();
        text.append(String.format(
                Locale.ROOT, "%-8s  %-46s  %-8s  %9s  %21s  %s%n", "part", "what", "unit", "median", "rounds", "goal"));
        values.forEach((figure, rounds) -> text.append(String.format(
                Locale.ROOT,
                "%-8s  %-46s  %-8s  %9s  %21s  %s%n",
                figure.part(),
                figure.what(),
                figure.unit(),
                number(median(rounds)),
                number(Collections.min(rounds)) + " to " + number(Collections.max(rounds)),
                figure.goal().judge(median(rounds)))));
        return text.toString();
    }

    /** Writes the conditions and all values as JSON. */
    void write(Path file, Map<String, String> conditions) throws IOException {
        var figures = new ArrayList<Map<String, Object>>();
        values.forEach((figure, rounds) -> {
            var each = new LinkedHashMap<String, Object>();
            each.put("part", figure.part());
            each.put("what", figure.what());
            each.put("unit", figure.unit());
            each.put("median", median(rounds));
            each.put("rounds", rounds);
            if (!figure.goal().equals(Goal.NONE)) {
                each.put(
                        figure.goal().isLeast() ? "atLeast" : "below",
                        figure.goal().bound());
            }
            figures.add(each);
        });
        new ObjectMapper()
                .enable(SerializationFeature.INDENT_OUTPUT)
                .writeValue(file.toFile(), Map.of("conditions", conditions, "figures", figures));
    }
}
