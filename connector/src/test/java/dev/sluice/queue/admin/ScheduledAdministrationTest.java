package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.inParallel;
import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.Message;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.admin.ScheduledMessages.Entry;
import dev.sluice.queue.admin.ScheduledMessages.Filter;
import dev.sluice.queue.admin.ScheduledMessages.Page;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Lists, cancels and moves of scheduled messages, and their races with the release. */
class ScheduledAdministrationTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Instant NOON = Instant.parse("2035-01-01T12:00:00Z");

    @AutoClose
    private static final AdministrationFixture sluice = new AdministrationFixture();

    private static final ScheduledMessages scheduled = of(PayloadCipher.NONE, ScheduledMessages.MAX_PAGE_BYTES, 10_000);

    private static ScheduledMessages of(PayloadCipher cipher, long pageBytes, int scanned) {
        return new ScheduledMessages(sluice.postgres.dataSource(), "sluice", cipher, pageBytes, scanned);
    }

    /** New partitions know no transaction ids of other tests. */
    @BeforeEach
    void nothingIsLeft() {
        sluice.queues.delete("q");
        sluice.queues.delete("other");
        sluice.retention.sweep();
        assertThat(sluice.postgres.query("select count(*) from sluice.scheduled"))
                .containsExactly("0");
    }

    @AfterEach
    void theCountersAreRight() {
        assertCounters();
    }

    /** The counter of every partition is the number of its scheduled messages. */
    private static void assertCounters() {
        assertThat(sluice.postgres.query("select p.id from sluice.partitions p where p.scheduled <>"
                        + " (select count(*) from sluice.scheduled s where s.partition_id = p.id)"))
                .isEmpty();
    }

    private static NewMessage at(String queue, String partition, String transactionId, @Nullable Instant time) {
        return NewMessage.builder(UUID.randomUUID(), queue, partition, transactionId, json(transactionId))
                .deliverAt(time)
                .producerSub("alice")
                .build();
    }

    private static byte[] json(String transactionId) {
        return ("{\"tx\": \"" + transactionId + "\"}").getBytes(StandardCharsets.UTF_8);
    }

    private static List<NewMessage> push(int count) {
        var messages = new ArrayList<NewMessage>();
        for (int i = 1; i <= count; i++) {
            messages.add(at("q", "p", "t" + i, NOON.plusSeconds(i)));
        }
        sluice.push(messages.toArray(NewMessage[]::new));
        return messages;
    }

    private static List<String> ids(Page page) {
        return page.messages().stream().map(Entry::transactionId).toList();
    }

    private static List<String> delivered(String group) {
        return transactionIds(sluice.pop(group, 1000));
    }

    private static Entry find(NewMessage message) {
        return scheduled.find(message.id()).orElseThrow();
    }

    @Test
    void aMessageIsShownWithEverythingThatIsKnownOfIt() {
        Instant created = Instant.parse("2020-02-03T04:05:06Z");
        UUID trace = UUID.randomUUID();
        NewMessage message = NewMessage.builder(UUID.randomUUID(), "q", "p", "t", json("t"))
                .deliverAt(NOON)
                .traceId(trace)
                .producerSub("alice")
                .headers(Messages.HEADERS)
                .origin(new Origin(created, PriorityLane.HIGH))
                .build();
        sluice.push(message);
        Entry found = find(message);
        assertThat(found.id()).isEqualTo(message.id());
        assertThat(found.transactionId()).isEqualTo("t");
        assertThat(found.queue()).isEqualTo("q");
        assertThat(found.partition()).isEqualTo("p");
        assertThat(found.partitionId()).isEqualTo(sluice.partition("p"));
        assertThat(found.dueAt()).isEqualTo(NOON);
        assertThat(found.createdAt()).isEqualTo(created);
        assertThat(found.traceId()).isEqualTo(trace);
        assertThat(found.producerSub()).isEqualTo("alice");
        assertThat(found.headers()).isEqualTo(Messages.HEADERS);
        assertThat(found.payload()).isEqualTo(json("t"));
        assertThat(found.encrypted()).isFalse();

        Entry listed = scheduled.list(Filter.ALL, false, 1, null).messages().get(0);
        assertThat(listed.payload()).isNull();
        assertThat(listed).usingRecursiveComparison().ignoringFields("payload").isEqualTo(found);
        assertThat(scheduled.list(Filter.ALL, true, 1, null).messages().get(0).payload())
                .isEqualTo(json("t"));
        assertThat(scheduled.find(UUID.randomUUID())).isEmpty();
    }

    @Test
    void pagesAreInTheOrderOfTheTimesAndFilteredOnBothEdges() {
        sluice.push(
                at("q", "p", "b", NOON.plusSeconds(1)),
                at("q", "p", "a", NOON),
                at("q", "other", "b too", NOON.plusSeconds(1)),
                at("other", "p", "c", NOON.plusSeconds(2)));
        assertThat(ids(scheduled.list(Filter.ALL, false, 10, null))).containsExactly("a", "b", "b too", "c");
        assertThat(ids(scheduled.list(new Filter("q", null, null, null), false, 10, null)))
                .containsExactly("a", "b", "b too");
        assertThat(ids(scheduled.list(new Filter(null, "p", null, null), false, 10, null)))
                .containsExactly("a", "b", "c");
        assertThat(ids(scheduled.list(new Filter("none", null, null, null), false, 10, null)))
                .isEmpty();
        Instant second = NOON.plusSeconds(1);
        assertThat(ids(scheduled.list(new Filter(null, null, second, null), false, 10, null)))
                .containsExactly("b", "b too", "c");
        assertThat(ids(scheduled.list(
                        new Filter(null, null, second.plus(1, ChronoUnit.MICROS), null), false, 10, null)))
                .containsExactly("c");
        assertThat(ids(scheduled.list(new Filter(null, null, null, second), false, 10, null)))
                .containsExactly("a");
        assertThat(ids(scheduled.list(
                        new Filter(null, null, null, second.plus(1, ChronoUnit.MICROS)), false, 10, null)))
                .containsExactly("a", "b", "b too");
    }

    private static List<String> walk(ScheduledMessages of, Filter filter, boolean payloads, int limit, int pages) {
        var all = new ArrayList<String>();
        ScheduledMessages.Key next = null;
        int count = 0;
        do {
            Page page = of.list(filter, payloads, limit, next);
            assertThat(page.messages().size()).isLessThanOrEqualTo(limit);
            all.addAll(ids(page));
            next = page.next();
            count++;
        } while (next != null);
        assertThat(count).isEqualTo(pages);
        return all;
    }

    @Test
    void pagesFollowEachOtherWithoutGapOrRepetition() {
        List<String> all = push(7).stream().map(NewMessage::transactionId).toList();
        assertThat(walk(scheduled, Filter.ALL, false, 7, 1)).isEqualTo(all);
        assertThat(walk(scheduled, Filter.ALL, false, 6, 2)).isEqualTo(all);
        assertThat(walk(scheduled, Filter.ALL, false, 1, 7)).isEqualTo(all);
        assertThat(walk(scheduled, new Filter("q", "p", null, null), false, 3, 3))
                .isEqualTo(all);
        assertThat(scheduled.list(Filter.ALL, false, 0, null)).isEqualTo(new Page(List.of(), null));
        assertThatThrownBy(() -> scheduled.list(Filter.ALL, false, -1, null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("limit must be 0 or more, was -1");
        ScheduledMessages.Key first = scheduled.list(Filter.ALL, false, 1, null).next();
        Filter late = new Filter(null, null, NOON.plusSeconds(6), null);
        assertThat(ids(scheduled.list(late, false, 9, first))).containsExactly("t6", "t7");
    }

    @Test
    void aPageOfAQueueEndsAfterTheMessagesItLooksAtAndTheNextGoesOn() {
        push(5);
        sluice.push(at("other", "p", "last", NOON.plusSeconds(100)));
        ScheduledMessages brief = of(PayloadCipher.NONE, ScheduledMessages.MAX_PAGE_BYTES, 1);
        Page first = brief.list(new Filter("other", null, null, null), false, 1, null);
        assertThat(first.messages()).isEmpty();
        assertThat(first.next())
                .isEqualTo(new ScheduledMessages.Key(
                        NOON.plusSeconds(3), first.next().row()));
        // Each page looks at three: its message, the one behind it, and one more.
        assertThat(walk(brief, new Filter("other", null, null, null), false, 1, 3))
                .containsExactly("last");
        assertThat(walk(brief, new Filter("q", null, null, null), false, 1, 5)).hasSize(5);
    }

    @Test
    void aPageEndsWithTheMessageThatExceedsItsBytes() {
        push(4);
        int size = json("t1").length;
        ScheduledMessages exact = of(PayloadCipher.NONE, 2L * size, 0);
        assertThat(ids(exact.list(Filter.ALL, true, 10, null))).containsExactly("t1", "t2");
        ScheduledMessages more = of(PayloadCipher.NONE, 2L * size + 1, 0);
        assertThat(ids(more.list(Filter.ALL, true, 10, null))).containsExactly("t1", "t2", "t3");
        assertThat(ids(exact.list(Filter.ALL, false, 10, null))).hasSize(4);
        assertThat(walk(of(PayloadCipher.NONE, 1, 0), Filter.ALL, true, 10, 4)).hasSize(4);
    }

    @Test
    void messagesOfEncryptedQueuesAreDecryptedWithTheKeyOnly() {
        PayloadCipher cipher = PayloadCipher.of("test:" + "0f".repeat(32), null);
        sluice.queues.configure(
                "other",
                "",
                "",
                QueueOptions.DEFAULTS.toBuilder().encryptionEnabled(true).build());
        NewMessage message = NewMessage.builder(UUID.randomUUID(), "other", "p", "secret", json("secret"))
                .headers(Messages.headers("who", "ada"))
                .deliverAt(NOON)
                .build();
        var config = new QueueWriterConfig("sluice", HOUR, 1000, cipher);
        try (var writer = new QueueWriter(sluice.postgres.dataSource(), config)) {
            writer.write(List.of(message), List.of());
        }
        assertThat(sluice.one("select payload || headers from sluice.scheduled"))
                .doesNotContain("secret", "ada");
        ScheduledMessages reader = of(cipher, ScheduledMessages.MAX_PAGE_BYTES, 0);
        for (Entry found : List.of(
                reader.find(message.id()).orElseThrow(),
                reader.list(Filter.ALL, true, 1, null).messages().get(0))) {
            assertThat(found.payload()).isEqualTo(json("secret"));
            assertThat(found.encrypted()).isTrue();
            assertThat(found.headers()).isEqualTo(Messages.headers("who", "ada"));
        }
        Entry sealed = find(message);
        assertThat(new String(sealed.payload(), StandardCharsets.UTF_8)).doesNotContain("\"tx\"");
        assertThat(sealed.encrypted()).isFalse();
    }

    @Test
    void aCancelledMessageIsNeverDeliveredAndItsTransactionIdIsFree() {
        List<NewMessage> messages = push(3);
        assertThat(scheduled.cancel(find(messages.get(1)))).isTrue();
        assertThat(scheduled.find(messages.get(1).id())).isEmpty();
        assertCounters();
        assertThat(sluice.one("select scheduled from sluice.partitions where id = " + sluice.partition("p")))
                .isEqualTo("2");
        Entry gone = find(messages.get(2));
        assertThat(scheduled.cancel(gone)).isTrue();
        assertThat(scheduled.cancel(gone)).as("a second time").isFalse();
        assertThat(scheduled.move(gone, null, Duration.ZERO)).isEmpty();
        assertCounters();
        assertThat(sluice.writer.write(List.of(at("q", "p", "t2", null)), List.of()))
                .first()
                .isInstanceOf(PushOutcome.Queued.class);
        assertThat(delivered("cancel")).containsExactly("t2");
    }

    @Test
    void aMovedMessageKeepsEverythingButItsTime() {
        Instant created = Instant.parse("2020-02-03T04:05:06Z");
        NewMessage message = NewMessage.builder(UUID.randomUUID(), "q", "p", "moved", json("moved"))
                .deliverAt(NOON)
                .headers(Messages.headers("a", "b"))
                .origin(new Origin(created, null))
                .build();
        sluice.push(message);
        Entry before = find(message);
        Instant later = NOON.plusSeconds(30);
        assertThat(scheduled.move(before, later, null)).contains(later);
        assertThat(find(message))
                .usingRecursiveComparison()
                .ignoringFields("dueAt")
                .isEqualTo(before);
        assertThat(find(message).dueAt()).isEqualTo(later);
        assertThat(sluice.writer.write(List.of(at("q", "p", "moved", null)), List.of()))
                .first()
                .isInstanceOf(PushOutcome.Duplicate.class);
        assertThat(sluice.writer.releaseDue(10).messages()).isZero();

        assertThat(scheduled.move(before, Instant.EPOCH, null)).isPresent();
        assertThat(sluice.writer.releaseDue(10).messages()).isEqualTo(1);
        Message released = sluice.pop("moved", 10).messages().get(0);
        assertThat(released.id()).isEqualTo(message.id());
        assertThat(released.createdAt()).isEqualTo(created);
        assertThat(released.payload()).isEqualTo(json("moved"));
        assertThat(scheduled.move(before, NOON, null)).as("after its release").isEmpty();
        assertThat(scheduled.cancel(before)).isFalse();
        assertCounters();
    }

    @Test
    void theLaterOfTwoTimesCountsAndADelayCountsFromNow() {
        NewMessage message = push(1).get(0);
        Entry entry = find(message);
        Instant soon = Instant.now();
        assertThat(scheduled.move(entry, null, HOUR).orElseThrow())
                .isCloseTo(soon.plus(HOUR), within(1, ChronoUnit.MINUTES));
        assertThat(scheduled.move(entry, NOON, HOUR)).contains(NOON);
        assertThat(scheduled.move(entry, soon.plusSeconds(1), HOUR).orElseThrow())
                .isCloseTo(soon.plus(HOUR), within(1, ChronoUnit.MINUTES));
        Instant past = scheduled.move(entry, Instant.EPOCH, null).orElseThrow();
        assertThat(past).isCloseTo(soon, within(1, ChronoUnit.MINUTES));
        Instant longest = scheduled.move(entry, null, NewMessage.MAX_DELAY).orElseThrow();
        assertThat(longest).isCloseTo(soon.plus(NewMessage.MAX_DELAY), within(1, ChronoUnit.MINUTES));
        Instant last = Instant.parse("9999-12-31T23:59:59.999999Z");
        assertThat(scheduled.move(entry, last, null)).contains(last);
        assertThat(ids(scheduled.list(Filter.ALL, false, 10, null))).containsExactly("t1");
    }

    @Test
    void movedMessagesAreReleasedInTheOrderOfTheirNewTimes() {
        List<NewMessage> messages = push(3);
        scheduled.move(find(messages.get(2)), Instant.EPOCH, null);
        scheduled.move(find(messages.get(0)), Instant.EPOCH, null);
        assertThat(sluice.writer.releaseDue(10).messages()).isEqualTo(2);
        assertThat(delivered("order")).containsExactly("t3", "t1");
    }

    /** Changes messages that are due while two writers release them. */
    private static int race(List<NewMessage> messages, Callable<Integer> change) throws Exception {
        sluice.postgres.execute("update sluice.scheduled set due_at = now()");
        var released = new AtomicInteger();
        Callable<Integer> release = () -> {
            try (var writer = new QueueWriter(sluice.postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                for (int i = 0; i < messages.size(); i++) {
                    released.addAndGet(writer.releaseDue(3).messages());
                }
            }
            return 0;
        };
        int changed = inParallel(List.of(change, release, release)).get(0);
        assertCounters();
        assertThat(released.get() + changed).isEqualTo(messages.size());
        return changed;
    }

    @Test
    void aCancelThatRacesWithTheReleaseSaysWhichOfThemWon() throws Exception {
        List<NewMessage> messages = push(200);
        List<Entry> entries =
                messages.stream().map(ScheduledAdministrationTest::find).toList();
        var cancelled = new ArrayList<String>();
        int count = race(messages, () -> {
            for (int i = entries.size() - 1; i >= 0; i--) { // The release comes from the other end.
                if (scheduled.cancel(entries.get(i))) {
                    cancelled.add(entries.get(i).transactionId());
                }
            }
            return cancelled.size();
        });
        assertThat(count).isBetween(1, 199);
        assertThat(delivered("race-cancel"))
                .hasSize(200 - count)
                .doesNotHaveDuplicates()
                .doesNotContainAnyElementsOf(cancelled);
    }

    @Test
    void aMoveThatRacesWithTheReleaseLosesAndDoublesNothing() throws Exception {
        List<NewMessage> messages = push(200);
        List<Entry> entries =
                messages.stream().map(ScheduledAdministrationTest::find).toList();
        var moved = new ArrayList<String>();
        int count = race(messages, () -> {
            for (int i = entries.size() - 1; i >= 0; i--) {
                if (scheduled.move(entries.get(i), NOON, null).isPresent()) {
                    moved.add(entries.get(i).transactionId());
                }
            }
            return moved.size();
        });
        assertThat(count).isBetween(1, 199);
        assertThat(ids(scheduled.list(Filter.ALL, false, 1000, null))).containsExactlyInAnyOrderElementsOf(moved);
        List<String> delivered = delivered("race-move");
        assertThat(delivered).hasSize(200 - count).doesNotHaveDuplicates().doesNotContainAnyElementsOf(moved);
        sluice.postgres.execute("update sluice.scheduled set due_at = now()");
        assertThat(sluice.writer.releaseDue(1000).messages()).isEqualTo(count);
        assertThat(transactionIds(sluice.pop(new PopTarget("q", null, "race-move-all"), 1000)))
                .hasSize(200)
                .doesNotHaveDuplicates();
        assertCounters();
    }

    @Test
    void aMessageOfADeletedPartitionIsNotListedAndCannotBeChanged() {
        sluice.push(at("other", "p", "gone", NOON));
        Entry entry = scheduled.list(Filter.ALL, false, 1, null).messages().get(0);
        sluice.queues.delete("other");
        assertThat(scheduled.find(entry.id())).isEmpty();
        assertThat(scheduled.list(Filter.ALL, false, 1, null).messages()).isEmpty();
        for (int time = 0; time < 2; time++) { // Before and after retention has deleted the row.
            assertThat(scheduled.move(entry, NOON, null)).isEmpty();
            assertThat(scheduled.cancel(entry)).isFalse();
            sluice.retention.sweep();
        }
    }
}
