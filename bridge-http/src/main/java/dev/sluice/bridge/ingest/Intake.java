package dev.sluice.bridge.ingest;

import dev.sluice.bridge.system.Threads;
import dev.sluice.buffer.AppendResult;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Accepts pushes into the log, and answers each push when its {@link Durability} is reached.
 *
 * <p>A thread of its own gives the answers, so that neither the drain nor the log waits for the HTTP side; another
 * thread looks for pushes that have timed out. Any thread may call {@link #accept}, which never waits for the disk or
 * the database.
 */
public final class Intake implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Intake.class);

    /** How often to look for timed-out pushes; an answer can be this late. */
    private static final Duration TIMEOUT_CHECK_INTERVAL = Duration.ofMillis(20);

    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);

    private final List<Lane> lanes;
    private final Duration storedTimeout;
    private final Durability strongest;
    private final ExecutorService answers;
    private final Thread timeouts;
    private final Counters counters = new Counters();
    private volatile boolean closed;

    private static final class Counters {
        final LongAdder requests = new LongAdder();
        final LongAdder messages = new LongAdder();
        final LongAdder answeredQueued = new LongAdder();
        final LongAdder answeredDuplicate = new LongAdder();
        final LongAdder answeredBuffered = new LongAdder();
        final LongAdder answeredFailed = new LongAdder();
        final LongAdder fellBack = new LongAdder();
        final LongAdder refusedFull = new LongAdder();
        final LongAdder failedWrites = new LongAdder();
    }

    /** Begins to accept, up to {@link Durability#STORED}. */
    public Intake(Lanes lanes, Duration storedTimeout) {
        this(lanes, storedTimeout, Durability.STORED);
    }

    /**
     * Begins to accept.
     *
     * @param lanes the lanes to append to
     * @param storedTimeout {@code push.stored.timeout.ms}: how long a push waits for its commit, 0 or more
     * @param strongest the strongest durability: {@code BUFFERED} if the drain does not learn the outcome of messages
     */
    public Intake(Lanes lanes, Duration storedTimeout, Durability strongest) {
        if (storedTimeout.isNegative()) {
            throw new IllegalArgumentException(
                    "push.stored.timeout.ms must be 0 or more, was " + storedTimeout.toMillis());
        }
        this.lanes = lanes.current();
        this.storedTimeout = storedTimeout;
        this.strongest = strongest;
        // After the shutdown, the thread that brings an answer also gives it.
        this.answers = new ThreadPoolExecutor(
                1,
                1,
                0,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Threads.named("sluice-answers"),
                (task, executor) -> task.run());
        this.timeouts = Threads.daemon("sluice-push-timeouts", this::answerTimedOut);
        this.timeouts.start();
    }

    /** Accepts a push that does not linger. */
    public CompletableFuture<List<PushResult>> accept(List<NewMessage> messages, Durability durability) {
        return accept(messages, durability, Linger.NONE);
    }

    /**
     * Appends the messages, those of each lane atomically and in order, and answers as {@code durability} says.
     *
     * <p>If only some lanes are full, their messages are answered as failed and the others are accepted.
     *
     * @param linger how long the messages may stay in the log; applies only to {@link Durability#BUFFERED}
     * @return one result per message, in order. Fails with {@link IntakeFullException} if nothing could be accepted;
     *     with {@link IOException} if the log cannot write: then some messages may have been accepted, and the producer
     *     should repeat the push; with {@link MessageTooLargeException} if a message or the push is too large for the
     *     log
     */
    public CompletableFuture<List<PushResult>> accept(List<NewMessage> messages, Durability durability, Linger linger) {
        if (messages.isEmpty()) {
            return CompletableFuture.completedFuture(List.of());
        }
        if (closed) {
            return CompletableFuture.failedFuture(new IOException("the bridge is stopping"));
        }
        try {
            Linger counts = durability == Durability.STORED ? Linger.NONE : linger;
            return lanes.size() == 1
                    ? acceptWhole(messages, durability, counts)
                    : acceptSliced(messages, durability, counts);
        } catch (IllegalArgumentException e) {
            return CompletableFuture.failedFuture(new MessageTooLargeException(e));
        } catch (IllegalStateException e) {
            return CompletableFuture.failedFuture(new IOException("the log does not accept: " + e.getMessage(), e));
        }
    }

    private CompletableFuture<List<PushResult>> acceptWhole(
            List<NewMessage> messages, Durability durability, Linger linger) {
        var payloads = new ArrayList<byte[]>(messages.size());
        for (NewMessage message : messages) {
            payloads.add(MessageCodec.encode(message));
        }
        var push = new Push(messages.size(), 1);
        AppendResult.Full full = append(lanes.get(0), payloads, Push.Slice.whole(push), durability, linger);
        if (full != null) {
            return refuse(full);
        }
        return counted(push);
    }

    private CompletableFuture<List<PushResult>> acceptSliced(
            List<NewMessage> messages, Durability durability, Linger linger) {
        int[] laneOf = new int[messages.size()];
        int[] sizes = new int[lanes.size()];
        for (int i = 0; i < laneOf.length; i++) {
            NewMessage message = messages.get(i);
            laneOf[i] = laneOf(message.queue(), message.partition(), lanes.size());
            sizes[laneOf[i]]++;
        }
        var push = new Push(messages.size(), (int)
                Arrays.stream(sizes).filter(size -> size > 0).count());
        var slices = new ArrayList<LaneSlice>();
        for (int lane = 0; lane < sizes.length; lane++) {
            if (sizes[lane] > 0) {
                slices.add(slice(push, messages, laneOf, lane, sizes[lane]));
            }
        }
        // Checked before the first append, so that a refused push leaves nothing in the log.
        slices.forEach(each -> lanes.get(each.lane()).segments().requireFits(each.payloads()));
        var refused = new ArrayList<Push.Slice>();
        AppendResult.Full lastFull = null;
        for (LaneSlice each : slices) {
            AppendResult.Full full = append(lanes.get(each.lane()), each.payloads(), each.slice(), durability, linger);
            if (full != null) {
                refused.add(each.slice());
                lastFull = full;
            }
        }
        if (lastFull != null && refused.size() == slices.size()) {
            return refuse(lastFull);
        }
        for (Push.Slice slice : refused) {
            counters.messages.add(slice.size());
            counters.answeredFailed.add(slice.size());
            slice.complete(new PushResult.Failed(
                    new IntakeFullException(lastFull.usedBytes(), lastFull.limitBytes()).getMessage()));
        }
        return counted(push);
    }

    /** The messages of a push for one lane. */
    private record LaneSlice(int lane, Push.Slice slice, List<byte[]> payloads) {}

    private static LaneSlice slice(Push push, List<NewMessage> messages, int[] laneOf, int lane, int size) {
        int[] places = new int[size];
        var payloads = new ArrayList<byte[]>(size);
        for (int i = 0; i < laneOf.length; i++) {
            if (laneOf[i] == lane) {
                places[payloads.size()] = i;
                payloads.add(MessageCodec.encode(messages.get(i)));
            }
        }
        return new LaneSlice(lane, Push.Slice.of(push, places), payloads);
    }

    /**
     * Returns the lane of a partition: the same for the same names in every process, because the specification of
     * {@link String#hashCode} fixes the hash.
     */
    static int laneOf(String queue, String partition, int lanes) {
        int hash = 31 * queue.hashCode() + partition.hashCode();
        hash ^= hash >>> 16;
        hash *= 0x85ebca6b;
        hash ^= hash >>> 13;
        hash *= 0xc2b2ae35;
        hash ^= hash >>> 16;
        return Math.floorMod(hash, lanes);
    }

    private CompletableFuture<List<PushResult>> refuse(AppendResult.Full full) {
        counters.refusedFull.increment();
        return CompletableFuture.failedFuture(new IntakeFullException(full.usedBytes(), full.limitBytes()));
    }

    private CompletableFuture<List<PushResult>> counted(Push push) {
        counters.requests.increment();
        return push.answer();
    }

    /** Appends a slice. Returns null, or how full the lane is if there is no room. */
    @SuppressWarnings("FutureReturnValueIgnored") // The stage handles the failure.
    private AppendResult.@Nullable Full append(
            Lane lane, List<byte[]> payloads, Push.Slice slice, Durability durability, Linger linger) {
        boolean wantsStored = durability == Durability.STORED && strongest == Durability.STORED;
        boolean waits = wantsStored && lane.isWithin(storedTimeout.toMillis());
        AppendResult result =
                lane.append(payloads, waits ? slice : null, System.nanoTime() + storedTimeout.toNanos(), linger);
        if (result instanceof AppendResult.Full full) {
            return full;
        }
        var appended = (AppendResult.Appended) result;
        counters.messages.add(slice.size());
        if (waits) {
            appended.written().whenComplete((done, failure) -> {
                if (failure != null && lane.remove(slice)) {
                    answers.execute(() -> fail(slice, failure));
                }
            });
            if (closed && lane.remove(slice)) {
                answerWhenSynced(lane, slice, true);
            }
        } else {
            slice.appendedAt(appended.firstOffset(), 0);
            answerWhenSynced(lane, slice, wantsStored);
        }
        return null;
    }

    @SuppressWarnings("FutureReturnValueIgnored") // The stage handles both ends.
    private void answerWhenSynced(Lane lane, Push.Slice slice, boolean wantedStored) {
        lane.segments()
                .sync(slice.lastOffset())
                .whenCompleteAsync(
                        (done, failure) -> {
                            if (failure != null) {
                                fail(slice, failure);
                                return;
                            }
                            counters.fellBack.add(wantedStored ? slice.unsettled() : 0);
                            complete(slice);
                        },
                        answers);
    }

    private void fail(Push.Slice slice, Throwable failure) {
        counters.answeredFailed.add(slice.size());
        boolean isFirst = slice.fail(
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure);
        if (isFirst) {
            counters.failedWrites.increment();
        }
    }

    /** Answers the pushes that wait for these messages. The drain calls it after their commit. */
    public void committed(Lane lane, List<SinkRecord> records, List<PushOutcome> outcomes) {
        answer(lane, lane.committed(records, outcomes));
    }

    /** Answers the pushes that wait for these messages, which are stored with an unknown outcome. */
    public void alreadyStored(Lane lane, List<SinkRecord> records) {
        answer(lane, lane.settled(records, PushResult.Buffered.BUFFERED));
    }

    /** Answers the push that waits for this message, which PostgreSQL refused. */
    public void refused(Lane lane, SinkRecord record, String reason) {
        answer(lane, lane.settled(List.of(record), new PushResult.Failed(reason)));
    }

    private void answer(Lane lane, List<Push.Slice> slices) {
        if (slices.isEmpty()) {
            return;
        }
        answers.execute(() -> {
            for (Push.Slice slice : slices) {
                if (slice.isSettled()) {
                    complete(slice);
                } else {
                    answerWhenSynced(lane, slice, true);
                }
            }
        });
    }

    /** Completes a slice; a message without an outcome is buffered. */
    private void complete(Push.Slice slice) {
        int queued = slice.count(PushResult.Queued.class);
        int duplicate = slice.count(PushResult.Duplicate.class);
        int failed = slice.count(PushResult.Failed.class);
        counters.answeredQueued.add(queued);
        counters.answeredDuplicate.add(duplicate);
        counters.answeredFailed.add(failed);
        counters.answeredBuffered.add(slice.size() - queued - duplicate - failed);
        slice.complete(PushResult.Buffered.BUFFERED);
    }

    private void answerTimedOut() {
        while (!closed) {
            LockSupport.parkNanos(TIMEOUT_CHECK_INTERVAL.toNanos());
            long now = System.nanoTime();
            for (Lane lane : lanes) {
                for (Push.Slice slice : lane.expire(now)) {
                    answerWhenSynced(lane, slice, true);
                }
            }
        }
    }

    /** Returns counts for status pages and metrics. */
    public IntakeStatus status() {
        return new IntakeStatus(
                counters.requests.sum(),
                counters.messages.sum(),
                counters.answeredQueued.sum(),
                counters.answeredDuplicate.sum(),
                counters.answeredBuffered.sum(),
                counters.answeredFailed.sum(),
                counters.fellBack.sum(),
                counters.refusedFull.sum(),
                counters.failedWrites.sum(),
                lanes.stream().mapToInt(Lane::waiting).sum());
    }

    /**
     * Refuses new pushes, and answers waiting pushes as buffered. Call it after the drain has stopped and before the
     * lanes are closed. Waits up to 10 s for the answers to be given.
     */
    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(timeouts);
        try {
            timeouts.join(CLOSE_TIMEOUT.toMillis());
            var last = new ArrayList<CompletableFuture<Void>>();
            for (Lane lane : lanes) {
                for (Push.Slice slice : lane.removeAll()) {
                    last.add(lane.segments().sync(slice.lastOffset()));
                    answerWhenSynced(lane, slice, true);
                }
            }
            CompletableFuture.allOf(last.toArray(CompletableFuture<?>[]::new))
                    .exceptionally(failure -> null)
                    .get(CLOSE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
            answers.shutdown();
            if (!answers.awaitTermination(CLOSE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)) {
                log.warn("Closed the intake before all pushes were answered timeout={}", CLOSE_TIMEOUT);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            log.warn("Could not sync the log for the pushes that waited reason={}", e.toString());
        }
    }
}
