package dev.sluice.bridge.schedule;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.bridge.schedule.ScheduleRows.QueueRule;
import dev.sluice.queue.LimitKey;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.WorkHeaders;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.write.Ending;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterSession;
import dev.sluice.queue.write.WriterTransaction;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fires schedules that are due, many in a transaction. If one of them cannot be fired, the others are; it is tried
 * again after a while. Owned by one thread.
 */
final class Firing implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Firing.class);

    /** Most schedules of a transaction. */
    static final int BATCH = 200;

    /** How long a schedule waits that could not be fired. */
    private static final Duration WAIT = Duration.ofSeconds(10);

    /** A transaction that has so many bytes of payloads gets no further schedule. */
    private static final long MAX_BYTES = 8 << 20;

    private static final int MAX_FAILURE = 1000;
    private static final String INVALID_PARAMETER_VALUE = "22023";

    private final DataSource dataSource;
    private final QueueWriterConfig writer;
    private final ScheduleConfig config;
    private final WriterSession session;
    private final ScheduleRows rows;
    private final PayloadCipher cipher;
    private final Ticks.Rule skip;
    private final Map<Missed, Ticks.Rule> rules = new HashMap<>();
    private final MessageIds ids = new MessageIds();

    Firing(DataSource dataSource, QueueWriterConfig writer, ScheduleRows rows, ScheduleConfig config) {
        this.dataSource = dataSource;
        this.writer = writer;
        this.config = config;
        this.session = new WriterSession(dataSource, writer);
        this.rows = rows;
        this.cipher = config.cipher();
        for (Missed missed : Missed.values()) {
            rules.put(missed, new Ticks.Rule(missed, config.grace(), config.mostMissed()));
        }
        this.skip = new Ticks.Rule(Missed.SKIP, config.grace(), 1);
    }

    /** Returns one for another thread. */
    Firing another() {
        return new Firing(dataSource, writer, rows, config);
    }

    /**
     * What was done.
     *
     * @param queues the queues that have new messages
     * @param fired messages that were written
     * @param skipped ticks that were left out
     * @param failed schedules that could not be fired
     * @param isFull whether there may be more that are due
     */
    record Done(Set<String> queues, long fired, long skipped, long failed, boolean isFull) {
        static final Done NOTHING = new Done(Set.of(), 0, 0, 0, false);
    }

    /**
     * Fires what is due.
     *
     * @throws QueueException if PostgreSQL failed; what was due stays due
     */
    Done run() {
        List<Schedule> due = session.run(
                "could not look for schedules that are due",
                transaction -> Ending.rollBack(rows.due(transaction.connection(), BATCH)));
        if (due.isEmpty()) {
            session.close(); // Its server may become a standby, which a session that only reads does not notice.
            return Done.NOTHING;
        }
        try {
            return fire(due);
        } catch (RuntimeException e) {
            requireConnection(e);
            log.debug("Could not fire schedules together, firing them one by one", e);
        }
        var queues = new HashSet<String>();
        long fired = 0;
        long skipped = 0;
        long failed = 0;
        for (Schedule each : due) {
            try {
                Done done = fire(List.of(each));
                queues.addAll(done.queues());
                fired += done.fired();
                skipped += done.skipped();
            } catch (RuntimeException e) {
                requireConnection(e);
                failed++;
                fail(each, e);
            }
        }
        return new Done(queues, fired, skipped, failed, due.size() == BATCH);
    }

    /** Throws a failure that says nothing of one schedule: PostgreSQL does not answer, or takes no writes. */
    private static void requireConnection(RuntimeException e) {
        boolean isOfOne = !(e instanceof QueueException failure) || !failure.isTransient() || failure.isTimeout();
        if (!isOfOne) {
            throw e;
        }
    }

    private void fail(Schedule schedule, RuntimeException e) {
        String name = schedule.spec().name();
        String reason = String.valueOf(e.getMessage());
        String failure = reason.length() <= MAX_FAILURE ? reason : reason.substring(0, MAX_FAILURE);
        log.warn(
                "Could not fire a schedule; trying again in {} s schedule={} reason={}",
                WAIT.toSeconds(),
                name,
                failure);
        boolean unused = session.run("could not note the failure of a schedule", transaction -> {
            rows.failed(transaction.connection(), name, failure, WAIT);
            return Ending.commit(true);
        });
    }

    private Done fire(List<Schedule> due) {
        try {
            return session.run("could not fire schedules", transaction -> fire(transaction, due));
        } catch (OutcomeUnknownException e) {
            log.warn(
                    "Schedules were fired or not; their rows tell, which were changed with them reason={}",
                    e.getMessage());
            return new Done(
                    due.stream().map(each -> each.spec().target().queue()).collect(Collectors.toSet()), 0, 0, 0, true);
        }
    }

    /** Finds the partitions first, because that ends the transaction. */
    private Ending<Done> fire(WriterTransaction transaction, List<Schedule> due) throws SQLException {
        Map<String, QueueRule> rulesOfQueues = rows.queues(
                transaction.connection(),
                due.stream().map(each -> each.spec().target().queue()).collect(Collectors.toSet()));
        int spread = ThreadLocalRandom.current().nextInt(PriorityLane.PARTITIONS);
        var places = new ArrayList<NewMessage>();
        var looked = new HashMap<String, ScheduleSpec>();
        for (Schedule each : due) {
            places.add(message(each, each.spec().name(), new UUID(0, 0), spread, rulesOfQueues));
            looked.put(each.spec().name(), each.spec());
        }
        if (!transaction.locate(new Flush(places))) {
            return Ending.restart();
        }
        Instant now = rows.now(transaction.connection());
        var fired = new LinkedHashMap<Schedule, Ticks.Due>();
        var messages = new ArrayList<NewMessage>();
        long bytes = 0;
        for (Schedule each : rows.lockDue(transaction.connection(), looked.keySet())) {
            boolean isMoved = !each.spec().equals(looked.get(each.spec().name()));
            boolean hasTurnNext = isMoved || bytes >= MAX_BYTES;
            Ticks.Due ticks = hasTurnNext ? null : ticks(each, now);
            if (ticks == null) {
                continue;
            }
            bytes += (long) ticks.fire().size() * each.spec().target().payload().length();
            fired.put(each, ticks);
            for (Instant tick : ticks.fire()) {
                messages.add(message(each, tick.toString(), ids.next(), spread, rulesOfQueues));
            }
        }
        if (fired.isEmpty()) {
            return Ending.rollBack(Done.NOTHING);
        }
        if (!messages.isEmpty()) {
            var flush = new Flush(messages);
            if (!transaction.locateCached(flush) || !transaction.write(flush)) {
                return Ending.restart();
            }
        }
        rows.fired(transaction.connection(), fired);
        return Ending.commit(new Done(
                messages.stream().map(NewMessage::queue).collect(Collectors.toSet()),
                messages.size(),
                fired.values().stream().mapToLong(Ticks.Due::skipped).sum(),
                0,
                due.size() == BATCH || bytes >= MAX_BYTES));
    }

    private Ticks.@Nullable Due ticks(Schedule schedule, Instant now) {
        Instant next = schedule.times().nextAt();
        if (next == null || next.isAfter(now)) {
            return null;
        }
        return schedule.spec()
                .ticks()
                .due(next, now, rules.getOrDefault(schedule.spec().missed(), skip));
    }

    /**
     * Fires a schedule once beside its ticks.
     *
     * @return the id of the message; empty: there is no such schedule
     */
    Optional<NewMessage> runNow(String name) {
        return session.run("could not run schedule " + name, transaction -> {
            Optional<Schedule> found = rows.get(transaction.connection(), name);
            if (found.isEmpty()) {
                return Ending.rollBack(Optional.empty());
            }
            Schedule schedule = found.get();
            UUID id = ids.next();
            NewMessage message = message(
                    schedule,
                    "run:" + id,
                    id,
                    ThreadLocalRandom.current().nextInt(PriorityLane.PARTITIONS),
                    rows.queues(
                            transaction.connection(),
                            Set.of(schedule.spec().target().queue())));
            var flush = new Flush(List.of(message));
            if (!transaction.locate(flush)) {
                return Ending.restart();
            }
            // In the order of a tick: first the row, then the partition.
            if (rows.lock(transaction.connection(), name).isEmpty()) {
                return Ending.rollBack(Optional.empty());
            }
            if (!transaction.write(flush)) {
                return Ending.restart();
            }
            rows.ran(transaction.connection(), name);
            return Ending.commit(Optional.of(message));
        });
    }

    /** Makes the message of a tick, as its queue wants it. */
    private NewMessage message(Schedule schedule, String tick, UUID id, int spread, Map<String, QueueRule> queues) {
        ScheduleTarget target = schedule.spec().target();
        if (!target.isReadable()) {
            throw refused("the payload was stored with a key that encryption.keys does not have");
        }
        QueueRule rule = queues.get(target.queue());
        NewMessage.Builder builder = NewMessage.builder(
                        id,
                        target.queue(),
                        target.partition(spread),
                        "schedule:" + schedule.spec().name() + ":" + tick,
                        target.payload().getBytes(UTF_8))
                .headers(headers(target));
        if (target.isWork()) {
            builder.origin(new Origin(null, target.lane()));
        }
        NewMessage message = builder.build();
        LimitKey limit = rule == null ? null : LimitKey.ofStored(rule.limitKey());
        NewMessage placed = limit == null ? message : limit.in(message);
        if (rule == null || !rule.encrypted()) {
            return placed;
        }
        if (!cipher.hasKey()) {
            throw refused("queue " + target.queue() + " is encrypted, and encryption.keys is not set");
        }
        return cipher.seal(placed);
    }

    /** Returns a failure that concerns one schedule and not the database. */
    private static QueueException refused(String reason) {
        return new QueueException(reason, INVALID_PARAMETER_VALUE, null);
    }

    private static MessageHeaders headers(ScheduleTarget target) {
        MessageHeaders headers = MessageHeaders.of(target.headers());
        boolean saysLane = target.isWork() && target.partition() != null && target.lane() != PriorityLane.NORMAL;
        return saysLane ? headers.with(WorkHeaders.PRIORITY, target.lane().text()) : headers;
    }

    /** Gives the connection back. */
    @Override
    public void close() {
        session.close();
    }
}
