package dev.sluice.bridge.webhook;

import dev.sluice.work.AsyncHandler;
import dev.sluice.work.Context;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;

/** Delivers each work with a request of its own. Holds no thread while a request is in flight. */
public final class WebhookHandler implements AsyncHandler {
    /** How soon a work that waits for its target notices that the engine stops. */
    static final Duration GLANCE = Duration.ofSeconds(1);

    private static final double SPREAD = 0.2;

    private final WebhookSender sender;
    private final Function<Work, WebhookTarget> targets;
    private final WebhookRules rules;
    private final Observers observers;
    private final Timers timers;
    private final Pace pace = new Pace();

    /**
     * Makes a handler.
     *
     * @param targets finds the target of a work, at each attempt, so that a change counts at once. If it throws an
     *     {@code IllegalArgumentException}, the work becomes a dead letter with its message
     */
    public WebhookHandler(
            WebhookSender sender, Function<Work, WebhookTarget> targets, WebhookRules rules, Observers observers) {
        this.sender = sender;
        this.targets = targets;
        this.rules = rules;
        this.observers = observers;
        this.timers = sender.timers();
    }

    /** Delivers a work. Does not block. If the result is cancelled, the request ends. */
    @Override
    public CompletableFuture<Outcome> handle(Work work, Context context) {
        var outcome = new CompletableFuture<Outcome>();
        begin(work, context, outcome);
        return outcome;
    }

    private void begin(Work work, Context context, CompletableFuture<Outcome> outcome) {
        WebhookTarget target;
        WebhookMessage message;
        try {
            target = targets.apply(work);
            message = WebhookMessage.of(work, context.id());
        } catch (IllegalArgumentException e) {
            outcome.complete(Outcome.deadLetter(String.valueOf(e.getMessage())));
            return;
        }
        Duration pause = pace.pause(target.url().hostAndPort(), timers.now());
        if (pause.isZero()) {
            send(target, message, new Delivery(work, context, outcome));
        } else if (rules.hasManyTargets()) {
            long millis = Math.max(1, pause.toMillis());
            double spread = 1 + SPREAD * ThreadLocalRandom.current().nextDouble();
            outcome.complete(Outcome.snooze(Duration.ofMillis((long) (millis * spread))));
        } else {
            hold(new Delivery(work, context, outcome), pause);
        }
    }

    /** Lets a work wait for its target in its place. */
    private void hold(Delivery delivery, Duration pause) {
        Context context = delivery.context();
        context.extend(pause.plus(WebhookTarget.MAX_TIMEOUT));
        timers.after(pause.compareTo(GLANCE) < 0 ? pause : GLANCE, () -> {
            if (delivery.outcome().isDone()) {
                return;
            }
            if (context.isStopping()) {
                delivery.outcome().completeExceptionally(new IllegalStateException("the run ends"));
                return;
            }
            begin(delivery.work(), context, delivery.outcome());
        });
    }

    /** A run of a work. */
    private record Delivery(Work work, Context context, CompletableFuture<Outcome> outcome) {}

    private void send(WebhookTarget target, WebhookMessage message, Delivery delivery) {
        CompletableFuture<Attempt> request = sender.send(target, message);
        CompletableFuture<Outcome> outcome = delivery.outcome();
        var ignored = request.whenComplete((attempt, cancelled) -> {
            if (attempt != null) {
                end(target, attempt, delivery);
            }
        });
        var unused = outcome.whenComplete((ended, failure) -> {
            if (outcome.isCancelled()) {
                request.cancel(true);
            }
        });
    }

    private void end(WebhookTarget target, Attempt attempt, Delivery delivery) {
        Instant now = timers.now();
        Verdict verdict = Verdict.of(attempt, now, rules.maxRetryAfter());
        pace.take(target.url().hostAndPort(), verdict, attempt.began(), now);
        if (verdict.kind() == Verdict.Kind.STOPPED) {
            delivery.outcome().completeExceptionally(new IllegalStateException(verdict.reason()));
            return;
        }
        observers.ended(delivery.work(), delivery.context(), attempt, verdict);
        delivery.outcome().complete(rules.outcome(verdict, attempt, delivery.context()));
    }
}
