package dev.sluice.bridge.notice;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.GroupPartition;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compares dead letters and backlogs with their thresholds, and tells circuit breakers that open. Every bridge has one;
 * of all bridges, one checks in an interval. One thread of its own.
 */
public final class Thresholds implements AutoCloseable {
    static final String DEAD_LETTERS = "dead-letters";
    static final String BACKLOG = "backlog";
    static final String BREAKER = "breaker";

    private static final Logger log = LoggerFactory.getLogger(Thresholds.class);

    /** A notice ends when the value is below this part of its threshold. */
    private static final double ENDS_BELOW = 0.8;

    /** Most partitions with a backlog that one check looks at, the oldest ones. */
    private static final int MAX_PARTITIONS = 10_000;

    /** A breaker that opens again after this time is told again: who told it may have died since. */
    private static final Duration FORGET_BREAKER = Duration.ofHours(1);

    /** Most breakers that wait to be told. */
    private static final int MAX_BREAKERS = 1_000;

    private static final char SEPARATOR = '\n';
    private static final long STOP_SECONDS = 5;

    private final NoticeConfig config;
    private final Transactions transactions;
    private final NoticeRows rows;
    private final ConsumerGroups groups;
    private final NoticeWriter writer;
    private final ScheduledThreadPoolExecutor clock = Threads.clock("sluice-notices");
    private boolean failing;

    /** Makes it; {@link #start} begins. */
    public Thresholds(NoticeConfig config, DataSource connections, NoticeWriter writer) {
        this.config = config;
        this.transactions = Transactions.byIndex(connections);
        this.rows = new NoticeRows(config.schema());
        this.groups = new ConsumerGroups(connections, config.schema());
        this.writer = writer;
    }

    /** Begins to check. */
    @SuppressWarnings("FutureReturnValueIgnored") // check() throws nothing.
    public void start() {
        if (config.deadLetters() > 0 || !config.backlog().isZero()) {
            long ms = Math.max(1, config.interval().toMillis());
            clock.scheduleWithFixedDelay(this::checkSafely, ms, ms, TimeUnit.MILLISECONDS);
        }
    }

    private void checkSafely() {
        try {
            check();
            failing = false;
        } catch (RuntimeException | Error e) { // An exception would end the repetition.
            failed("Thresholds could not be checked, the next run tries again", e);
        }
    }

    private void failed(String what, Throwable e) {
        boolean isOfDatabase = e instanceof QueueException failure && failure.isTransient();
        if (!failing && isOfDatabase) {
            log.warn("{} reason={}", what, e.getMessage());
        } else if (!failing) {
            log.error(what, e);
        }
        failing = true;
    }

    /** Checks the thresholds if no bridge has done so within the interval. */
    void check() {
        boolean isMine = transactions.run(
                "could not check thresholds",
                connection -> rows.beginCheck(
                        connection, "thresholds", config.interval().dividedBy(2)));
        if (isMine) {
            if (config.deadLetters() > 0) {
                checkDeadLetters();
            }
            if (!config.backlog().isZero()) {
                checkBacklog();
            }
        }
    }

    private void checkDeadLetters() {
        int most = config.deadLetters();
        Map<String, Long> letters =
                transactions.run("could not count dead letters", connection -> rows.deadLetters(connection, most + 1L));
        var above = new HashSet<String>();
        var near = new HashSet<String>();
        letters.forEach((queue, count) -> {
            if (count > most) {
                above.add(queue);
            }
            if (count > most * ENDS_BELOW) {
                near.add(queue);
            }
        });
        writer.tell(
                "could not tell of dead letters",
                connection -> cross(
                        connection,
                        DEAD_LETTERS,
                        above,
                        near,
                        queue -> Notice.of(DEAD_LETTERS, queue)
                                .with("queue", queue)
                                .with("threshold", most)));
    }

    private void checkBacklog() {
        long most = config.backlog().toMillis();
        List<GroupPartition> late = groups.lagging(Duration.ofMillis((long) (most * ENDS_BELOW)), MAX_PARTITIONS, null);
        var ages = new HashMap<String, Long>();
        late.forEach(each -> ages.merge(subject(each), each.timeLag().toMillis(), Math::max));
        var above = new HashSet<>(ages.keySet());
        above.removeIf(subject -> ages.get(subject) < most);
        boolean isWhole = late.size() < MAX_PARTITIONS; // Else a group that is missing may be late too.
        writer.tell("could not tell of a backlog", connection -> {
            Set<String> near = isWhole ? ages.keySet() : rows.raised(connection, BACKLOG);
            return cross(connection, BACKLOG, above, near, this::backlog);
        });
    }

    private static String subject(GroupPartition late) {
        return late.queue() + SEPARATOR + late.group();
    }

    private Notice backlog(String subject) {
        int at = subject.lastIndexOf(SEPARATOR);
        String queue = subject.substring(0, at);
        return Notice.of(BACKLOG, queue)
                .with("queue", queue)
                .with("consumerGroup", subject.substring(at + 1))
                .with("thresholdMs", config.backlog().toMillis());
    }

    /**
     * Raises what is above its threshold, and ends what is not even near it.
     *
     * @param notice makes the notice of a subject
     */
    private List<Notice> cross(
            Connection connection, String kind, Set<String> above, Set<String> near, Function<String, Notice> notice)
            throws SQLException {
        Set<String> ended = rows.raised(connection, kind);
        ended.removeAll(near);
        ended.removeAll(above);
        var told = new ArrayList<Notice>();
        if (!above.isEmpty()) {
            rows.raise(connection, kind, above).forEach(subject -> told.add(notice.apply(subject)));
        }
        if (!ended.isEmpty()) {
            rows.end(connection, kind, ended)
                    .forEach(subject -> told.add(notice.apply(subject).ended()));
        }
        return told;
    }

    /**
     * Tells that the circuit breaker of a type has opened or closed in this process. Any thread; never blocks.
     *
     * @param target the target whose breaker it is; empty: that of the type
     */
    public void breaker(String type, String target, boolean isOpen) {
        if (!config.breakers() || clock.getQueue().size() > MAX_BREAKERS || clock.isShutdown()) {
            return;
        }
        clock.execute(() -> {
            try {
                writer.tell(
                        "could not tell of a circuit breaker",
                        connection -> breakerNotices(connection, type, target, isOpen));
            } catch (RuntimeException e) {
                failed("A circuit breaker could not be told", e);
            }
        });
    }

    private List<Notice> breakerNotices(Connection connection, String type, String target, boolean isOpen)
            throws SQLException {
        String subject = type + SEPARATOR + target;
        Notice notice = Notice.of("breaker-opened", type).with("target", target.isEmpty() ? null : target);
        if (isOpen) {
            return rows.raiseAgain(connection, BREAKER, subject, FORGET_BREAKER) ? List.of(notice) : List.of();
        }
        return rows.end(connection, BREAKER, Set.of(subject)).isEmpty() ? List.of() : List.of(notice.ended());
    }

    /** Waits some seconds for a check in progress, then interrupts it. */
    @Override
    public void close() {
        clock.shutdown();
        try {
            if (!clock.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
                clock.shutdownNow();
            }
        } catch (InterruptedException e) {
            clock.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
