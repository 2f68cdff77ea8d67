package dev.sluice.queue.write;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.QueueWriter.Released;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Moves scheduled messages that are due into their queues. If another transaction holds some of the partitions for too
 * long, skips those for a while and moves the messages of the others.
 */
final class DueRelease {
    private static final String WHAT = "could not release scheduled messages";

    /** How long the release waits for a lock before it skips the partitions that are held. */
    private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(1);

    /** How long it skips them. */
    private static final Duration SKIP = Duration.ofSeconds(5);

    /**
     * Bytes of payloads and headers that are moved in one transaction; the message that passes the limit is still
     * moved.
     */
    static final long MAX_BYTES = 4L << 20;

    private final WriterSession session;
    private final Scheduled scheduled;
    private final PartitionLocks locks;

    /** Partitions that are skipped until {@link #skipsUntilNanos}. */
    private final Set<Long> held = new HashSet<>();

    private long skipsUntilNanos = System.nanoTime();

    DueRelease(WriterSession session, String schema) {
        this.session = session;
        this.scheduled = new Scheduled(schema);
        this.locks = new PartitionLocks(schema);
    }

    /** Moves at most {@code limit} messages, in the order of their times. */
    Released run(int limit) {
        if (System.nanoTime() - skipsUntilNanos >= 0) {
            held.clear();
            try {
                return session.run(WHAT, transaction -> {
                    transaction.limitLockWait(LOCK_TIMEOUT);
                    Map<PartitionName, Long> due = scheduled.duePartitions(transaction.connection(), held, limit);
                    if (!due.isEmpty()) {
                        due.values().retainAll(locks.lock(transaction.connection(), due.values()));
                    }
                    return release(transaction, due, limit);
                });
            } catch (QueueException e) {
                if (!e.isTimeout()) {
                    throw e;
                }
                skipsUntilNanos = System.nanoTime() + SKIP.toNanos();
            }
        }
        return session.run(WHAT, transaction -> {
            transaction.limitLockWait(LOCK_TIMEOUT);
            return release(transaction, lockFree(transaction.connection(), limit), limit);
        });
    }

    /** Returns and locks partitions with messages that are due, without those that another transaction holds. */
    private Map<PartitionName, Long> lockFree(Connection connection, int limit) throws SQLException {
        while (true) {
            Map<PartitionName, Long> due = scheduled.duePartitions(connection, held, limit);
            if (due.isEmpty()) {
                return due;
            }
            Set<Long> free = locks.lockFree(connection, due.values());
            held.addAll(due.values());
            held.removeAll(free);
            due.values().retainAll(free);
            if (!due.isEmpty()) {
                return due;
            }
        }
    }

    private Ending<Released> release(WriterTransaction transaction, Map<PartitionName, Long> locked, int limit)
            throws SQLException {
        if (locked.isEmpty()) {
            return Ending.rollBack(Released.NONE);
        }
        var flush = new Flush(scheduled.take(transaction.connection(), locked, limit, MAX_BYTES));
        flush.locate(name -> locked.getOrDefault(name, PartitionDirectory.UNKNOWN));
        transaction.release(flush);
        return Ending.commit(Released.of(flush));
    }
}
