package dev.sluice.bridge.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * All results of a run and the conditions that they were measured under; also as a file of JSON. A figure that is not
 * known is null in the file.
 *
 * @param conditions what a reader must know to judge the figures, by name
 */
public record Results(Map<String, String> conditions, List<Result> results) {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final int FORMAT = 1;
    private static final double ROUNDING = 1e4;

    /** Returns the result of a path. */
    Optional<Result> of(String path) {
        return results.stream().filter(result -> result.path().equals(path)).findFirst();
    }

    void write(Path file) throws IOException {
        ObjectNode root = MAPPER.createObjectNode().put("format", FORMAT);
        ObjectNode known = root.putObject("conditions");
        conditions.forEach(known::put);
        var list = root.putArray("results");
        for (Result result : results) {
            ObjectNode each = list.addObject().put("path", result.path());
            ObjectNode figures = each.putObject("figures");
            for (Figure figure : Figure.values()) {
                put(figures, figure.key(), result.get(figure));
            }
            ObjectNode multiples = each.putObject("multiples");
            result.multiples().forEach((floor, value) -> put(multiples, floor, value));
            ObjectNode threads = each.putObject("cpu_us_by_thread");
            result.threads().forEach((thread, value) -> put(threads, thread, value));
            ObjectNode stages = each.putObject("cpu_us_by_stage");
            result.stages().forEach((stage, value) -> put(stages, stage, value));
        }
        writeJson(file, root);
    }

    /** Writes a file that people read too. */
    public static void writeJson(Path file, ObjectNode root) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
        Files.writeString(file, MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
    }

    public static ObjectNode object() {
        return MAPPER.createObjectNode();
    }

    private static void put(ObjectNode node, String name, double value) {
        if (Double.isNaN(value)) {
            node.putNull(name);
        } else {
            node.put(name, Math.round(value * ROUNDING) / ROUNDING);
        }
    }

    /**
     * Reads a file that {@link #write} wrote.
     *
     * @throws BenchException if it is none
     */
    static Results read(Path file) throws IOException, BenchException {
        JsonNode root = readJson(file);
        if (root.path("format").asInt() != FORMAT || !root.path("results").isArray()) {
            throw BenchException.failed(file + " is no file of results of format " + FORMAT);
        }
        var conditions = new LinkedHashMap<String, String>();
        root.path("conditions")
                .properties()
                .forEach(
                        field -> conditions.put(field.getKey(), field.getValue().asText()));
        var results = new ArrayList<Result>();
        for (JsonNode each : root.path("results")) {
            var result = new Result(each.path("path").asText());
            each.path("figures").properties().forEach(field -> {
                if (field.getValue().isNumber()) {
                    Figure.of(field.getKey())
                            .ifPresent(figure ->
                                    result.set(figure, field.getValue().asDouble()));
                }
            });
            each.path("multiples")
                    .properties()
                    .forEach(field ->
                            result.multiple(field.getKey(), field.getValue().asDouble()));
            each.path("cpu_us_by_thread")
                    .properties()
                    .forEach(field -> result.threads()
                            .put(field.getKey(), field.getValue().asDouble()));
            each.path("cpu_us_by_stage")
                    .properties()
                    .forEach(field ->
                            result.stages().put(field.getKey(), field.getValue().asDouble()));
            results.add(result);
        }
        return new Results(conditions, results);
    }

    /**
     * Reads a file of JSON.
     *
     * @throws BenchException if it does not exist or is no JSON
     */
    public static JsonNode readJson(Path file) throws IOException, BenchException {
        if (!Files.isRegularFile(file)) {
            throw BenchException.failed("there is no file " + file);
        }
        try {
            return MAPPER.readTree(Files.readString(file));
        } catch (JsonProcessingException e) {
            throw BenchException.failed(file + " is no JSON: " + e.getOriginalMessage());
        }
    }
}
