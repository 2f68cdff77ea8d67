package dev.sluice.bridge.webhook;

import static dev.sluice.bridge.outbound.FaultyTarget.answer;
import static org.assertj.core.api.Assertions.assertThat;

import com.standardwebhooks.Webhook;
import dev.sluice.bridge.outbound.Cidr;
import dev.sluice.bridge.outbound.FaultyTarget;
import dev.sluice.bridge.outbound.HostLookup;
import dev.sluice.bridge.outbound.OutboundClient;
import dev.sluice.bridge.outbound.OutboundSettings;
import dev.sluice.bridge.outbound.OutboundUrl;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkId;
import dev.sluice.work.testing.TestedRun;
import dev.sluice.work.testing.WorkState;
import dev.sluice.work.testing.WorkStatus;
import dev.sluice.work.testing.WorkTester;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Attempts, delays and states against targets that misbehave: real sockets, and a clock that the test moves. */
class WebhookScheduleTest {
    private static final Instant START = Instant.parse("2026-12-01T12:00:00Z");
    private static final Duration SHORT = Duration.ofMillis(250);
    private static final HandlerSettings FAST = HandlerSettings.DEFAULT.retry(
            RetryPolicy.ofWaits(Duration.ofSeconds(10), Duration.ofMinutes(10)).jitter(0));
    private static final String SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private final FaultyTarget target = new FaultyTarget(answer(200, "fine"));
    private final ManualTimers timers = new ManualTimers(START);
    private final List<AutoCloseable> open = new ArrayList<>(List.of(target));
    private final List<Attempt> attempts = new ArrayList<>();
    private final List<String> gone = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open) {
            each.close();
        }
    }

    private WorkTester tester(WebhookTarget to, HandlerSettings settings, HostLookup lookup) throws Exception {
        var client = new OutboundClient(
                OutboundSettings.DEFAULT
                        .allowed(List.of(Cidr.parse("127.0.0.1")))
                        .answer(2000, 100),
                lookup);
        open.add(client);
        var handler = new WebhookHandler(
                new WebhookSender(client, timers),
                work -> to,
                new WebhookRules(settings.retry(), Duration.ofDays(1), false),
                new Observers(
                        (work, id, number, attempt, verdict) -> attempts.add(attempt),
                        (work, reason) -> gone.add(reason)));
        var self = new WorkTester[1];
        Handler blocking = (work, context) -> {
            timers.set(self[0].now());
            return handler.handle(work, context).get();
        };
        self[0] = WorkTester.builder()
                .startAt(START)
                .handler("hook", blocking, settings)
                .build();
        return self[0];
    }

    private WorkTester tester(HandlerSettings settings) throws Exception {
        WebhookTarget to =
                WebhookTarget.of(target.url("/in"), WebhookKey.parse(SECRET)).timeout(SHORT);
        return tester(to, settings, HostLookup.SYSTEM);
    }

    private static List<Duration> times(WorkTester tester, WorkId id) {
        return tester.runs(id).stream()
                .map(run -> Duration.between(START, run.at()))
                .toList();
    }

    @Test
    void aTargetThatIsDownIsTriedWhenTheStandardSays() throws Exception {
        target.behave(answer(500, "down"));
        WorkTester tester = tester(WebhookRules.SETTINGS);
        WorkId id = tester.enqueue(Work.of("hook", "{\"a\":1}")).id();
        tester.runAll();
        assertThat(times(tester, id))
                .extracting(Duration::toString)
                .containsExactly(
                        "PT0S",
                        "PT5S",
                        "PT5M5S",
                        "PT35M5S",
                        "PT2H35M5S",
                        "PT7H35M5S",
                        "PT17H35M5S",
                        "PT31H35M5S",
                        "PT51H35M5S",
                        "PT75H35M5S");
        assertThat(tester.state(id).status()).isEqualTo(WorkStatus.DEAD_LETTER);
        assertThat(tester.deadLetters()).singleElement().satisfies(dead -> {
            assertThat(dead.reason()).contains("failed 10 times", "answered 500: down");
            assertThat(dead.progress()).contains("attempt 10: http://127.0.0.1:");
        });
        verifiesEachRequest(id);
    }

    /** Each attempt has the same id, its own time, and a signature of that. */
    private void verifiesEachRequest(WorkId id) {
        assertThat(target.requests()).hasSize(10).allSatisfy(request -> {
            Map<String, String> headers = request.headers();
            assertThat(headers).containsEntry("webhook-id", id.toString());
            assertThat(headers.get("webhook-id")).doesNotContain(".");
            assertThat(request.body()).isEqualTo("{\"a\":1}");
            assertThat(headers.get("webhook-signature"))
                    .isEqualTo(new Webhook(SECRET)
                            .sign(id.toString(), Long.parseLong(headers.get("webhook-timestamp")), request.body()));
        });
        assertThat(target.requests().stream()
                        .map(request ->
                                Long.parseLong(request.headers().get("webhook-timestamp")) - START.getEpochSecond()))
                .containsExactly(0L, 5L, 305L, 2105L, 9305L, 27_305L, 63_305L, 113_705L, 185_705L, 272_105L);
    }

    /** A fault, and a part of the error of its attempts. */
    private record Fault(String name, FaultyTarget.Behaviour behaviour, int status, String error) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Fault> faults() {
        return Stream.of(
                new Fault("hangs", (request, socket) -> socket.getInputStream().read(), 0, "no answer from"),
                new Fault("closes half-way", FaultyTarget.closeHalfWay(), 200, "(status 200) broke off"),
                new Fault("closes at once", (request, socket) -> socket.close(), 0, "without an answer"),
                new Fault("streams an error for ever", endless(500), 500, "answered 500: xxx"),
                new Fault("redirects to loopback", redirect(), 307, "answered 307 (redirects are not followed"),
                new Fault("not found", answer(404, ""), 404, "answered 404"));
    }

    private static FaultyTarget.Behaviour redirect() {
        return (request, socket) -> FaultyTarget.write(
                socket,
                FaultyTarget.head(307, 0, "Location: http://127.0.0.1:" + socket.getLocalPort() + "/redirected"));
    }

    private static FaultyTarget.Behaviour endless(int status) {
        return (request, socket) -> {
            FaultyTarget.write(socket, "HTTP/1.1 " + status + " X\r\n\r\n");
            while (true) {
                FaultyTarget.write(socket, "x".repeat(1000));
            }
        };
    }

    @ParameterizedTest
    @MethodSource("faults")
    void aFaultCountsAnAttemptAndTheWorkRunsAgainAsConfigured(Fault fault) throws Exception {
        target.behave(fault.behaviour());
        WorkTester tester = tester(FAST);
        WorkId id = tester.enqueue(Work.of("hook", "{}")).id();
        tester.runDue();
        WorkState once = tester.state(id);
        assertThat(once.status()).isEqualTo(WorkStatus.WAITING);
        assertThat(once.attempts()).isEqualTo(1);
        assertThat(once.dueAt()).isEqualTo(START.plusSeconds(10));
        tester.runAll();
        assertThat(times(tester, id)).containsExactly(Duration.ZERO, Duration.ofSeconds(10), Duration.ofSeconds(610));
        assertThat(tester.state(id).status()).isEqualTo(WorkStatus.DEAD_LETTER);
        assertThat(tester.state(id).reason()).contains(fault.error());
        assertThat(attempts).hasSize(3).allSatisfy(attempt -> {
            assertThat(attempt.status()).isEqualTo(fault.status());
            assertThat(attempt.webhookId()).isEqualTo(id.toString());
        });
        assertThat(target.requests())
                .hasSize(3)
                .allSatisfy(request -> assertThat(request.line()).isEqualTo("POST /in HTTP/1.1"));
        assertThat(gone).isEmpty();
    }

    @Test
    void aSlowTargetThatAnswersInTimeAndOneThatStreamsItsThanksSucceed() throws Exception {
        WorkTester tester = tester(FAST);
        target.behave((request, socket) -> {
            Thread.sleep(SHORT.toMillis() / 4);
            FaultyTarget.write(socket, FaultyTarget.head(202, 0));
        });
        WorkId slow = tester.enqueue(Work.of("hook", "{}")).id();
        tester.runDue();
        assertThat(tester.state(slow).status()).isEqualTo(WorkStatus.DONE);
        target.behave(endless(200));
        WorkId streams = tester.enqueue(Work.of("hook", "{}")).id();
        tester.runDue();
        assertThat(tester.state(streams).status()).isEqualTo(WorkStatus.DONE);
        assertThat(attempts.get(1).snippet()).isEqualTo("x".repeat(100));
    }

    @Test
    void aRetryAfterInSecondsCountsIfItIsLonger() throws Exception {
        target.behave(answer(429, "", "Retry-After: 60"));
        WorkTester tester = tester(FAST);
        WorkId id = tester.enqueue(Work.of("hook", "{}")).id();
        tester.runDue();
        assertThat(tester.state(id).dueAt()).isEqualTo(START.plusSeconds(60));
        tester.advance(Duration.ofSeconds(60));
        assertThat(tester.state(id).attempts()).isEqualTo(2);
        assertThat(tester.state(id).dueAt())
                .as("the policy says ten minutes, and the target one")
                .isEqualTo(START.plusSeconds(660));
    }

    @Test
    void aRetryAfterWithATimeCountsAndHasABound() throws Exception {
        target.behave(answer(503, "", "Retry-After: Tue, 01 Dec 2026 12:02:00 GMT"));
        WorkTester tester = tester(FAST);
        WorkId id = tester.enqueue(Work.of("hook", "{}")).id();
        tester.runDue();
        assertThat(tester.state(id).dueAt()).isEqualTo(START.plusSeconds(120));
        target.behave(answer(503, "", "Retry-After: Fri, 31 Dec 2027 12:02:00 GMT"));
        tester.advance(Duration.ofSeconds(120));
        assertThat(tester.state(id).dueAt()).isEqualTo(START.plusSeconds(120).plus(Duration.ofDays(1)));
    }

    @Test
    void atGoneTheEndpointIsDisabledAndTheWorkIsADeadLetter() throws Exception {
        target.behave(answer(410, "moved out"));
        WorkTester tester = tester(FAST);
        WorkId id = tester.enqueue(Work.of("hook", "{}")).id();
        tester.runAll();
        assertThat(tester.runs(id)).extracting(TestedRun::outcome).containsExactly(WorkEvent.Kind.DEAD_LETTERED);
        assertThat(gone).containsExactly("http://127.0.0.1:" + target.port() + "/in answered 410: moved out");
        assertThat(tester.state(id).reason()).contains("answered 410");
    }

    @Test
    void aNameThatIsPrivateAtTheSecondLookUpIsAFailedAttempt() throws Exception {
        var lookUps = new AtomicInteger();
        target.behave(answer(500, "", "Connection: close"));
        WorkTester tester = tester(
                WebhookTarget.of(OutboundUrl.parse("http://rebinding.example:" + target.port() + "/in")),
                FAST,
                host -> List.of(InetAddress.getByName(lookUps.incrementAndGet() == 1 ? "127.0.0.1" : "127.0.0.2")));
        WorkId id = tester.enqueue(Work.of("hook", "{}")).id();
        tester.runAll();
        assertThat(tester.runs(id)).hasSize(3);
        assertThat(target.requests()).hasSize(1);
        assertThat(attempts.subList(1, 3))
                .allSatisfy(attempt -> assertThat(attempt.error())
                        .isEqualTo("rebinding.example has no address that may be called: 127.0.0.2 is a loopback"
                                + " address"));
    }

    @Test
    void aTraceIsPassedOnAndHeadersOfTheMessageAreNot() throws Exception {
        WorkTester tester = tester(FAST);
        String trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        tester.enqueue(Work.of("hook", "{}")
                .metadata("Traceparent", trace)
                .metadata("tracestate", "a=b")
                .metadata("x-secret", "no"));
        tester.runDue();
        assertThat(target.requests().get(0).headers())
                .containsEntry("traceparent", trace)
                .containsEntry("tracestate", "a=b")
                .containsEntry("content-type", "application/json")
                .doesNotContainKey("x-secret");
    }

    @Test
    void thePublishedVerifierAcceptsWhatIsSent() throws Exception {
        timers.set(Instant.now());
        var client = new OutboundClient(OutboundSettings.DEFAULT.allowed(List.of(Cidr.parse("127.0.0.1"))));
        open.add(client);
        var message =
                new WebhookMessage("id", "{\"ä\":1e5}".getBytes(StandardCharsets.UTF_8), START, null, null, Map.of());
        new WebhookSender(client, timers)
                .send(WebhookTarget.of(target.url("/"), WebhookKey.parse(SECRET)), message)
                .get();
        FaultyTarget.Request request = target.requests().get(0);
        new Webhook(SECRET)
                .verify(
                        request.body(),
                        HttpHeaders.of(
                                Map.of(
                                        "webhook-id", List.of(request.headers().get("webhook-id")),
                                        "webhook-timestamp",
                                                List.of(request.headers().get("webhook-timestamp")),
                                        "webhook-signature",
                                                List.of(request.headers().get("webhook-signature"))),
                                (name, value) -> true));
        assertThat(URI.create("http://" + request.headers().get("host")).getPort())
                .isEqualTo(target.port());
    }
}
