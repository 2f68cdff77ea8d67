package dev.sluice.bridge.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.buffer.FailedLog;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.queue.NewMessage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A directory with {@value #MESSAGES} messages in two lanes, and the command that is run on it. */
abstract class BufferCommandFixture {
    static final ObjectMapper JSON = new ObjectMapper();
    static final int MESSAGES = 200;

    @TempDir
    Path root;

    Path directory;

    /** The outcome of a command. */
    record Ran(int status, String out, String err) {
        JsonNode json() throws IOException {
            return JSON.readTree(out);
        }

        List<JsonNode> lines() {
            return out.lines()
                    .map(line -> {
                        try {
                            return JSON.readTree(line);
                        } catch (IOException e) {
                            throw new AssertionError(line, e);
                        }
                    })
                    .toList();
        }
    }

    @BeforeEach
    void writeABacklog() throws Exception {
        directory = root.resolve("log");
        push(directory, 2, messages(0, MESSAGES));
    }

    static SegmentLogConfig config(Path directory) {
        return SegmentLogConfig.defaults(directory)
                .withLimits(64 << 10, 128 << 10, 1 << 20)
                .withSizes(8 << 10, 1 << 20);
    }

    static void push(Path directory, int lanes, List<NewMessage> messages) throws Exception {
        try (var open = Lanes.open(directory, lanes, config(directory));
                var intake = new Intake(open, Duration.ZERO)) {
            intake.accept(messages, Durability.BUFFERED).get();
        }
    }

    static List<NewMessage> messages(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(i -> message(i, "{\"n\": " + i + ",  \"e\":\"\u00e9\\u0000\"}"))
                .toList();
    }

    static NewMessage message(int number, String payload) {
        return NewMessage.builder(
                        new UUID(0x0190_0000_0000_7000L, 0x8000_0000_0000_0000L | number),
                        "orders",
                        "p" + number % 7,
                        "t-" + number,
                        payload.getBytes(UTF_8))
                .generatedTransactionId(number % 2 == 0)
                .traceId(number % 3 == 0 ? new UUID(1, number) : null)
                .producerSub(number % 5 == 0 ? "alice" : null)
                .deliverAt(number % 11 == 0 ? Instant.parse("2030-01-02T03:04:05.678Z") : null)
                .delay(number % 13 == 0 ? Duration.ofMillis(1234) : null)
                .build();
    }

    Ran run(String... words) {
        return runWith("", words);
    }

    Ran runWith(String in, String... words) {
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        int status = BufferCommand.run(
                List.of(words),
                (file, dir) -> new BufferSettings(1, config(dir == null ? directory : dir)),
                new ByteArrayInputStream(in.getBytes(UTF_8)),
                new PrintStream(out, true, UTF_8),
                new PrintStream(err, true, UTF_8));
        return new Ran(status, out.toString(UTF_8), err.toString(UTF_8));
    }

    TreeMap<String, String> snapshot() throws IOException {
        try (var files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile)
                    .collect(Collectors.toMap(
                            file -> directory.relativize(file).toString(),
                            file -> {
                                try {
                                    return Files.getLastModifiedTime(file) + " "
                                            + Arrays.hashCode(Files.readAllBytes(file));
                                } catch (IOException e) {
                                    throw new AssertionError(e);
                                }
                            },
                            (a, b) -> a,
                            TreeMap::new));
        }
    }

    void addFailed(byte[]... entries) throws Exception {
        try (var failed = FailedLog.open(directory.resolve("failed"))) {
            for (byte[] entry : entries) {
                failed.append(List.of(
                        FailedRecord.of(Instant.parse("2026-05-16T10:00:00Z"), "no such \u00e4", "lane@1", entry)));
            }
        }
    }

    Path segment() {
        return directory.resolve("generation-1/lane-0/00000000000000000000.log");
    }

    void flip(Path file, int at) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[at] ^= 1;
        Files.write(file, bytes);
    }

    /** Exports the log and returns the lines. */
    List<JsonNode> exported(String... options) {
        var words = new ArrayList<>(List.of("export"));
        words.addAll(List.of(options));
        return run(words.toArray(String[]::new)).lines();
    }

    static List<String> transactionIds(List<JsonNode> lines, String partition) {
        return lines.stream()
                .filter(line -> line.path("partition").asText().equals(partition))
                .map(line -> line.path("transactionId").asText())
                .toList();
    }
}
