package dev.sluice.bridge.webhook;

import dev.sluice.work.BatchHandler;
import dev.sluice.work.Outcome;
import dev.sluice.work.WorkId;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * Delivers works in one request: a JSON array. A work that has failed before goes alone, in an array of one, so that
 * one that the target refuses does not fail the others again. A call takes a worker until its answer.
 */
public final class WebhookBatchHandler implements BatchHandler {
    private static final int ID_BYTES = 16;

    private final WebhookSender sender;
    private final WebhookTarget target;
    private final WebhookRules rules;
    private final Observers observers;
    private final Pace pace = new Pace();

    public WebhookBatchHandler(WebhookSender sender, WebhookTarget target, WebhookRules rules, Observers observers) {
        this.sender = sender;
        this.target = target;
        this.rules = rules;
        this.observers = observers;
    }

    /** A request of a call. */
    private record Request(List<Item> items, CompletableFuture<Attempt> attempt) {}

    @Override
    public Map<WorkId, Outcome> handle(List<Item> items) throws Exception {
        Duration pause = pace.pause(target.url().hostAndPort(), sender.timers().now());
        if (!pause.isZero()) {
            return BatchHandler.all(items, Outcome.snooze(pause));
        }
        var requests = new ArrayList<Request>();
        var together = new ArrayList<Item>();
        for (Item item : items) {
            if (item.context().attempt() > 1) {
                requests.add(request(List.of(item)));
            } else {
                together.add(item);
            }
        }
        if (!together.isEmpty()) {
            requests.add(request(together));
        }
        try {
            return outcomes(requests);
        } finally {
            requests.forEach(request -> request.attempt().cancel(true));
        }
    }

    private Request request(List<Item> items) {
        List<WebhookMessage> messages = items.stream()
                .map(item -> WebhookMessage.of(item.work(), item.id()))
                .toList();
        return new Request(items, sender.sendBatch(target, idOf(items), messages));
    }

    private Map<WorkId, Outcome> outcomes(List<Request> requests) throws InterruptedException, ExecutionException {
        var outcomes = new HashMap<WorkId, Outcome>();
        for (Request request : requests) {
            Attempt attempt = request.attempt().get();
            Instant now = sender.timers().now();
            Verdict verdict = Verdict.of(attempt, now, rules.maxRetryAfter());
            pace.take(target.url().hostAndPort(), verdict, attempt.began(), now);
            if (verdict.kind() == Verdict.Kind.STOPPED) {
                throw new IllegalStateException(verdict.reason());
            }
            for (Item item : request.items()) {
                observers.ended(item.work(), item.context(), attempt, verdict);
                outcomes.put(item.id(), rules.outcome(verdict, attempt, item.context()));
            }
        }
        return outcomes;
    }

    /** Returns an id that is the same for the same works in the same order. */
    private static String idOf(List<Item> items) {
        if (items.size() == 1) {
            return items.get(0).id().toString();
        }
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            items.forEach(item -> digest.update(item.id().toString().getBytes(StandardCharsets.US_ASCII)));
            return "batch_" + HexFormat.of().formatHex(digest.digest(), 0, ID_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("the Java runtime has no SHA-256", e);
        }
    }
}
