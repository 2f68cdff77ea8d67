package dev.sluice.bridge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.bridge.ingest.MessageCodec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class RequeueTest extends BufferCommandFixture {
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
                .map(line ->
                        ((ObjectNode) line.deepCopy()).without("acceptedAt").toString())
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
        assertThat(run("inspect", "--json").json().get("generation").asInt()).isEqualTo(1);
    }

    @Test
    void skipsAByteOrderMark() {
        Ran ran = runWith("""
                \uFEFF{"queue":"q","transactionId":"a","payload":1}
                {"queue":"q","transactionId":"b","payload":2}
                """, "requeue", "-");
        assertThat(ran.status()).as(ran.err()).isZero();
        assertThat(transactionIds(exported(), "Default")).containsExactly("a", "b");
    }

    @Test
    void namesTheLinesItSkips() {
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
    void stopsWhenTheLogIsFullAndReportsHowFarItGot() throws Exception {
        var lines = new StringBuilder();
        for (int i = 0; i < 2_000; i++) {
            lines.append(
                    "{\"queue\":\"q\",\"transactionId\":\"b-" + i + "\",\"payload\":\"" + "x".repeat(1000) + "\"}\n");
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
    void requeuesFailedRecordsAndKeepsThoseThatAreNoMessages() throws Exception {
        addFailed(MessageCodec.encode(message(1_001, "[1]")), new byte[] {9}, MessageCodec.encode(message(1_008, "2")));
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
    void cannotReachABridgeThatDoesNotRun() {
        Ran ran = runWith(
                "{\"queue\":\"q\",\"transactionId\":\"a\",\"payload\":1}\n",
                "requeue",
                "-",
                "--url",
                "http://127.0.0.1:1");
        assertThat(ran.status()).isEqualTo(BufferCommand.CANNOT_OPEN);
        assertThat(ran.err()).isEqualTo("sluice: no answer from http://127.0.0.1:1\n");
    }

    @Test
    void needsAnExistingFile() {
        assertThat(run("requeue", root.resolve("none").toString()).status()).isEqualTo(BufferCommand.CANNOT_OPEN);
    }
}
