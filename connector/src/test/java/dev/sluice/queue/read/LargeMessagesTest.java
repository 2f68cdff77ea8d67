package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class LargeMessagesTest extends QueueFixture {
    private static final String SMALLEST_LARGE = json(Message.LARGE_BYTES + 1);
    private static final PopRequest.Memory NONE = bytes -> false;

    private final List<Long> taken = new ArrayList<>();

    private static String json(int bytes) {
        return '"' + "x".repeat(bytes - 2) + '"';
    }

    private static NewMessage large(String partition, String transactionId, String payload) {
        return NewMessage.of(UUID.randomUUID(), "q", partition, transactionId, payload.getBytes(UTF_8));
    }

    private PopResult pop(int batch, int partitions, boolean autoAck, PopRequest.Memory memory) {
        var request = new PopRequest(batch, partitions, autoAck, Subscription.ALL, memory);
        return queue.pop(ANY, List.of(request)).get(0);
    }

    private boolean take(long bytes) {
        return taken.add(bytes);
    }

    @Test
    void comeBackByteForByteWithTheMessagesAroundThem() {
        String payload = "[\"" + "äö🙂\\\"\\\\{},".repeat(200_000) + "\", null]";
        writer.write(List.of(message("p", "t1"), large("p", "t2", payload), message("p", "t3")), List.of());
        PopResult result = pop(3, 1, false, this::take);
        assertThat(transactionIds(result)).containsExactly("t1", "t2", "t3");
        assertThat(result.messages().get(1).payload()).isEqualTo(payload.getBytes(UTF_8));
        assertThat(taken).containsExactly((long) payload.getBytes(UTF_8).length, 0L);
    }

    @Test
    void takeMemoryOnlyAboveTheLimit() {
        String largest = json(Message.LARGE_BYTES);
        writer.write(List.of(large("p", "t1", largest), large("p", "t2", SMALLEST_LARGE)), List.of());
        assertThat(transactionIds(pop(1, 1, true, NONE))).containsExactly("t1");
        assertThat(pop(1, 1, true, NONE).status()).isEqualTo(Status.NO_MEMORY);
        assertThat(pop(1, 1, true, this::take).messages().get(0).payloadText()).isEqualTo(SMALLEST_LARGE);
    }

    @Test
    void stayInTheQueueIfThereIsNoMemory() {
        writer.write(List.of(large("p", "t1", SMALLEST_LARGE)), List.of());
        for (boolean autoAck : List.of(true, false)) {
            PopResult refused = pop(1, 1, autoAck, NONE);
            assertThat(refused.status()).isEqualTo(Status.NO_MEMORY);
            assertThat(refused.messages()).isEmpty();
        }
        PopResult result = pop(1, 1, false, this::take);
        assertThat(transactionIds(result)).containsExactly("t1");
        complete(result);
        assertThat(pop(1, 1, false, this::take).status()).isEqualTo(Status.EMPTY);
    }

    @Test
    void leaveTheMessagesInFrontOfThemToThePop() {
        writer.write(List.of(message("p", "t1"), large("p", "t2", SMALLEST_LARGE), message("p", "t3")), List.of());
        PopResult first = pop(3, 1, false, NONE);
        assertThat(transactionIds(first)).containsExactly("t1");
        complete(first);
        assertThat(pop(3, 1, false, NONE).status()).isEqualTo(Status.NO_MEMORY);
        assertThat(transactionIds(pop(3, 1, false, this::take))).containsExactly("t2", "t3");
    }

    @Test
    void keepNoOtherPartitionFromThePop() {
        writer.write(List.of(large("p1", "t1", SMALLEST_LARGE), message("p2", "t2")), List.of());
        assertThat(transactionIds(pop(3, 2, true, NONE))).containsExactly("t2");
        assertThat(transactionIds(pop(3, 2, true, this::take))).containsExactly("t1");
    }

    @Test
    void thatAreDeletedArePassed() {
        writer.write(List.of(large("p", "t1", SMALLEST_LARGE), message("p", "t2")), List.of());
        postgres.execute("update sluice.segments set payloads = array[null]::text[], has_deletions = true"
                + " where first_seq = 1");
        assertThat(transactionIds(pop(2, 1, false, this::take))).containsExactly("t2");
    }

    @Test
    void takeMoreMemoryIfTheyAreEncrypted() {
        PayloadCipher cipher = PayloadCipher.of("a:" + "1f".repeat(32), null);
        postgres.execute("insert into sluice.queues (name, encryption_enabled) values ('q', true)");
        try (var sealing = new QueueWriter(
                postgres.dataSource(),
                new QueueWriterConfig("sluice", Duration.ofHours(1), 1000, cipher, Duration.ofSeconds(5)))) {
            sealing.write(List.of(large("p", "t1", SMALLEST_LARGE)), List.of());
        }
        queue = new Queue(postgres.dataSource(), new QueueConfig("sluice", QueueConfig.DEFAULT_POP_MAX_BYTES, cipher));
        assertThat(pop(1, 1, true, bytes -> taken.isEmpty() && take(bytes)).status())
                .isEqualTo(Status.NO_MEMORY);
        taken.clear();
        assertThat(pop(1, 1, true, this::take).messages().get(0).payloadText()).isEqualTo(SMALLEST_LARGE);
        assertThat(taken).hasSize(2);
        assertThat(taken.get(1)).isEqualTo(3 * taken.get(0));
    }
}
