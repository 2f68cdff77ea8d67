package dev.sluice.connect.sink;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The promises of {@link QueueSinkTask} in each host: a Connect worker, and the bridge's own driver. A subclass for
 * each host gives records to the task ({@link Host}). The promises are only here.
 *
 * <ol>
 *   <li>The task stores each record once, in order.
 *   <li>If PostgreSQL fails for a time, the host delivers the records again until they are stored.
 *   <li>A commit whose answer is lost counts once.
 *   <li>After a restart the task continues at the offset in PostgreSQL, whether the host's own position is before or
 *       beyond it.
 *   <li>The task reports a bad record and stores its neighbours.
 *   <li>A task that ends in order leaves all records that are not stored to the next task.
 * </ol>
 *
 * <p>The duplicate window is off. So only the offsets prevent that a record which is delivered twice is stored twice.
 */
public abstract class SinkTaskContract {
    private static final Duration TIMEOUT = Duration.ofMinutes(2);
    private static final int QUEUE_PARTITIONS = 3;

    /** A text that PostgreSQL refuses and Java accepts. */
    private static final String BAD = "no\u0000text";

    private final MessageIds ids = new MessageIds();
    private final List<NewMessage> sent = new ArrayList<>();

    private TestPostgres database;
    private FaultyProxy proxy;
    private Host host;

    /** Drives one task over one sequence of records. Calls come one after another. */
    public interface Host extends AutoCloseable {
        /** Appends records, whether the task runs or not. */
        void send(List<NewMessage> messages) throws Exception;

        /** Starts the task at the host's own position. */
        void start() throws Exception;

        /** Ends the task, in order or not. The host keeps its position. */
        void stop() throws Exception;

        /** Ends the task in order and starts another one. */
        void handOver() throws Exception;

        /** Sets the position of a stopped host back to the first record. */
        void rewind() throws Exception;

        /** Returns the number of records that the host has durably marked as delivered. */
        long position() throws Exception;

        /** Returns the transaction ids of the reported records. */
        List<String> reported() throws Exception;
    }

    /**
     * Returns a host that has no records and is not started.
     *
     * @param url of the database, user {@code postgres}
     * @param properties of the task, besides those of the connection
     */
    protected abstract Host host(String url, Map<String, String> properties) throws Exception;

    @BeforeEach
    void open() throws Exception {
        database = TestPostgres.withSchema();
        proxy = new FaultyProxy(database.url());
        host = host(
                proxy.url(),
                Map.of(
                        QueueSinkConfig.DEDUP_WINDOW_MS, "0",
                        QueueSinkConfig.RETRY_BACKOFF_MS, "1",
                        QueueSinkConfig.RETRY_BACKOFF_MAX_MS, "20"));
    }

    @AfterEach
    void close() throws Exception {
        try (TestPostgres last = database;
                FaultyProxy second = proxy;
                Host first = host) {
            // Java closes them in reverse order.
        }
    }

    @Test
    void everyRecordIsStoredOnceAndInItsOrder() throws Exception {
        host.start();
        send(700);
        send(300);
        awaitAllStored();
        awaitConfirmed();
    }

    @Test
    void whatPostgresqlDoesNotTakeNowIsDeliveredAgainUntilItDoes() throws Exception {
        int refusals = 5;
        database.execute("create sequence public.tries");
        database.execute("create function public.refuse() returns trigger language plpgsql as $$ begin"
                + " if nextval('public.tries') <= " + refusals + " then"
                + " raise exception 'not now' using errcode = 'serialization_failure'; end if; return null; end $$");
        database.execute("create trigger refuse before insert on sluice.segments"
                + " for each statement execute function public.refuse()");
        send(500);
        host.start();
        awaitAllStored();
        assertThat(Integer.parseInt(
                        database.query("select last_value from public.tries").get(0)))
                .isGreaterThan(refusals);
        assertThat(host.reported()).isEmpty();
    }

    @Test
    void aCommitWhoseAnswerGotLostHasHappenedOnce() throws Exception {
        host.start();
        send(100);
        awaitAllStored();
        proxy.dropNextCommitAnswers(1);
        send(100);
        awaitAllStored();
        send(100);
        awaitAllStored();
    }

