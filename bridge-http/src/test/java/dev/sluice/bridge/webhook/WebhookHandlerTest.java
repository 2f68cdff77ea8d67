package dev.sluice.bridge.webhook;

import static dev.sluice.bridge.outbound.FaultyTarget.answer;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.outbound.Cidr;
import dev.sluice.bridge.outbound.FaultyTarget;
import dev.sluice.bridge.outbound.OutboundClient;
import dev.sluice.bridge.outbound.OutboundSettings;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkId;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WebhookHandlerTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Work WORK = Work.of("hook", "{\"a\":1}");

    private final FaultyTarget target = new FaultyTarget(answer(200, "fine"));
    private final ManualTimers timers = new ManualTimers(Instant.parse("2026-12-01T12:00:00Z"));
    private OutboundClient client;

    @BeforeEach
    void open() throws Exception {
        client = new OutboundClient(OutboundSettings.DEFAULT.allowed(List.of(Cidr.parse("127.0.0.1"))));
    }

    @AfterEach
    void close() throws Exception {
        client.close();
        target.close();
    }

    private WebhookHandler handler(boolean hasManyTargets) {
        return handler(hasManyTargets, work -> WebhookTarget.of(target.url("/")));
    }

    private WebhookHandler handler(boolean hasManyTargets, Function<Work, WebhookTarget> targets) {
        return new WebhookHandler(
                new WebhookSender(client, timers),
                targets,
                new WebhookRules(RetryPolicy.DEFAULT, Duration.ofHours(1), hasManyTargets),
                new Observers(
                        (work, id, number, attempt, verdict) -> {
                            throw new IllegalStateException("an observer that fails");
                        },
                        (work, reason) -> {}));
    }

    private static Outcome outcome(CompletableFuture<Outcome> result) throws Exception {
        return result.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    @Test
    void aDeliveryIsDoneWithTheAnswerAsItsResultWhateverObserversDo() throws Exception {
        assertThat(outcome(handler(false).handle(WORK, new TestContext())))
                .isEqualTo(Outcome.done("{\"status\":200,\"answer\":\"fine\"}"));
    }

    @Test
    void aWorkWithoutATargetIsADeadLetter() throws Exception {
        WebhookHandler handler = handler(true, work -> {
            throw new IllegalArgumentException("no URL");
        });
        assertThat(outcome(handler.handle(WORK, new TestContext()))).isEqualTo(Outcome.deadLetter("no URL"));
    }

    @Test
    void whileTheTargetWantsLessWorksWaitInTheirPlacesAndCostNoAttempt() throws Exception {
        WebhookHandler handler = handler(false);
        target.behave(answer(429, "", "Retry-After: 30"));
        assertThat(outcome(handler.handle(WORK, new TestContext())))
                .isInstanceOfSatisfying(
                        Outcome.Retry.class, retry -> assertThat(retry.after()).isEqualTo(Duration.ofSeconds(30)));
        target.behave(answer(200, ""));
        var context = new TestContext();
        CompletableFuture<Outcome> held = handler.handle(WORK, context);
        timers.advance(Duration.ofMillis(29_999));
        assertThat(held).isNotDone();
        assertThat(target.requests()).hasSize(1);
        assertThat(context.extensions)
                .first()
                .satisfies(first -> assertThat(first).isGreaterThan(Duration.ofSeconds(30)));
        timers.advance(Duration.ofMillis(1));
        assertThat(outcome(held)).isInstanceOf(Outcome.Done.class);
        assertThat(target.requests()).hasSize(2);
    }

    @Test
    void aWorkThatWaitsInItsPlaceEndsWhenTheEngineStops() throws Exception {
        WebhookHandler handler = handler(false);
        target.behave(answer(503, "", "Retry-After: 3000"));
        outcome(handler.handle(WORK, new TestContext()));
        var context = new TestContext();
        CompletableFuture<Outcome> held = handler.handle(WORK, context);
        context.isStopping = true;
        timers.advance(WebhookHandler.GLANCE);
        assertThat(held).isCompletedExceptionally();
        CompletableFuture<Outcome> cancelled = handler.handle(WORK, new TestContext());
        cancelled.cancel(true);
        timers.advance(WebhookHandler.GLANCE);
        assertThat(timers.waiting()).isZero();
        assertThat(target.requests()).hasSize(1);
    }

    @Test
    void aHandlerOfManyTargetsPutsOffTheWorksOfOneThatWantsLess() throws Exception {
        try (var other = new FaultyTarget(answer(200, ""))) {
            WebhookHandler handler =
                    handler(true, work -> WebhookTarget.of((work.key() == null ? target : other).url("/")));
            target.behave(answer(502, ""));
            assertThat(outcome(handler.handle(WORK, new TestContext()))).isInstanceOf(Outcome.Retry.class);
            assertThat(outcome(handler.handle(WORK, new TestContext())))
                    .isInstanceOfSatisfying(
                            Outcome.Snooze.class,
                            snooze -> assertThat(snooze.delay())
                                    .isBetween(Duration.ofSeconds(1), Duration.ofMillis(1200)));
            assertThat(outcome(handler.handle(WORK.key("other"), new TestContext())))
                    .isInstanceOf(Outcome.Done.class);
            assertThat(target.requests()).hasSize(1);
        }
    }

    @Test
    void aCancelEndsTheRequestAndAStopCountsNoAttempt() throws Exception {
        target.behave((request, socket) -> {
            if (socket.getInputStream().read() < 0) {
                socket.close();
            }
        });
        CompletableFuture<Outcome> cancelled = handler(false).handle(WORK, new TestContext());
        await().atMost(PATIENCE).until(() -> target.requests().size() == 1);
        cancelled.cancel(true);
        await().atMost(PATIENCE).until(() -> target.connections() == 0);
        CompletableFuture<Outcome> stopped = handler(false).handle(WORK, new TestContext());
        await().atMost(PATIENCE).until(() -> target.requests().size() == 2);
        client.close();
        assertThat(stopped).failsWithin(PATIENCE).withThrowableOfType(ExecutionException.class);
    }

    private Map<WorkId, Outcome> batch(PayloadFormat format, List<BatchHandler.Item> items) throws Exception {
        return new WebhookBatchHandler(
                        new WebhookSender(client, timers),
                        WebhookTarget.of(target.url("/"), WebhookKey.parse(WebhookKey.newSecret()))
                                .format(format),
                        new WebhookRules(RetryPolicy.DEFAULT, Duration.ofHours(1), false),
                        new Observers(Attempts.NONE, (work, reason) -> {}))
                .handle(items);
    }

    private static List<BatchHandler.Item> items(int first, int second) {
        var items = new ArrayList<BatchHandler.Item>();
        for (int attempt : new int[] {first, second}) {
            var context = new TestContext();
            context.attempt = attempt;
            items.add(new BatchHandler.Item(Work.of("hook", "{\"n\":" + items.size() + "}"), context));
        }
        return items;
    }

    @Test
    void aBatchIsOneArray() throws Exception {
        List<BatchHandler.Item> items = items(1, 1);
        assertThat(batch(PayloadFormat.PLAIN, items).values()).hasSize(2).allMatch(Outcome.Done.class::isInstance);
        batch(PayloadFormat.PLAIN, items);
        assertThat(target.requests()).hasSize(2).allSatisfy(request -> {
            assertThat(request.body()).isEqualTo("[{\"n\":0},{\"n\":1}]");
            assertThat(request.headers()).containsKey("webhook-signature");
            assertThat(request.headers().get("webhook-id"))
                    .matches("batch_[0-9a-f]{32}")
                    .isEqualTo(target.requests().get(0).headers().get("webhook-id"));
        });
    }

    @Test
    void whatFailedInABatchGoesAloneThen() throws Exception {
        List<BatchHandler.Item> items = items(2, 1);
        target.behave((request, socket) ->
                answer(request.body().contains("0") ? 400 : 200, "").handle(request, socket));
        Map<WorkId, Outcome> outcomes = batch(PayloadFormat.PLAIN, items);
        assertThat(outcomes.get(items.get(0).id())).isInstanceOf(Outcome.Retry.class);
        assertThat(outcomes.get(items.get(1).id())).isInstanceOf(Outcome.Done.class);
        assertThat(target.requests())
                .extracting(FaultyTarget.Request::body)
                .containsExactlyInAnyOrder("[{\"n\":0}]", "[{\"n\":1}]");
    }

    @Test
    void aBatchOfCloudEventsHasTheIdOfEach() throws Exception {
        List<BatchHandler.Item> items = items(1, 1);
        batch(PayloadFormat.CLOUDEVENTS_STRUCTURED, items);
        FaultyTarget.Request request = target.requests().get(0);
        assertThat(request.headers()).containsEntry("content-type", "application/cloudevents-batch+json");
        assertThat(request.body())
                .contains(items.get(0).id().toString(), items.get(1).id().toString());
    }
}
