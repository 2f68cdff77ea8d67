package dev.sluice.bridge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.ingest.MessageCodec;
import dev.sluice.buffer.SegmentLog;
import dev.sluice.queue.NewMessage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ExportTest extends BufferCommandFixture {
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
    void skipsDrainedMessagesUnlessAskedForAll() throws Exception {
        push(root.resolve("other"), 1, messages(0, 10));
        directory = root.resolve("other");
        Path lane = directory.resolve("generation-1/lane-0");
        try (var log = SegmentLog.open(config(lane))) {
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
    void writesFailedRecordsWithTheReasonAndUnreadableOnesAsBytes() throws Exception {
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
        assertThat(ran.lines().get(1).get("unreadable").asText()).contains("format version 9");
    }

    @Test
    void continuesBehindDamage() throws Exception {
        push(directory, 2, messages(MESSAGES, 2 * MESSAGES));
        Path lane = directory.resolve("generation-1/lane-0");
        flip(lane.resolve("00000000000000000000.log"), 500);
        Ran ran = run("export");
        assertThat(ran.lines()).hasSizeBetween(MESSAGES, 2 * MESSAGES - 1);
    }
}