    @Test
    void aRestartContinuesWherePostgresqlStandsIfThePositionIsBehind() throws Exception {
        host.start();
        send(500);
        awaitAllStored();
        awaitConfirmed();
        host.stop();
        host.rewind();
        assertThat(host.position()).isZero();
        host.start();
        send(10);
        awaitAllStored();
    }

    @Test
    void aRestartContinuesWherePostgresqlStandsIfThePositionIsBeyond() throws Exception {
        host.start();
        send(30);
        awaitAllStored();
        awaitConfirmed();
        database.execute("create table public.old_segments as select * from sluice.segments");
        database.execute("create table public.old_partitions as select id, head from sluice.partitions");
        database.execute("create table public.old_offsets as select * from sluice.sink_offsets");
        send(20);
        awaitAllStored();
        awaitConfirmed();
        host.stop();
        assertThat(host.position()).isEqualTo(50);
        database.execute("truncate sluice.segments");
        database.execute("insert into sluice.segments select * from public.old_segments");
        database.execute("update sluice.partitions p set head = o.head from public.old_partitions o where o.id = p.id");
        database.execute("update sluice.sink_offsets s set next_offset = o.next_offset from public.old_offsets o"
                + " where (o.source, o.topic, o.partition) = (s.source, s.topic, s.partition)");
        assertThat(stored()).hasSize(30);
        host.start();
        send(10);
        awaitAllStored();
    }

    @Test
    void aBadRecordIsReportedAndItsNeighboursAreStored() throws Exception {
        host.start();
        send(10);
        NewMessage first = message(BAD);
        NewMessage second = message(BAD);
        host.send(List.of(first, good(), second, good()));
        send(10);
        awaitAllStored();
        awaiting(() -> host.reported().size() >= 2);
        assertThat(host.reported()).containsExactly(first.transactionId(), second.transactionId());
        awaiting(() -> host.position() == sent.size() + 2);
    }

    @Test
    void aTaskThatIsEndedInOrderLeavesTheRestToTheNext() throws Exception {
        host.start();
        send(500);
        host.handOver();
        send(500);
        host.handOver();
        send(10);
        awaitAllStored();
    }

    private NewMessage message(String producer) {
        int number = sent.size();
        byte[] payload = ("{\"number\":" + number + "}").getBytes(UTF_8);
        var id = ids.next();
        return NewMessage.builder(id, "contract", "p" + number % QUEUE_PARTITIONS, "t-" + id, payload)
                .producerSub(producer)
                .build();
    }

    /** Returns a message that must be stored. */
    private NewMessage good() {
        NewMessage message = message("somebody");
        sent.add(message);
        return message;
    }

    private void send(int count) throws Exception {
        var messages = new ArrayList<NewMessage>();
        for (int i = 0; i < count; i++) {
            messages.add(good());
        }
        host.send(messages);
    }

    private List<String> stored() {
        return database.query(
                "select partition, seq, transaction_id, payload from sluice.messages order by partition, seq");
    }

    private List<String> expected() {
        var heads = new HashMap<String, Integer>();
        return sent.stream()
                .map(each -> String.join(
                        "|",
                        each.partition(),
                        "%06d".formatted(heads.merge(each.partition(), 1, Integer::sum)),
                        each.transactionId(),
                        new String(each.payload(), UTF_8)))
                .sorted()
                .map(each -> each.replaceFirst("\\|0+", "|"))
                .toList();
    }

    /** Waits until as many messages are stored as were sent. They must be the ones that were sent, in this order. */
    private void awaitAllStored() {
        awaiting(() -> Long.parseLong(database.query("select coalesce(sum(head), 0) from sluice.partitions")
                        .get(0))
                >= sent.size());
        assertThat(stored()).isEqualTo(expected());
    }

    private void awaitConfirmed() {
        awaiting(() -> host.position() == sent.size());
    }

    /** Waits for a condition, with time for a busy machine. */
    protected static void awaiting(Callable<Boolean> condition) {
        await().atMost(TIMEOUT)
                .pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(50))
                .until(condition);
    }
}
