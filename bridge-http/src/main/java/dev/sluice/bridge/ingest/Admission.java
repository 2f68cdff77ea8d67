package dev.sluice.bridge.ingest;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.PushRule;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a push passes before it is appended to the log: it is refused if a queue is full, and encrypted if its queue
 * asks for that, so that the log holds ciphertext. What is in the log has been answered for, so behind the door nothing
 * is refused for its queue's size any more.
 *
 * <p>The options and counts of queues are those of about a second ago, read by a thread of its own, plus what this door
 * has let through since. While the database cannot be asked, the last ones count. So a bound can be exceeded: by what
 * is in the logs of the bridges when the messages are counted, by what other bridges take within a second, and by the
 * rest of a push that began below it.
 *
 * <p>A message for a queue that became an encrypted one within that second enters the log in clear. The writer, which
 * reads the option with the partition's lock, encrypts it before PostgreSQL gets it. Until the options have been read
 * for the first time, as after a start without a database, every payload is encrypted if there is a key: consumers get
 * it decrypted, whatever the queue.
 *
 * <p>Any thread may call; no call waits.
 */
public final class Admission implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Admission.class);

    private static final Duration INTERVAL = Duration.ofSeconds(1);
    /**
     * A read is followed by a rest this many times as long, so that counting never takes more than a twentieth of a
     * thread.
     */
    private static final int REST_FACTOR = 20;

    private static final long STOP_SECONDS = 5;

    private final Intake intake;
    private final PayloadCipher cipher;
    private final Supplier<List<PushRule>> source;
    private final LongAdder refusedQueueFull = new LongAdder();
    private final LongAdder refusedNoKey = new LongAdder();
    private final LongAdder failedReads = new LongAdder();
    private final ScheduledExecutorService thread = Threads.clock("sluice-admission");
    private volatile Map<String, Known> queues = Map.of();
    /** Whether {@link #queues} has been read at all. */
    private volatile boolean known;
    /** Of whoever holds the lock on this. */
    private boolean failing;

    /** A queue with rules, and the messages let through to it since they were read. */
    private record Known(PushRule rule, LongAdder accepted) {
        boolean isBounded() {
            return rule.maxSize() > 0;
        }

        long messages() {
            return rule.messages() + accepted.sum();
        }
    }

    /**
     * Makes the door; {@link #start} begins to read.
     *
     * @param intake where messages go from here
     * @param source reads the rules of all queues that have any; may block, may throw {@link QueueException}
     */
    public Admission(Intake intake, PayloadCipher cipher, Supplier<List<PushRule>> source) {
        this.intake = intake;
        this.cipher = cipher;
        this.source = source;
    }

    /** Reads the rules now and from then on. Returns after the first try. */
    public void start() {
        schedule(refresh());
    }

    @SuppressWarnings("FutureReturnValueIgnored") // refresh() keeps its failures to itself.
    private void schedule(Duration rest) {
        if (!thread.isShutdown()) {
            thread.schedule(() -> schedule(refresh()), rest.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    /**
     * Reads the rules. What has been committed before the call counts after it.
     *
     * @return how long to leave the database alone
     */
    public synchronized Duration refresh() {
        long start = System.nanoTime();
        Map<String, Known> before = queues;
        var acceptedBefore = new HashMap<String, Long>();
        before.forEach(
                (queue, each) -> acceptedBefore.put(queue, each.accepted().sum()));
        try {
            var read = new HashMap<String, Known>();
            for (PushRule rule : source.get()) {
                var accepted = new LongAdder();
                Known old = before.get(rule.queue());
                if (old != null) {
                    accepted.add(old.accepted().sum() - acceptedBefore.getOrDefault(rule.queue(), 0L));
                }
                read.put(rule.queue(), new Known(rule, accepted));
            }
            queues = Map.copyOf(read);
            known = true;
            if (failing) {
                failing = false;
                log.info("The options of queues are read again");
            }
        } catch (QueueException e) {
            failedReads.increment();
            if (!failing) {
                failing = true;
                log.warn("The options of queues cannot be read, the last ones count: {}", e.getMessage());
            }
        } catch (RuntimeException | Error e) { // Whatever it throws would end the repetition.
            failedReads.increment();
            log.error("The options of queues could not be read", e);
        }
        Duration rest = Duration.ofNanos(System.nanoTime() - start).multipliedBy(REST_FACTOR);
        return rest.compareTo(INTERVAL) > 0 ? rest : INTERVAL;
    }

    /**
     * Takes a push, or nothing of it.
     *
     * @return as {@link Intake#accept}; fails also with {@link QueueFullException} and with {@link NoKeyException}
     */
    public CompletableFuture<List<PushResult>> accept(
            List<NewMessage> messages, Durability durability, Linger linger) {
        try {
            requireRoom(messages);
        } catch (QueueFullException e) {
            return CompletableFuture.failedFuture(e);
        }
        return let(messages, durability, linger);
    }

    /** The same for messages that are to be moved on at once. */
    public CompletableFuture<List<PushResult>> accept(List<NewMessage> messages, Durability durability) {
        return accept(messages, durability, Linger.NONE);
    }

    /** Takes messages that have been accepted before, by this service or another, however full their queues are. */
    public CompletableFuture<List<PushResult>> acceptAgain(List<NewMessage> messages, Durability durability) {
        return let(messages, durability, Linger.NONE);
    }

    private CompletableFuture<List<PushResult>> let(List<NewMessage> messages, Durability durability, Linger linger) {
        try {
            return counted(messages, intake.accept(sealed(messages), durability, linger));
        } catch (NoKeyException e) {
            refusedNoKey.increment();
            return CompletableFuture.failedFuture(e);
        }
    }

    /**
     * Checks that none of the queues is full.
     *
     * @throws QueueFullException if one is; counted as a refusal
     */
    public void requireRoom(List<NewMessage> messages) throws QueueFullException {
        Map<String, Known> now = queues;
        if (now.isEmpty()) {
            return;
        }
        String last = "";
        for (NewMessage message : messages) {
            if (message.queue().equals(last)) {
                continue;
            }
            last = message.queue();
            Known queue = now.get(last);
            if (queue != null
                    && queue.isBounded()
                    && queue.messages() >= queue.rule().maxSize()) {
                refusedQueueFull.increment();
                throw new QueueFullException(
                        last, queue.messages(), queue.rule().maxSize());
            }
        }
    }

    private List<NewMessage> sealed(List<NewMessage> messages) throws NoKeyException {
        Map<String, Known> now = queues;
        boolean all = !known && cipher.hasKey();
        if (now.isEmpty() && !all) {
            return messages;
        }
        var sealed = new ArrayList<NewMessage>(messages.size());
        for (NewMessage message : messages) {
            Known queue = now.get(message.queue());
            boolean encrypted = queue != null && queue.rule().encrypted();
            if (encrypted && !cipher.hasKey()) {
                throw new NoKeyException(message.queue());
            }
            sealed.add(all || encrypted ? cipher.seal(message) : message);
        }
        return sealed;
    }

    /** Counts messages for bounded queues; no longer when the answer says that a message is not there. */
    private CompletableFuture<List<PushResult>> counted(
            List<NewMessage> messages, CompletableFuture<List<PushResult>> answer) {
        Map<String, Known> now = queues;
        if (now.values().stream().noneMatch(Known::isBounded) || answer.isCompletedExceptionally()) {
            return answer;
        }
        var counted = new ArrayList<@Nullable LongAdder>(messages.size());
        for (NewMessage message : messages) {
            Known queue = now.get(message.queue());
            LongAdder accepted = queue != null && queue.isBounded() ? queue.accepted() : null;
            if (accepted != null) {
                accepted.increment();
            }
            counted.add(accepted);
        }
        return answer.whenComplete((results, failure) -> {
            for (int i = 0; i < counted.size(); i++) {
                LongAdder accepted = counted.get(i);
                if (accepted != null && (failure != null || !isStored(results.get(i)))) {
                    accepted.decrement();
                }
            }
        });
    }

    private static boolean isStored(PushResult result) {
        return result instanceof PushResult.Queued || result instanceof PushResult.Buffered;
    }

    /** Returns counts for status pages and metrics. */
    public AdmissionStatus status() {
        Map<String, Known> now = queues;
        return new AdmissionStatus(
                now.values().stream().filter(Known::isBounded).count(),
                now.values().stream().filter(queue -> queue.rule().encrypted()).count(),
                refusedQueueFull.sum(),
                refusedNoKey.sum(),
                failedReads.sum());
    }

    /** Reads no more; what was read last goes on to count. */
    @Override
    public void close() {
        thread.shutdownNow();
        try {
            if (!thread.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
                log.warn("The options of queues are still being read");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
