package dev.sluice.bridge.bench;

import static dev.sluice.bridge.bench.TextTable.number;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Holds each path against the recorded multiple of its floor.
 *
 * @param multiples the recorded multiples by path
 */
record Guard(Map<String, Double> multiples) {
    /** A path may cost this many times its recorded multiple: the noise of a shared machine. */
    static final double TOLERANCE = 1.3;

    private static final String MULTIPLES = "multiples";

    /**
     * What the guard says of a run.
     *
     * @param lines one for each path
     * @param isFine whether no path costs too much and none is missing
     */
    record Verdict(List<String> lines, boolean isFine) {}

    /** Returns the multiples of a run. */
    static Guard of(Results results) {
        var multiples = new LinkedHashMap<String, Double>();
        for (Result result : results.results()) {
            result.guarded().ifPresent(multiple -> multiples.put(result.path(), multiple));
        }
        return new Guard(multiples);
    }

    /**
     * Reads the record.
     *
     * @throws BenchException if there is none; says how to make one
     */
    static Guard read(Path file) throws IOException, BenchException {
        JsonNode root;
        try {
            root = Results.readJson(file);
        } catch (BenchException e) {
            throw BenchException.failed(e.getMessage() + "; record one with: ./sluice bench --record");
        }
        var multiples = new LinkedHashMap<String, Double>();
        root.path(MULTIPLES).properties().forEach(field -> {
            if (field.getValue().isNumber()) {
                multiples.put(field.getKey(), field.getValue().asDouble());
            }
        });
        if (multiples.isEmpty()) {
            throw BenchException.failed(file + " records no multiples; record them with: ./sluice bench --record");
        }
        return new Guard(multiples);
    }

    /** Writes the record. */
    void write(Path file, Map<String, String> conditions) throws IOException {
        ObjectNode root = Results.object();
        root.put("about", "Multiples of floors, written by ./sluice bench --record; --guard compares with them");
        ObjectNode known = root.putObject("conditions");
        conditions.forEach(known::put);
        ObjectNode paths = root.putObject(MULTIPLES);
        multiples.forEach((path, multiple) -> paths.put(path, Math.round(multiple * 1000) / 1000.0));
        Results.writeJson(file, root);
    }

    /**
     * Compares a run with the record.
     *
     * @param isWhole whether the run should have measured every path of the record
     */
    Verdict check(Results results, boolean isWhole) {
        var lines = new ArrayList<String>();
        boolean isFine = true;
        Guard now = of(results);
        for (var each : multiples.entrySet()) {
            String path = each.getKey();
            Double multiple = now.multiples.get(path);
            if (multiple == null) {
                if (isWhole) {
                    isFine = false;
                    lines.add("FAILS " + path + ": was not measured, the record has it");
                }
                continue;
            }
            boolean isWithin = multiple <= TOLERANCE * each.getValue();
            isFine &= isWithin;
            lines.add(
                    (isWithin ? "holds " : "FAILS ") + path + ": " + number(multiple, 2) + " times its floor, recorded "
                            + number(each.getValue(), 2) + ", limit " + number(TOLERANCE * each.getValue(), 2));
        }
        for (String path : now.multiples.keySet()) {
            if (!multiples.containsKey(path)) {
                lines.add("new   " + path + ": is not in the record");
            }
        }
        return new Verdict(lines, isFine);
    }
}
