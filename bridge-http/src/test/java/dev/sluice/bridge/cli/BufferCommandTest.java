package dev.sluice.bridge.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.bridge.ingest.MessageCodec;
import dev.sluice.buffer.FailedLog;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.buffer.LogDirectory;
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
import java.util.List;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BufferCommandTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MESSAGES = 200;

    @TempDir
    Path root;

    private Path directory;

    /** What a command said. */
    private record Ran(int status, String out, String err) {
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

    private static SegmentLogConfig config(Path directory) {
        return SegmentLogConfig.defaults(directory)
                .withLimits(64 << 10, 128 << 10, 1 << 20)
                .withSizes(8 << 10, 1 << 20);
    }

    private static void push(Path directory, int lanes, List<NewMessage> messages) throws Exception {
        try (var open = Lanes.open(directory, lanes, config(directory));
                var intake = new Intake(open, Duration.ZERO)) {
            intake.accept(messages, Durability.BUFFERED).get();
        }
    }

    private static List<NewMessage> messages(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(i -> message(i, "{\"n\": " + i + ",  \"e\":\"\u00e9\\u0000\"}"))
                .toList();
    }

    private static NewMessage message(int number, String payload) {
        return new NewMessage(
                new UUID(0x0190_0000_0000_7000L, 0x8000_0000_0000_0000L | number),
                "orders",
                "p" + number % 7,
                "t-" + number,
                number % 2 == 0,
                payload.getBytes(UTF_8),
                number % 3 == 0 ? new UUID(1, number) : null,
                number % 5 == 0 ? "alice" : null,
                number % 11 == 0 ? Instant.parse("2030-01-02T03:04:05.678Z") : null,
                number % 13 == 0 ? Duration.ofMillis(1234) : null);
    }

    private Ran run(String... words) {
        return runWith("", words);
    }

    private Ran runWith(String in, String... words) {
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

    private TreeMap<String, String> snapshot() throws IOException {
        try (var files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile)
                    .collect(Collectors.toMap(
                            file -> directory.relativize(file).toString(),
                            file -> {
                                try {
                                    return Files.getLastModifiedTime(file) + " "
                                            + java.util.Arrays.hashCode(Files.readAllBytes(file));
                                } catch (IOException e) {
                                    throw new AssertionError(e);
                                }
                            },
                            (a, b) -> a,
                            TreeMap::new));
        }
    }

    private void addFailed(byte[]... entries) throws Exception {
        try (var failed = FailedLog.open(directory.resolve("failed"))) {
            for (byte[] entry : entries) {
                failed.append(List.of(
                        FailedRecord.of(Instant.parse("2026-05-16T10:00:00Z"), "no such \u00e4", "lane@1", entry)));
            }
        }
    }

    private Path segment() {
        return directory.resolve("generation-1/lane-0/00000000000000000000.log");
    }

    private void flip(Path file, int at) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[at] ^= 1;
        Files.write(file, bytes);
    }

    /** Returns what is in the log now, by export. */
    private List<JsonNode> exported(String... options) {
        var words = new ArrayList<>(List.of("export"));
        words.addAll(List.of(options));
        return run(words.toArray(String[]::new)).lines();
    }

    private static List<String> transactionIds(List<JsonNode> lines, String partition) {
        return lines.stream()
                .filter(line -> line.path("partition").asText().equals(partition))
                .map(line -> line.path("transactionId").asText())
                .toList();
    }

    @Nested
    class TheWords {
        @Test
        void areRefusedWhenTheyAreNotACommand() {
            for (String[] words : new String[][] {
                {},
                {"look"},
                {"inspect", "--fast"},
                {"inspect", "here"},
                {"verify", "--dir"},
                {"export", "--all", "--failed"},
                {"requeue"},
                {"requeue", "a", "b"},
                {"requeue", "a", "--failed"},
                {"requeue", "a", "--url", "localhost:1"},
                {"requeue", "a", "--url", "ftp://localhost:1"},
                {"--fast"}
            }) {
                Ran ran = run(words);
                assertThat(ran.status()).as(List.of(words).toString()).isEqualTo(BufferCommand.WRONG_USAGE);
                assertThat(ran.out()).isEmpty();
                assertThat(ran.err()).startsWith("sluice: ");
            }
            assertThat(run().err()).contains("Exit codes: 0 fine");
            assertThat(run("--help")).isEqualTo(new Ran(BufferCommand.FINE, BufferCommand.USAGE, ""));
        }

        @Test
        void areRefusedWhenTheConfigurationIsNotValid() {
            var err = new ByteArrayOutputStream();
            int status = BufferCommand.run(
                    List.of("inspect"),
                    (file, dir) -> {
                        throw new UsageException(List.of("a is wrong", "b is wrong"));
                    },
                    new ByteArrayInputStream(new byte[0]),
                    new PrintStream(new ByteArrayOutputStream(), true, UTF_8),
                    new PrintStream(err, true, UTF_8));
            assertThat(status).isEqualTo(BufferCommand.WRONG_USAGE);
            assertThat(err.toString(UTF_8)).isEqualTo("sluice: a is wrong\nsluice: b is wrong\n");
        }

        @Test
        void nameADirectoryThatIsThereAndHasALog() throws IOException {
            Path empty = Files.createDirectory(root.resolve("empty"));
            Path file = Files.createFile(root.resolve("file"));
            for (String command : List.of("inspect", "verify", "repair", "export")) {
                assertThat(run(command, "--dir", root.resolve("none").toString())
                                .status())
                        .isEqualTo(BufferCommand.CANNOT_OPEN);
                assertThat(run(command, "--dir", empty.toString()))
                        .isEqualTo(
                                new Ran(BufferCommand.CANNOT_OPEN, "", "sluice: there is no log in " + empty + "\n"));
                assertThat(run(command, "--dir", file.toString()).status()).isEqualTo(BufferCommand.CANNOT_OPEN);
            }
            assertThat(root.resolve("none")).doesNotExist();
            assertThat(empty).isEmptyDirectory();
        }
    }

    @Nested
    class Inspecting {
        @Test
        void showsEveryLogAndChangesNothing() throws Exception {
            addFailed(new byte[] {1}, new byte[] {2});
            var before = snapshot();
            Ran ran = run("inspect", "--json");
            assertThat(ran.status()).as(ran.err()).isZero();
            JsonNode json = ran.json();
            assertThat(json.get("generation").asInt()).isEqualTo(1);
            assertThat(json.get("lanes").asInt()).isEqualTo(2);
            assertThat(json.get("waiting").asInt()).isEqualTo(MESSAGES);
            assertThat(json.get("failedRecords").asInt()).isEqualTo(2);
            assertThat(json.get("holder").isNull()).isTrue();
            assertThat(json.get("logs").findValuesAsText("name")).containsExactly("1/0", "1/1", "failed");
            assertThat(json.at("/logs/0/closedCleanly").asBoolean()).isTrue();
            assertThat(json.at("/logs/0/segments")).isNotEmpty();
            assertThat(run("inspect").out())
                    .contains("in use      no")
                    .contains("lane        1/1, log ")
                    .contains("failed      2 records");
            assertThat(snapshot()).isEqualTo(before);
        }

        @Test
        void saysWhoHoldsARunningLogAndDoesNotDisturbIt() throws Exception {
            try (var running = Lanes.open(directory, 2, config(directory))) {
                assertThat(run("inspect", "--json").json().get("holder").asText())
                        .startsWith("process " + ProcessHandle.current().pid() + " on ");
                assertThat(run("verify").status()).isZero();
                assertThat(run("verify").err()).contains("in use by process ");
                assertThat(run("export").lines()).hasSize(MESSAGES);
                assertThat(running.status()).hasSize(2);
                assertThat(LogDirectory.holder(directory.resolve("generation-1/lane-0")))
                        .isPresent();
            }
        }

        @Test
        void saysThatALaneIsNotDrainedAnyMore() throws Exception {
            Files.createFile(directory.resolve("generation-1/lane-1.source-taken"));
            Ran ran = run("inspect");
            assertThat(ran.status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(ran.out()).contains("problem     lane 1/1 is not drained while there is ");
        }

        @Test
        void findsADamagedListOfLanes() throws Exception {
            Files.writeString(directory.resolve("lanes.properties"), "generation=x\n");
            assertThat(run("inspect").status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(run("verify").status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(run("requeue", "-").status()).isEqualTo(BufferCommand.CANNOT_OPEN);
            assertThat(run("repair").out()).contains("set aside as ");
            try (var lanes = Lanes.open(directory, 1, config(directory))) {
                assertThat(lanes.status().stream()
                                .mapToLong(log -> log.uncommittedEntries())
                                .sum())
                        .isEqualTo(MESSAGES);
            }
        }
    }

    @Nested
    class Verifying {
        @Test
        void findsNothingInALogThatIsAllRight() throws Exception {
            addFailed(new byte[] {1});
            var before = snapshot();
            JsonNode json = run("verify", "--json").json();
            assertThat(json.get("fine").asBoolean()).isTrue();
            assertThat(json.get("logs").findValuesAsText("name")).containsExactly("1/0", "1/1", "failed");
            assertThat(json.at("/logs/0/report/entries").asInt()
                            + json.at("/logs/1/report/entries").asInt())
                    .isEqualTo(MESSAGES);
            assertThat(run("verify").out()).endsWith("nothing out of the ordinary\n");
            assertThat(snapshot()).isEqualTo(before);
        }

        @Test
        void findsDamageAndChangesNothing() throws Exception {
            flip(segment(), 500);
            var before = snapshot();
            Ran ran = run("verify", "--json");
            assertThat(ran.status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(ran.json().get("fine").asBoolean()).isFalse();
            assertThat(ran.json().at("/logs/0/report/findings")).isNotEmpty();
            assertThat(run("verify").out()).contains("00000000000000000000.log at byte ");
            assertThat(snapshot()).isEqualTo(before);
        }
    }

    @Nested
    class Repairing {
        @Test
        void cutsATornTailOnceAndForAll() throws Exception {
            Path lane = directory.resolve("generation-1/lane-0");
            Path newest;
            try (var files = Files.list(lane)) {
                newest = files.filter(file -> file.toString().endsWith(".log"))
                        .sorted()
                        .reduce((a, b) -> b)
                        .orElseThrow();
            }
            byte[] bytes = Files.readAllBytes(newest);
            Files.write(newest, java.util.Arrays.copyOf(bytes, bytes.length - 3));
            assertThat(run("verify").status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(run("repair").status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(run("repair").status()).isZero();
            assertThat(run("verify").status()).isZero();
        }

        @Test
        void isRefusedWhileTheLogRunsAndTouchesNothing() throws Exception {
            try (var running = Lanes.open(directory, 2, config(directory))) {
                Ran ran = run("repair");
                assertThat(ran.status()).isEqualTo(BufferCommand.CANNOT_OPEN);
                assertThat(ran.err())
                        .contains("in use by process " + ProcessHandle.current().pid() + " on ")
                        .contains("; stop it first");
                assertThat(running.status()).hasSize(2);
            }
        }
    }

    @Nested
    class Exporting {
        @Test
        void writesEveryMessageOnALineInTheOrderOfItsPartition() throws Exception {
            var before = snapshot();
            Ran ran = run("export");
            assertThat(ran.status()).as(ran.err()).isZero();
            assertThat(ran.err()).isEqualTo("sluice: " + MESSAGES + " messages exported\n");
            List<JsonNode> lines = ran.lines();
            assertThat(lines).hasSize(MESSAGES);
            for (int p = 0; p < 7; p++) {
                int partition = p;
                assertThat(transactionIds(lines, "p" + p))
                        .isEqualTo(IntStream.range(0, MESSAGES)
                                .filter(i -> i % 7 == partition)
                                .mapToObj(i -> "t-" + i)
                                .toList());
            }
            assertThat(ran.out()).contains("\"payload\":{\"n\": 3,  \"e\":\"\u00e9\\u0000\"}}");
            assertThat(snapshot()).isEqualTo(before);
        }

        @Test
        void skipsWhatHasBeenMovedOnUnlessAskedForAll() throws Exception {
            push(root.resolve("other"), 1, messages(0, 10));
            directory = root.resolve("other");
            Path lane = directory.resolve("generation-1/lane-0");
            try (var log = dev.sluice.buffer.SegmentLog.open(config(lane))) {
                log.commit(4);
            }
            assertThat(exported()).hasSize(6);
            assertThat(exported("--all")).hasSize(10);
        }

        @Test
        void keepsPayloadsWithLineBreaksExactly() throws Exception {
            directory = root.resolve("other");
            var payloads = List.of("[1,\n 2]", "{\r\n}", "\"a\\nb\"");
            var pushed = new ArrayList<NewMessage>();
            for (int i = 0; i < payloads.size(); i++) {
                pushed.add(message(i * 7, payloads.get(i)));
            }
            push(directory, 1, pushed);
            Ran ran = run("export");
            assertThat(ran.lines()).hasSize(3);
            directory = root.resolve("third");
            Files.createDirectory(directory);
            assertThat(runWith(ran.out(), "requeue", "-").status()).isZero();
            assertThat(run("export").lines().stream()
                            .map(line -> line.path("payloadText")
                                    .asText(line.path("payload").toString())))
                    .containsExactlyElementsOf(payloads);
        }

        @Test
        void givesAFileItsNameWhenItIsComplete() throws Exception {
            Path file = root.resolve("out.ndjson");
            Ran ran = run("export", "--output", file.toString(), "--json");
            assertThat(ran.status()).isZero();
            assertThat(ran.out()).isEmpty();
            assertThat(JSON.readTree(ran.err()).get("messages").asInt()).isEqualTo(MESSAGES);
            assertThat(file).hasContent(run("export").out());
            assertThat(root.resolve("out.ndjson.new")).doesNotExist();
        }

        @Test
        void writesFailedRecordsWithWhyAndWhatCannotBeReadAsItIs() throws Exception {
            addFailed(MessageCodec.encode(message(42, "[1]")), new byte[] {9, 9, 9});
            Ran ran = run("export", "--failed");
            assertThat(ran.status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(ran.lines()).hasSize(2);
            JsonNode first = ran.lines().get(0);
            assertThat(first.get("failedId").asLong()).isZero();
            assertThat(first.get("reason").asText()).isEqualTo("no such \u00e4");
            assertThat(first.get("origin").asText()).isEqualTo("lane@1");
            assertThat(first.get("failedAt").asText()).isEqualTo("2026-05-16T10:00:00Z");
            assertThat(first.get("transactionId").asText()).isEqualTo("t-42");
            assertThat(ran.lines().get(1).get("entry").asText()).isEqualTo("CQkJ");
            assertThat(ran.lines().get(1).get("unreadable").asText()).contains("at least 18 bytes");
        }

        @Test
        void goesOnBehindDamageAndSaysSo() throws Exception {
            push(directory, 2, messages(MESSAGES, 2 * MESSAGES));
            Path lane = directory.resolve("generation-1/lane-0");
            flip(lane.resolve("00000000000000000000.log"), 500);
            Ran ran = run("export");
            assertThat(ran.lines()).hasSizeBetween(MESSAGES, 2 * MESSAGES - 1);
        }
    }

    @Nested
    class Requeueing {
        @Test
        void bringsBackEveryFieldInOrder() throws Exception {
            Ran first = run("export");
            Path file = Files.writeString(root.resolve("messages.ndjson"), first.out());
            directory = root.resolve("other");
            Files.createDirectory(directory);
            Ran ran = run("requeue", file.toString(), "--json");
            assertThat(ran.status()).as(ran.err()).isZero();
            assertThat(ran.json().get("requeued").asInt()).isEqualTo(MESSAGES);
            List<JsonNode> again = exported();
            for (int p = 0; p < 7; p++) {
                assertThat(transactionIds(again, "p" + p)).isEqualTo(transactionIds(first.lines(), "p" + p));
            }
            assertThat(withoutTimes(again)).containsExactlyInAnyOrderElementsOf(withoutTimes(first.lines()));
        }

        private List<String> withoutTimes(List<JsonNode> lines) {
            return lines.stream()
                    .map(line -> ((com.fasterxml.jackson.databind.node.ObjectNode) line.deepCopy())
                            .without("acceptedAt")
                            .toString())
                    .toList();
        }

        @Test
        void appendsToTheLanesTheDirectoryHas() throws Exception {
            Ran ran = runWith(
                    "{\"queue\":\"orders\",\"partition\":\"p1\",\"transactionId\":\"new\",\"payload\":1}\n\n",
                    "requeue",
                    "-");
            assertThat(ran.status()).as(ran.err()).isZero();
            assertThat(transactionIds(exported(), "p1")).endsWith("t-197", "new");
            assertThat(run("inspect", "--json").json().get("generation").asInt())
                    .isEqualTo(1);
        }

        @Test
        void passesOverAByteOrderMark() {
            Ran ran = runWith("""
                    \uFEFF{"queue":"q","transactionId":"a","payload":1}
                    {"queue":"q","transactionId":"b","payload":2}
                    """, "requeue", "-");
            assertThat(ran.status()).as(ran.err()).isZero();
            assertThat(transactionIds(exported(), "Default")).containsExactly("a", "b");
        }

        @Test
        void namesTheLinesItPassesOver() {
            Ran ran = runWith("""
                    {"queue":"q","transactionId":"a","payload":1}
                    {"queue":"q","payload":1}
                    nonsense
                    {"unreadable":"why","entry":"AA=="}
                    {"queue":"q","transactionId":"b","payload":2}
                    """, "requeue", "-");
            assertThat(ran.status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(ran.err())
                    .contains("line 2: transactionId is required")
                    .contains("line 3: Invalid JSON")
                    .contains("line 4: it holds an entry that is not a message");
            assertThat(ran.out()).contains("2 messages are in the log again").contains("3 lines are not messages");
            assertThat(transactionIds(exported(), "Default")).containsExactly("a", "b");
        }

        @Test
        void stopsWhenTheLogIsFullAndSaysHowFarItCame() throws Exception {
            var lines = new StringBuilder();
            for (int i = 0; i < 2_000; i++) {
                lines.append("{\"queue\":\"q\",\"transactionId\":\"b-" + i + "\",\"payload\":\"" + "x".repeat(1000)
                        + "\"}\n");
            }
            Ran ran = runWith(lines.toString(), "requeue", "-", "--json");
            assertThat(ran.status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(ran.json().get("stopped").asText()).contains("the buffer is full");
            assertThat(ran.json().get("requeued").asInt()).isPositive();
        }

        @Test
        void isRefusedWhileTheLogRuns() throws Exception {
            try (var running = Lanes.open(directory, 2, config(directory))) {
                for (String what : List.of("-", "--failed")) {
                    addFailed(new byte[] {1});
                    Ran ran = run("requeue", what);
                    assertThat(ran.status()).isEqualTo(BufferCommand.CANNOT_OPEN);
                    assertThat(ran.err()).contains("in use by process ").contains("or name its address with --url");
                }
                assertThat(running.status()).hasSize(2);
            }
        }

        @Test
        void putsFailedRecordsBackAndKeepsWhatIsNotAMessage() throws Exception {
            addFailed(
                    MessageCodec.encode(message(1_001, "[1]")),
                    new byte[] {9},
                    MessageCodec.encode(message(1_008, "2")));
            Ran ran = run("requeue", "--failed", "--json");
            assertThat(ran.status()).isEqualTo(BufferCommand.PROBLEM);
            assertThat(ran.json().get("requeued").asInt()).isEqualTo(2);
            assertThat(ran.json().get("kept").asInt()).isEqualTo(1);
            assertThat(transactionIds(exported(), "p0")).endsWith("t-196", "t-1001", "t-1008");
            assertThat(exported("--failed"))
                    .singleElement()
                    .satisfies(line -> assertThat(line.get("entry").asText()).isEqualTo("CQ=="));
        }

        @Test
        void cannotReachABridgeThatIsNotThere() {
            Ran ran = runWith(
                    "{\"queue\":\"q\",\"transactionId\":\"a\",\"payload\":1}\n",
                    "requeue",
                    "-",
                    "--url",
                    "http://127.0.0.1:1");
            assertThat(ran.status()).isEqualTo(BufferCommand.CANNOT_OPEN);
            assertThat(ran.err()).isEqualTo("sluice: nobody answers at http://127.0.0.1:1\n");
        }

        @Test
        void needsAFileThatIsThere() {
            assertThat(run("requeue", root.resolve("none").toString()).status()).isEqualTo(BufferCommand.CANNOT_OPEN);
        }
    }
}
