package dev.sluice.bridge.ingest;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.LimitKey;
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
 * Checks a push before the intake appends it to the log: refuses it if a queue is full, and encrypts its messages if
 * their queue is encrypted, so that the log holds ciphertext. If the messages of a queue have limit keys, it adds the
 * key of each message to the name of its partition. Everything in the log has been accepted: behind the admission,
 * nothing is refused for the size of its queue.
 *
 * <p>A thread reads the options and message counts of the queues about once a second; the admission adds the messages
 * it has let through since. If the database cannot be read, the last rules apply. A queue can exceed its
 * {@code maxSize} by the messages in the logs of the bridges, by what other bridges accept within a second, and by the
 * rest of a push that began below it.
 *
 * <p>If a queue became encrypted within that second, a message for it enters the log in clear. The queue writer reads
 * the option under the lock of the partition and encrypts the message before it reaches PostgreSQL. Before the options
 * are read for the first time, as after a start without a database, every payload is encrypted if there is a key;
 * consumers get it decrypted whatever the options of its queue.
 *
 * <p>A limit key in the name of the partition that a producer gives does not count. It counts in a message that was
 * accepted before, whose payload may be encrypted by now.
 *
 * <p>A message that is accepted before the place of the limit key is known has no limit key: within a second after the
 * place was set, and before the options are read for the first time.
 *
 * <p>Any thread may call; no method but {@link #refresh} and {@link #start} blocks.
 */
public final class Admission implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Admission.class);

    private static final Duration INTERVAL = Duration.ofSeconds(1);
    /** The pause after a read is this many times as long as the read, which bounds the load of counting. */
    private static final int PAUSE_FACTOR = 20;

    private static final long STOP_SECONDS = 5;

    private final Intake intake;
    private final PayloadCipher cipher;
    private final Supplier<List<PushRule>> reader;
    private final LongAdder refusedQueueFull = new LongAdder();
    private final LongAdder refusedNoKey = new LongAdder();
    private final LongAdder failedReads = new LongAdder();
    private final ScheduledExecutorService thread = Threads.clock("sluice-admission");
    private volatile Map<String, BoundQueue> queues = Map.of();
    /** Whether {@link #queues} has been read at least once. */
    private volatile boolean hasRules;
    /** Whether messages of some queue have limit keys. */
    private volatile boolean hasLimitKeys;
    /** Whether the last read failed. Guarded by this. */
    private boolean failing;

    /** A queue with rules, and the messages let through to it since the rules were read. */
    private record BoundQueue(PushRule rule, LongAdder accepted) {
        boolean isBounded() {
            return rule.maxSize() > 0;
        }

        long messages() {
            return rule.messages() + accepted.sum();
        }
    }

    /**
     * Makes the admission; {@link #start} begins to read the rules.
     *
     * @param intake takes the messages that pass
     * @param reader reads the rules of all queues that have any; may block, may throw {@link QueueException}
     */
    public Admission(Intake intake, PayloadCipher cipher, Supplier<List<PushRule>> reader) {
        this.intake = intake;
        this.cipher = cipher;
        this.reader = reader;
    }

    /** Reads the rules now, which blocks, and from then on regularly. */
    public void start() {
        schedule(refresh());
    }

    @SuppressWarnings("FutureReturnValueIgnored") // refresh() handles its failures.
    private void schedule(Duration pause) {
        if (!thread.isShutdown()) {
            thread.schedule(() -> schedule(refresh()), pause.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    /**
     * Reads the rules. Messages committed before the call count after it.
     *
     * @return how long to pause before the next read
     */
    public synchronized Duration refresh() {
        long start = System.nanoTime();
        Map<String, BoundQueue> before = queues;
        var acceptedBefore = new HashMap<String, Long>();
        before.forEach(
                (queue, each) -> acceptedBefore.put(queue, each.accepted().sum()));
        try {
            var read = new HashMap<String, BoundQueue>();
            for (PushRule rule : reader.get()) {
                var accepted = new LongAdder();
                BoundQueue old = before.get(rule.queue());
                if (old != null) {
                    accepted.add(old.accepted().sum() - acceptedBefore.getOrDefault(rule.queue(), 0L));
                }
                read.put(rule.queue(), new BoundQueue(rule, accepted));
            }
            queues = Map.copyOf(read);
            hasLimitKeys = read.values().stream().anyMatch(queue -> queue.rule().limitKey() != null);
            hasRules = true;
            if (failing) {
                failing = false;
                log.info("Reading the options of queues works again");
            }
        } catch (QueueException e) {
            failedReads.increment();
            if (!failing) {
                failing = true;
                log.warn("Could not read the options of queues, the last ones apply reason={}", e.getMessage());
            }
        } catch (RuntimeException | Error e) { // An exception would end the repetition.
            failedReads.increment();
            log.error("Could not read the options of queues because of a defect, the last ones apply", e);
        }
        Duration pause = Duration.ofNanos(System.nanoTime() - start).multipliedBy(PAUSE_FACTOR);
        return pause.compareTo(INTERVAL) > 0 ? pause : INTERVAL;
    }

    /**
     * Accepts a push, or nothing of it.
     *
     * @return as {@link Intake#accept}; also fails with {@link QueueFullException} and with {@link NoKeyException}
     */
    public CompletableFuture<List<PushResult>> accept(List<NewMessage> messages, Durability durability, Linger linger) {
        QueueFullException full = refusal(messages);
        return full == null ? take(ofProducers(messages), durability, linger) : CompletableFuture.failedFuture(full);
    }

    /** Accepts a push that does not linger. */
    public CompletableFuture<List<PushResult>> accept(List<NewMessage> messages, Durability durability) {
        return accept(messages, durability, Linger.NONE);
    }

    /** Accepts messages that this service or another accepted before, however full their queues are. */
    public CompletableFuture<List<PushResult>> acceptAgain(List<NewMessage> messages, Durability durability) {
        return take(withLimitKeys(messages), durability, Linger.NONE);
    }

    private CompletableFuture<List<PushResult>> take(List<NewMessage> messages, Durability durability, Linger linger) {
        boolean all = !hasRules; // Read before the rules: otherwise a first read between could let through plaintext.
        Map<String, BoundQueue> now = queues;
        String withoutKey = cipher.hasKey() ? null : firstEncrypted(messages, now);
        if (withoutKey != null) {
            refusedNoKey.increment();
            return CompletableFuture.failedFuture(new NoKeyException(withoutKey));
        }
        return counting(messages, intake.accept(encrypted(messages, now, all), durability, linger));
    }

    /**
     * Returns whether the priorities of items count in a queue. Before the options are read for the first time, only
     * the queues of works are known to be such.
     */
    public boolean hasLanes(String queue) {
        BoundQueue known = queues.get(queue);
        return queue.startsWith(PushRule.WORK) || (known != null && known.rule().itemPriority());
    }

    private static @Nullable String firstEncrypted(List<NewMessage> messages, Map<String, BoundQueue> known) {
        for (NewMessage message : messages) {
            if (isEncrypted(known.get(message.queue()))) {
                return message.queue();
            }
        }
        return null;
    }

    private static boolean isEncrypted(@Nullable BoundQueue queue) {
        return queue != null && queue.rule().encrypted();
    }

    /**
     * Admits messages that do not go through the log.
     *
     * @return the messages as they are to be written: with their limit keys
     * @throws QueueFullException if one of the queues is full; counted as a refusal
     */
    public List<NewMessage> admit(List<NewMessage> messages) throws QueueFullException {
        QueueFullException full = refusal(messages);
        if (full != null) {
            throw full;
        }
        return ofProducers(messages);
    }

    /** Returns messages of producers with their limit keys, whatever the names of their partitions say. */
    private List<NewMessage> ofProducers(List<NewMessage> messages) {
        for (NewMessage message : messages) {
            if (!LimitKey.ofProducer(message).partition().equals(message.partition())) {
                return withLimitKeys(messages.stream().map(LimitKey::ofProducer).toList());
            }
        }
        return withLimitKeys(messages);
    }

    private List<NewMessage> withLimitKeys(List<NewMessage> messages) {
        if (!hasLimitKeys) {
            return messages;
        }
        Map<String, BoundQueue> now = queues;
        return messages.stream()
                .map(message -> {
                    BoundQueue queue = now.get(message.queue());
                    LimitKey key = queue == null ? null : queue.rule().limitKey();
                    return key == null ? message : key.in(message);
                })
                .toList();
    }

    /** Returns and counts the refusal if a queue is full. */
    private @Nullable QueueFullException refusal(List<NewMessage> messages) {
        Map<String, BoundQueue> now = queues;
        if (now.isEmpty()) {
            return null;
        }
        String last = null; // The empty name is the name of a queue.
        for (NewMessage message : messages) {
            if (message.queue().equals(last)) {
                continue;
            }
            last = message.queue();
            BoundQueue queue = now.get(last);
            if (queue != null
                    && queue.isBounded()
                    && queue.messages() >= queue.rule().maxSize()) {
                refusedQueueFull.increment();
                return new QueueFullException(
                        last, queue.messages(), queue.rule().maxSize());
            }
        }
        return null;
    }

    private List<NewMessage> encrypted(List<NewMessage> messages, Map<String, BoundQueue> known, boolean all) {
        if (!cipher.hasKey() || (known.isEmpty() && !all)) {
            return messages;
        }
        var encrypted = new ArrayList<NewMessage>(messages.size());
        for (NewMessage message : messages) {
            encrypted.add(all || isEncrypted(known.get(message.queue())) ? cipher.seal(message) : message);
        }
        return encrypted;
    }

    /** Counts messages for bounded queues, and takes back the count of those that are not stored. */
    private CompletableFuture<List<PushResult>> counting(
            List<NewMessage> messages, CompletableFuture<List<PushResult>> answer) {
        Map<String, BoundQueue> now = queues;
        if (now.values().stream().noneMatch(BoundQueue::isBounded) || answer.isCompletedExceptionally()) {
            return answer;
        }
        var counted = new ArrayList<@Nullable LongAdder>(messages.size());
        for (NewMessage message : messages) {
            BoundQueue queue = now.get(message.queue());
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
        Map<String, BoundQueue> now = queues;
        return new AdmissionStatus(
                now.values().stream().filter(BoundQueue::isBounded).count(),
                now.values().stream().filter(queue -> queue.rule().encrypted()).count(),
                refusedQueueFull.sum(),
                refusedNoKey.sum(),
                failedReads.sum());
    }

    /** Stops reading; the last rules apply. */
    @Override
    public void close() {
        thread.shutdownNow();
        try {
            if (!thread.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
                log.warn("A read of the options of queues has not ended, closing without it");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
