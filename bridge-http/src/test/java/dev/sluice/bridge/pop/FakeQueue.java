package dev.sluice.bridge.pop;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueNamespace;
import dev.sluice.queue.read.PopOutcomeUnknownException;
import dev.sluice.queue.sql.CommitOutcome;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** Messages by queue name, each popped once, without leases. A queue is in the namespace of its first letter. */
final class FakeQueue {
    /** A request with this batch size is refused. */
    static final int REFUSED_BATCH = 666;

    /** A request with this memory finds a large message, and has no room for it. */
    static final PopRequest.Memory NO_MEMORY = bytes -> false;

    private final Map<String, Deque<String>> messages = new HashMap<>();
    /** The size of each transaction, in order. */
    final List<Integer> transactions = new CopyOnWriteArrayList<>();

    final List<Set<String>> lookUps = new ArrayList<>();
    final List<PopResult> returned = new ArrayList<>();

    @Nullable
    RuntimeException failure;

    @Nullable
    RuntimeException lookUpFailure;

    @Nullable
    Duration nextReadyIn;

    /** Runs once, at the beginning of the next transaction. */
    Runnable whenItBegins = () -> {};
    /** Runs once, when the next transaction has taken its messages and has not ended. */
    Runnable beforeItEnds = () -> {};
    /** Whether the next transactions with messages end without an answer to their commit. */
    boolean losesAnswers;

    CommitOutcome outcome = CommitOutcome.PENDING;
    int outcomesAsked;
    int giveBacks;
    int giveBackFailures;
    int unknownGiveBacks;

    List<PopResult> pop(PopTarget target, List<PopRequest> requests) {
        transactions.add(requests.size());
        Runnable first = whenItBegins;
        whenItBegins = () -> {};
        first.run();
        RuntimeException toThrow = failure;
        if (toThrow != null) {
            throw toThrow;
        }
        var results = new ArrayList<PopResult>();
        for (PopRequest request : requests) {
            if (request.batch() == REFUSED_BATCH) {
                throw new IllegalArgumentException("cannot do");
            }
            results.add(take(target, request));
        }
        Runnable last = beforeItEnds;
        beforeItEnds = () -> {};
        last.run();
        if (losesAnswers
                && results.stream().anyMatch(result -> !result.messages().isEmpty())) {
            throw new PopOutcomeUnknownException("lost", results);
        }
        return results;
    }

    private synchronized PopResult take(PopTarget target, PopRequest request) {
        if (request.memory() == NO_MEMORY) {
            return PopResult.nothing(PopResult.Status.NO_MEMORY, null);
        }
        var taken = new ArrayList<Message>();
        for (String name : messages.keySet()) {
            Deque<String> available = messages.get(name);
            while (covers(target, name) && taken.size() < request.batch() && !available.isEmpty()) {
                String payload = available.removeFirst();
                taken.add(new Message(
                        1,
                        "p",
                        name,
                        1,
                        UUID.randomUUID(),
                        "t",
                        payload.getBytes(UTF_8),
                        MessageHeaders.NONE,
                        null,
                        null,
                        Instant.EPOCH));
            }
        }
        return taken.isEmpty()
                ? new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, nextReadyIn)
                : new PopResult(
                        PopResult.Status.MESSAGES, request.autoAck() ? null : UUID.randomUUID(), taken, 1, null);
    }

    private static boolean covers(PopTarget target, String name) {
        return target.scope() instanceof PopTarget.InQueue one
                ? one.queue().equals(name)
                : ((PopTarget.Across) target.scope()).matches(namespaceOf(name));
    }

    private static QueueNamespace namespaceOf(String name) {
        return new QueueNamespace(name.substring(0, 1), "task");
    }

    Map<String, QueueNamespace> namespaces(Set<String> queues) {
        lookUps.add(queues);
        if (lookUpFailure != null) {
            throw lookUpFailure;
        }
        var found = new HashMap<String, QueueNamespace>();
        queues.forEach(name -> found.put(name, namespaceOf(name)));
        return found;
    }

    CommitOutcome outcomeOf(OutcomeUnknownException unknown) {
        outcomesAsked++;
        return outcome;
    }

    void giveBack(PopTarget target, PopResult result) {
        giveBacks++;
        if (unknownGiveBacks-- > 0) {
            throw OutcomeUnknownException.because("the answer got lost");
        }
        if (giveBackFailures-- > 0) {
            throw new QueueException("could not give back", new SQLException("gone", "08006"));
        }
        returned.add(result);
    }

    synchronized void add(String queueName, String... payloads) {
        messages.computeIfAbsent(queueName, name -> new ArrayDeque<>()).addAll(List.of(payloads));
    }
}
