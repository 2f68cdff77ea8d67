package dev.sluice.queue;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.view.ListedMessage;
import dev.sluice.queue.view.MessageFilter;
import dev.sluice.queue.view.ResourceFilter;
import dev.sluice.queue.view.StoredMessages;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The time and the lane that a message keeps from a previous place. */
class OriginTest {
    private static final Instant CREATED = Instant.parse("1999-12-31T23:59:59.999999Z");

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private QueueWriter writer;

    @BeforeEach
    void open() {
        writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    }

    @AfterEach
    void close() {
        writer.close();
    }

    private static NewMessage message(String partition, String id, @Nullable Instant at, @Nullable PriorityLane lane) {
        return NewMessage.builder(UUID.randomUUID(), "q", partition, id, "1".getBytes(UTF_8))
                .origin(new Origin(at, lane))
                .build();
    }

    @Test
    void theTimeOfCreationIsWhatConsumersAndListsShowOfTheMessageThatHasOne() {
        Instant before = postgresNow();
        writer.write(List.of(message("p", "old", CREATED, null), message("p", "new", null, null)), List.of());
        Queue queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        List<Message> popped = queue.pop(
                        new PopTarget("q", null, PopTarget.DEFAULT_GROUP),
                        List.of(new PopRequest(10, 1, false, Subscription.ALL)))
                .get(0)
                .messages();
        assertThat(popped).extracting(Message::transactionId).containsExactly("old", "new");
        assertThat(popped.get(0).createdAt()).isEqualTo(CREATED);
        assertThat(popped.get(1).createdAt()).isAfterOrEqualTo(before);

        var messages = new StoredMessages(postgres.dataSource(), "sluice", PayloadCipher.NONE);
        var filter = new MessageFilter(ResourceFilter.ofQueue("q"), null, null, null, null);
        assertThat(messages.list(filter, 10, 0, null).messages())
                .extracting(ListedMessage::createdAt)
                .containsExactly(popped.get(1).createdAt(), CREATED);
    }

    @Test
    void theEarliestAndTheLatestTimesAreKept() {
        writer.write(
                List.of(message("p", "1", Origin.EARLIEST, null), message("p", "2", Origin.LATEST, null)), List.of());
        Queue queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        List<Message> popped = queue.pop(
                        new PopTarget("q", null, PopTarget.DEFAULT_GROUP),
                        List.of(new PopRequest(10, 1, false, Subscription.ALL)))
                .get(0)
                .messages();
        assertThat(popped).extracting(Message::createdAt).containsExactly(Origin.EARLIEST, Origin.LATEST);
    }

    private Instant postgresNow() {
        return Instant.parse(postgres.query(
                        "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
                .get(0));
    }

    @Test
    void agesAreCountedFromTheWrite() {
        writer.write(List.of(message("p", "old", CREATED, null)), List.of());
        assertThat(postgres.query("select created_at > now() - interval '1 hour' from sluice.segments"))
                .containsExactly("t");
        assertThat(postgres.query("select created_at = '1999-12-31T23:59:59.999999Z' from sluice.messages"))
                .containsExactly("t");
    }

    @Test
    void aRunWithoutTimesHasNoArray() {
        writer.write(List.of(message("p", "t", null, null)), List.of());
        assertThat(postgres.query("select created_ats is null from sluice.segments"))
                .containsExactly("t");
    }

    @Test
    void theLaneCountsForTheFirstMessageOfAPartition() {
        writer.write(List.of(message("a", "1", null, PriorityLane.CRITICAL), message("b", "1", null, null)), List.of());
        writer.write(List.of(message("a", "2", null, PriorityLane.LOW)), List.of());
        assertThat(postgres.query("select name || lane from sluice.partitions order by name"))
                .containsExactly("a0", "b2");
    }
}
