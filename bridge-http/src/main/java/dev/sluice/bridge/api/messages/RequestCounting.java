package dev.sluice.bridge.api.messages;

import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.metrics.Counters;
import dev.sluice.bridge.metrics.QueueCounters;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.transact.TransactionExecutor.Outcome;
import dev.sluice.queue.view.Counter;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Counts pushes, pops, acknowledgements and transactions by queue. Adjacent messages of one queue are counted together,
 * so that a request costs a few additions.
 */
public final class RequestCounting {
    private final Counters counters;
    private final InstantSource clock = InstantSource.system();

    public RequestCounting(Counters counters) {
        this.counters = counters;
    }

    /** Counts pushes when they are answered. */
    public CompletableFuture<List<PushResult>> pushes(
            List<NewMessage> messages, CompletableFuture<List<PushResult>> answer) {
        return answer.whenComplete((results, failure) -> {
            if (failure == null) {
                pushed(messages, results);
            } else {
                failed(messages.isEmpty() ? null : messages.get(0).queue(), failure);
            }
        });
    }

    /**
     * Counts a transaction when it is answered. A committed transaction counts once for each queue that it touches,
     * with its pushes and acknowledgements.
     */
    CompletableFuture<Outcome> transaction(
            List<NewMessage> messages, List<Acknowledgement> verdicts, CompletableFuture<Outcome> answer) {
        return answer.whenComplete((outcome, failure) -> {
            if (failure != null) {
                failed(messages.isEmpty() ? null : messages.get(0).queue(), failure);
            } else if (outcome.committed()) {
                pushed(messages, outcome.pushes().stream().map(PushResult::of).toList());
                acknowledged(verdicts, outcome.acknowledgements());
                var queues = new HashSet<String>();
                messages.forEach(message -> queues.add(message.queue()));
                outcome.acknowledgements().forEach(each -> queues.add(queue(each)));
                queues.forEach(queue -> counters.queue(queue).add(Counter.TRANSACTIONS, 1));
            }
        });
    }

    private void pushed(List<NewMessage> messages, List<PushResult> results) {
        int size = messages.size();
        int from = 0;
        while (from < size) {
            String queue = messages.get(from).queue();
            int to = from;
            int accepted = 0;
            while (to < size && messages.get(to).queue().equals(queue)) {
                accepted += results.get(to) instanceof PushResult.Failed ? 0 : 1;
                to++;
            }
            QueueCounters counts = counters.queue(queue);
            counts.add(Counter.PUSH_REQUESTS, 1);
            counts.add(Counter.PUSH_MESSAGES, accepted);
            from = to;
        }
    }

    /**
     * Runs a pop and counts it when it is answered. Until then it counts as parked, if it may wait.
     *
     * @param wait how long the pop asks to wait
     */
    CompletableFuture<PopResult> pop(
            PopTarget target, PopRequest request, Duration wait, Supplier<CompletableFuture<PopResult>> run) {
        QueueCounters parked = wait.isZero() ? null : counters.queue(nameOf(target));
        if (parked != null) {
            parked.parks();
        }
        return run.get().whenComplete((result, failure) -> {
            if (parked != null) {
                parked.leaves();
            }
            if (failure == null) {
                popped(target, result, request.autoAck());
            } else {
                failed(nameOf(target), failure);
            }
        });
    }

    /** Returns the name of the queue, or the name for other queues if the pop is across queues. */
    private static String nameOf(PopTarget target) {
        return target.scope() instanceof PopTarget.InQueue one ? one.queue() : Counters.OTHER;
    }

    private void popped(PopTarget target, PopResult result, boolean autoAck) {
        List<Message> messages = result.messages();
        if (messages.isEmpty()) {
            QueueCounters counts = counters.queue(nameOf(target));
            counts.add(Counter.POP_REQUESTS, 1);
            counts.add(Counter.POP_EMPTY, 1);
            return;
        }
        long now = clock.millis();
        int size = messages.size();
        int from = 0;
        while (from < size) {
            String queue = messages.get(from).queue();
            int to = from;
            long sum = 0;
            long most = 0;
            while (to < size && messages.get(to).queue().equals(queue)) {
                long age = Math.max(0, now - messages.get(to).writtenAt().toEpochMilli());
                sum += age;
                most = Math.max(most, age);
                to++;
            }
            QueueCounters counts = counters.queue(queue);
            counts.add(Counter.POP_REQUESTS, 1);
            counts.add(Counter.POP_MESSAGES, to - from);
            counts.lag(to - from, sum, most);
            if (autoAck) {
                counts.add(Counter.ACK_COMPLETED, to - from);
            }
            from = to;
        }
    }

    /** Counts acknowledgements when they are answered. */
    CompletableFuture<List<AcknowledgeOutcome>> acknowledgements(
            List<Acknowledgement> acknowledgements, CompletableFuture<List<AcknowledgeOutcome>> answer) {
        return answer.whenComplete((outcomes, failure) -> {
            if (failure == null) {
                acknowledged(acknowledgements, outcomes);
            } else {
                failed(null, failure);
            }
        });
    }

    private void acknowledged(List<Acknowledgement> acknowledgements, List<AcknowledgeOutcome> outcomes) {
        int size = outcomes.size();
        int from = 0;
        while (from < size) {
            String queue = queue(outcomes.get(from));
            int to = from;
            int completed = 0;
            int dead = 0;
            int redelivered = 0;
            while (to < size && queue(outcomes.get(to)).equals(queue)) {
                if (outcomes.get(to) instanceof AcknowledgeOutcome.Acknowledged done) {
                    dead += done.deadLettered() ? 1 : 0;
                    boolean complete = acknowledgements.get(to).verdict() == Acknowledgement.Verdict.COMPLETED;
                    completed += complete ? 1 : 0;
                    redelivered += complete || done.deadLettered() ? 0 : 1;
                }
                to++;
            }
            QueueCounters counts = counters.queue(queue);
            counts.add(Counter.ACK_REQUESTS, 1);
            counts.add(Counter.ACK_COMPLETED, completed);
            counts.add(Counter.ACK_FAILED, to - from - completed);
            counts.add(Counter.REDELIVERIES, redelivered);
            counts.add(Counter.DEAD_LETTERS, dead);
            from = to;
        }
    }

    private static String queue(AcknowledgeOutcome outcome) {
        if (outcome instanceof AcknowledgeOutcome.Acknowledged done) {
            return done.queue();
        }
        if (outcome instanceof AcknowledgeOutcome.Unread unread) {
            return unread.queue();
        }
        return outcome instanceof AcknowledgeOutcome.LeaseInvalid invalid ? invalid.queue() : Counters.OTHER;
    }

    private void failed(@Nullable String queue, Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        if (cause instanceof QueueException) {
            counters.queue(queue == null ? Counters.OTHER : queue).add(Counter.DATABASE_ERRORS, 1);
        }
    }
}
