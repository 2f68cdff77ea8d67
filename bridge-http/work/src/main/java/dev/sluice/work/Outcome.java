package dev.sluice.work;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.work.rules.JsonText;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How a handler ended with a work. */
public sealed interface Outcome {
    /** Longest time that a work may wait: a hundred years. */
    Duration MAX_WAIT = Duration.ofDays(36_500);

    /** Latest time until which a work may wait. */
    Instant MAX_UNTIL = Instant.parse("9999-12-31T23:59:59Z");

    /**
     * The work is done.
     *
     * @param result JSON text that is kept with the idempotency key, if the handler keeps results, and told to whom the
     *     work replies; null: none
     * @param forwards messages that are written in the transaction that stores this outcome: all of them, or none and
     *     the handler has failed
     */
    record Done(@Nullable String result, List<Forward> forwards) implements Outcome {
        public Done {
            if (result != null) {
                JsonText.check("result", result);
            }
            forwards = List.copyOf(forwards);
        }

        /** Makes it without messages. */
        public Done(@Nullable String result) {
            this(result, List.of());
        }

        /**
         * Forwards a message too.
         *
         * @throws IllegalArgumentException if the payload is no JSON text, or no queue may have that name
         */
        public Done forward(String queue, String payloadJson) {
            return forward(Forward.to(queue, payloadJson));
        }

        /**
         * Forwards a message to a partition too.
         *
         * @throws IllegalArgumentException if the payload is no JSON text, or a name breaks the rules of the queue
         */
        public Done forward(String queue, String partition, String payloadJson) {
            return forward(new Forward(queue, partition, payloadJson, Map.of()));
        }

        /** Forwards a message too. */
        public Done forward(Forward message) {
            var all = new ArrayList<>(forwards);
            all.add(message);
            return new Done(result, all);
        }
    }

    /**
     * A message for a queue, which is created if it is not there. Its transaction id is made of the id of the work and
     * its number among the messages of the work, so a consumer can tell a repetition.
     *
     * @param payload JSON text
     * @param headers the headers of the message
     */
    record Forward(String queue, String partition, String payload, Map<String, String> headers) {
        public Forward {
            NewMessage.checkQueueName("queue", queue);
            NewMessage.checkName("partition", partition);
            JsonText.check("payload", payload);
            headers = MessageHeaders.of(headers).asMap();
        }

        /** Returns a message for the default partition. */
        public static Forward to(String queue, String payloadJson) {
            return new Forward(queue, NewMessage.DEFAULT_PARTITION, payloadJson, Map.of());
        }
    }

    /**
     * The handler failed, and the work runs again. It becomes a dead letter if it has no attempts left.
     *
     * @param after how long it waits; null: as the retry policy says
     * @param reason why the handler failed
     */
    record Retry(@Nullable Duration after, String reason) implements Outcome {
        public Retry {
            checkWait("after", after);
            requireNonNull(reason, "reason");
        }
    }

    /**
     * The work runs again later, and nothing failed. Counts no attempt.
     *
     * @param delay how long it waits; null if {@code until} is given
     * @param until when it runs again; null if {@code delay} is given
     */
    record Snooze(@Nullable Duration delay, @Nullable Instant until) implements Outcome {
        public Snooze {
            if ((delay == null) == (until == null)) {
                throw new IllegalArgumentException("one of delay and until must be given");
            }
            checkWait("delay", delay);
            if (until != null && (until.isBefore(Instant.EPOCH) || until.isAfter(MAX_UNTIL))) {
                throw new IllegalArgumentException(
                        "until must be " + Instant.EPOCH + " to " + MAX_UNTIL + ", was " + until);
            }
        }
    }

    /**
     * The work becomes a dead letter.
     *
     * @param reason why
     */
    record DeadLetter(String reason) implements Outcome {
        public DeadLetter {
            requireNonNull(reason, "reason");
        }
    }

    /** The work is dropped: it is not done, and no dead letter. */
    record Cancel() implements Outcome {}

    private static void checkWait(String name, @Nullable Duration wait) {
        if (wait != null && (wait.isNegative() || wait.compareTo(MAX_WAIT) > 0)) {
            throw new IllegalArgumentException(name + " must be 0 to " + MAX_WAIT + ", was " + wait);
        }
    }

    /** Returns that the work is done. */
    static Done done() {
        return new Done(null);
    }

    /**
     * Returns that the work is done, with a result.
     *
     * @throws IllegalArgumentException if the result is no JSON text
     */
    static Done done(String resultJson) {
        return new Done(requireNonNull(resultJson, "resultJson"));
    }

    /** Returns that the handler failed, and that the work waits as the retry policy says. */
    static Outcome retry(String reason) {
        return new Retry(null, reason);
    }

    /** Returns that the handler failed, and how long the work waits. */
    static Outcome retry(Duration after, String reason) {
        return new Retry(requireNonNull(after, "after"), reason);
    }

    /** Returns that the work runs again after some time. */
    static Outcome snooze(Duration delay) {
        return new Snooze(delay, null);
    }

    /** Returns that the work runs again at some time. */
    static Outcome snooze(Instant until) {
        return new Snooze(null, until);
    }

    /** Returns that the work becomes a dead letter. */
    static Outcome deadLetter(String reason) {
        return new DeadLetter(reason);
    }

    /** Returns that the work is dropped. */
    static Outcome cancel() {
        return new Cancel();
    }
}
