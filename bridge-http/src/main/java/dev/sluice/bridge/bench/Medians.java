package dev.sluice.bridge.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Medians of several measurements of the same path. */
final class Medians {
    private Medians() {}

    /** Returns the median of each figure and each multiple. */
    static Result of(List<Result> measured) {
        var result = new Result(measured.get(0).path());
        for (Figure figure : Figure.values()) {
            result.set(
                    figure,
                    median(measured.stream().map(each -> each.get(figure)).toList()));
        }
        for (String floor : measured.get(0).multiples().keySet()) {
            result.multiple(
                    floor,
                    median(measured.stream()
                            .map(each -> each.multiples().getOrDefault(floor, Double.NaN))
                            .toList()));
        }
        times(measured, Result::threads, result);
        times(measured, Result::stages, result);
        return result;
    }

    /** Adds the medians of times that have names. A name that a round does not have took no time in it. */
    private static void times(List<Result> measured, Function<Result, Map<String, Double>> times, Result result) {
        var names = new LinkedHashSet<String>();
        measured.forEach(each -> names.addAll(times.apply(each).keySet()));
        for (String name : names) {
            times.apply(result)
                    .put(
                            name,
                            median(measured.stream()
                                    .map(each -> times.apply(each).getOrDefault(name, 0.0))
                                    .toList()));
        }
    }

    /** Returns the median of each path of several rounds, in the order of the first round. */
    static List<Result> ofRounds(List<List<Result>> rounds) {
        var byPath = new LinkedHashMap<String, List<Result>>();
        rounds.forEach(round -> round.forEach(result ->
                byPath.computeIfAbsent(result.path(), path -> new ArrayList<>()).add(result)));
        return byPath.values().stream().map(Medians::of).toList();
    }

    /** Returns the median of the known values; the mean of the two in the middle; NaN if none is known. */
    static double median(Collection<Double> values) {
        double[] known = values.stream()
                .mapToDouble(Double::doubleValue)
                .filter(value -> !Double.isNaN(value))
                .sorted()
                .toArray();
        if (known.length == 0) {
            return Double.NaN;
        }
        int middle = known.length / 2;
        return known.length % 2 == 1 ? known[middle] : (known[middle - 1] + known[middle]) / 2;
    }
}
