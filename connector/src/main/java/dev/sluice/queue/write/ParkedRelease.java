package dev.sluice.queue.write;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.Parking.Parked;
import dev.sluice.queue.write.QueueWriter.Released;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Moves parked messages into their queues, one queue a transaction. If a queue still cannot be written to, pauses
 * before the next attempt.
 */
final class ParkedRelease {
    /** How long the release waits for a lock. It is short: the writer has other work, and the release tries again. */
    private static final Duration LOCK_TIMEOUT = Duration.ofMillis(50);

    /** Shortest pause after a failed attempt. */
    private static final Duration MIN_PAUSE = Duration.ofMillis(500);

    /** How many times as long as the failed attempt the pause is. */
    private static final int PAUSE_FACTOR = 10;

    private final WriterSession session;
    private final Parking parking;
    private long pausesUntilNanos = System.nanoTime();

    ParkedRelease(WriterSession session, Parking parking) {
        this.session = session;
        this.parking = parking;
    }

    /** Moves at most {@code limit} messages of each queue. */
    Released run(int limit) {
        if (System.nanoTime() - pausesUntilNanos < 0) {
            return Released.NONE;
        }
        var queues = new ArrayList<>(session.run(
                "could not read the parked messages",
                transaction -> Ending.rollBack(parking.all(transaction.connection()))));
        Collections.shuffle(queues);
        var moved = new HashSet<String>();
        int messages = 0;
        for (String queue : queues) {
            long start = System.nanoTime();
            try {
                int count = release(queue, limit);
                messages += count;
                if (count > 0) {
                    moved.add(queue);
                }
            } catch (QueueException e) {
                if (!e.isTimeout()) {
                    throw e;
                }
                // One failed attempt a call: the caller has other work.
                long spent = System.nanoTime() - start;
                pausesUntilNanos = System.nanoTime() + Math.max(MIN_PAUSE.toNanos(), PAUSE_FACTOR * spent);
                break;
            }
        }
        return new Released(messages, Set.copyOf(moved));
    }

    private int release(String queue, int limit) {
        return session.run(
                "could not release the parked messages of queue " + queue,
                transaction -> release(transaction, queue, limit));
    }

    private Ending<Integer> release(WriterTransaction transaction, String queue, int limit) throws SQLException {
        transaction.limitLockWait(LOCK_TIMEOUT);
        List<Parked> next = parking.next(transaction.connection(), queue, limit, DueRelease.MAX_BYTES);
        if (next.isEmpty()) {
            return Ending.rollBack(0);
        }
        var flush = new Flush(next.stream().map(Parked::message).toList());
        boolean located = transaction.locate(flush);
        transaction.limitLockWait(LOCK_TIMEOUT); // Locating may have ended the transaction, and its settings with it.
        if (!parking.lock(transaction.connection(), queue)) {
            return Ending.rollBack(0);
        }
        if (!located || !transaction.write(flush)) {
            return Ending.restart();
        }
        parking.remove(transaction.connection(), queue, next);
        return Ending.commit(next.size());
    }
}
