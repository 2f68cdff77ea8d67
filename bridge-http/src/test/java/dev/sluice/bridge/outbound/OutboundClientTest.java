package dev.sluice.bridge.outbound;

import static dev.sluice.bridge.outbound.FaultyTarget.answer;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Calls against targets that misbehave. */
class OutboundClientTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final OutboundSettings LOCAL = OutboundSettings.DEFAULT.allowed(List.of(Cidr.parse("127.0.0.0/8")));

    private final FaultyTarget target = new FaultyTarget(answer(200, "fine"));
    private final List<AutoCloseable> open = new ArrayList<>(List.of(target));

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open) {
            each.close();
        }
    }

    private OutboundClient client(OutboundSettings settings, HostLookup lookup) throws Exception {
        var client = new OutboundClient(settings, lookup);
        open.add(client);
        return client;
    }

    private OutboundClient local() throws Exception {
        return client(LOCAL, HostLookup.SYSTEM);
    }

    private static OutboundCall call(OutboundUrl url, Duration timeout) {
        return new OutboundCall(
                url, Map.of("content-type", "application/json", "x-tenant", "acme"), "{}".getBytes(UTF_8), timeout);
    }

    private static OutboundAnswer answerOf(OutboundClient client, OutboundCall call) throws Exception {
        return client.call(call).get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    private static CallFailure failureOf(OutboundClient client, OutboundCall call) throws Exception {
        try {
            OutboundAnswer answer = answerOf(client, call);
            throw new AssertionError("was answered: " + answer);
        } catch (ExecutionException e) {
            return (CallFailure) e.getCause();
        }
    }

    private OutboundUrl named(String host) {
        return OutboundUrl.parse("http://" + host + ":" + target.port() + "/");
    }

    @Test
    void aCallIsAPostWithItsHeadersAndNothingOfItsOwnThatMatters() throws Exception {
        target.behave(answer(201, "thanks\u0000\u001b", "Retry-After: 7", "Set-Cookie: a=b"));
        OutboundClient client = local();
        OutboundAnswer answer = answerOf(client, call(target.url("/in?a=b"), PATIENCE));
        assertThat(answer).isEqualTo(new OutboundAnswer(201, "7", "thanks\uFFFD\uFFFD", false));
        answerOf(client, call(target.url("/in?a=b"), PATIENCE));
        assertThat(target.requests()).hasSize(2).allSatisfy(request -> {
            assertThat(request.line()).isEqualTo("POST /in?a=b HTTP/1.1");
            assertThat(request.body()).isEqualTo("{}");
            assertThat(request.headers())
                    .containsOnlyKeys("content-type", "x-tenant", "content-length", "host", "user-agent");
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {301, 302, 303, 307, 308})
    void aRedirectToLoopbackIsAnAnswer(int status) throws Exception {
        target.behave(answer(status, "", "Location: http://127.0.0.1:" + target.port() + "/inner"));
        assertThat(answerOf(local(), call(target.url("/"), PATIENCE)).status()).isEqualTo(status);
        assertThat(target.requests()).hasSize(1);
    }

    @Test
    void aChallengeIsAnAnswer() throws Exception {
        target.behave(answer(401, "no", "WWW-Authenticate: Basic realm=\"x\""));
        assertThat(answerOf(local(), call(target.url("/"), PATIENCE)).status()).isEqualTo(401);
        target.behave(answer(407, "no", "Proxy-Authenticate: Basic realm=\"x\""));
        assertThat(answerOf(local(), call(target.url("/"), PATIENCE)).status()).isEqualTo(407);
        assertThat(target.requests()).hasSize(2);
    }

    @Test
    void aTargetThatHangsIsGivenUpInTime() throws Exception {
        target.behave(target.hang());
        long began = System.nanoTime();
        CallFailure failure = failureOf(local(), call(target.url("/"), SHORT));
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isBetween(SHORT, SHORT.plusSeconds(5));
        assertThat(failure.kind()).isEqualTo(CallFailure.Kind.TIMEOUT);
        assertThat(failure).hasMessage("no answer from 127.0.0.1:" + target.port() + " in time");
        await().atMost(PATIENCE).until(() -> target.connections() == 1); // The target still hangs.
    }

    @Test
    void anAnswerThatDripsIsGivenUpInTime() throws Exception {
        target.behave((request, socket) -> {
            FaultyTarget.write(socket, FaultyTarget.head(200, 1000));
            while (true) {
                FaultyTarget.write(socket, "x");
                Thread.sleep(50);
            }
        });
        CallFailure failure = failureOf(local(), call(target.url("/"), SHORT));
        assertThat(failure.kind()).isEqualTo(CallFailure.Kind.TIMEOUT);
        assertThat(failure.status()).isEqualTo(200);
    }

    @Test
    void aSlowTargetIsWaitedFor() throws Exception {
        target.behave((request, socket) -> {
            Thread.sleep(SHORT.toMillis());
            FaultyTarget.write(socket, FaultyTarget.head(204, 0));
        });
        assertThat(answerOf(local(), call(target.url("/"), PATIENCE)).status()).isEqualTo(204);
    }

    @Test
    void anAnswerThatBreaksOffIsAFailure() throws Exception {
        target.behave(FaultyTarget.closeHalfWay());
        CallFailure half = failureOf(local(), call(target.url("/"), PATIENCE));
        assertThat(half.kind()).isEqualTo(CallFailure.Kind.BROKEN);
        assertThat(half.status()).isEqualTo(200);
        assertThat(half).hasMessageContaining("(status 200) broke off");
        target.behave((request, socket) -> socket.close());
        CallFailure none = failureOf(local(), call(target.url("/"), PATIENCE));
        assertThat(none.kind()).isEqualTo(CallFailure.Kind.BROKEN);
        assertThat(none.status()).isZero();
        target.behave((request, socket) -> FaultyTarget.write(socket, "SSH-2.0-x\r\n\r\n\r\n"));
        assertThat(failureOf(local(), call(target.url("/"), PATIENCE)).kind()).isEqualTo(CallFailure.Kind.BROKEN);
    }

    @Test
    void anAnswerWithoutAnEndIsCutAndItsConnectionClosed() throws Exception {
        target.behave(FaultyTarget.stream());
        OutboundClient client = client(LOCAL.answer(2000, 10), HostLookup.SYSTEM);
        OutboundAnswer answer = answerOf(client, call(target.url("/"), PATIENCE));
        assertThat(answer).isEqualTo(new OutboundAnswer(200, null, "xxxxxxxxxx", true));
        await().atMost(PATIENCE).until(() -> target.connections() == 0);
    }

    @Test
    void theBoundOfAnAnswerIsExact() throws Exception {
        OutboundClient client = client(LOCAL.answer(2000, 2000), HostLookup.SYSTEM);
        target.behave(answer(200, "x".repeat(2000)));
        assertThat(answerOf(client, call(target.url("/"), PATIENCE)))
                .isEqualTo(new OutboundAnswer(200, null, "x".repeat(2000), false));
        target.behave(answer(500, "x".repeat(2001)));
        assertThat(answerOf(client, call(target.url("/"), PATIENCE)).isCut()).isTrue();
    }

    /** A few bytes that would be gigabytes. */
    @Test
    void nothingIsDecompressed() throws Exception {
        target.behave(answer(200, "no gzip", "Content-Encoding: gzip"));
        assertThat(answerOf(local(), call(target.url("/"), PATIENCE)).snippet()).isEqualTo("no gzip");
        assertThat(target.requests().get(0).headers()).doesNotContainKey("accept-encoding");
    }

    @Test
    void headersWithoutAnEndAreAFailure() throws Exception {
        target.behave((request, socket) -> {
            FaultyTarget.write(socket, "HTTP/1.1 200 X\r\n");
            while (true) {
                FaultyTarget.write(socket, "x-" + System.nanoTime() + ": " + "y".repeat(1000) + "\r\n");
            }
        });
        assertThat(failureOf(local(), call(target.url("/"), PATIENCE)).kind()).isEqualTo(CallFailure.Kind.BROKEN);
    }

    @Test
    void aPrivateAddressIsRefusedBeforeTheConnect() throws Exception {
        OutboundClient client = client(OutboundSettings.DEFAULT, HostLookup.SYSTEM);
        for (String host : List.of("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433")) {
            CallFailure failure = failureOf(client, call(named(host), PATIENCE));
            assertThat(failure.kind()).as(host).isEqualTo(CallFailure.Kind.REFUSED);
            assertThat(failure).hasMessageContaining("has no address that may be called:");
        }
        assertThat(target.requests()).isEmpty();
        assertThat(target.connections()).isZero();
    }

    /** DNS rebinding: the owner of a name changes its address after the check. */
    @Test
    void aNameThatBecomesPrivateAtTheSecondLookUpIsNotConnectedTo() throws Exception {
        var lookUps = new AtomicInteger();
        HostLookup rebinding = host -> {
            // 127.0.0.1 is allowed here, and stands for the public address.
            return List.of(InetAddress.getByName(lookUps.incrementAndGet() == 1 ? "127.0.0.1" : "127.0.0.2"));
        };
        OutboundClient client = client(OutboundSettings.DEFAULT.allowed(List.of(Cidr.parse("127.0.0.1"))), rebinding);
        target.behave(answer(200, "", "Connection: close"));
        assertThat(answerOf(client, call(named("rebinding.example"), PATIENCE)).status())
                .isEqualTo(200);
        assertThat(lookUps).as("one look-up for the check and the connect").hasValue(1);
        CallFailure failure = failureOf(client, call(named("rebinding.example"), PATIENCE));
        assertThat(failure.kind()).isEqualTo(CallFailure.Kind.REFUSED);
        assertThat(failure)
                .hasMessage(
                        "rebinding.example has no address that may be called: 127.0.0.2 is a loopback" + " address");
        assertThat(lookUps).hasValue(2);
        assertThat(target.requests()).hasSize(1);
    }

    @Test
    void ofSeveralAddressesOnlyThoseAllowedAreConnectedTo() throws Exception {
        HostLookup both = host -> List.of(InetAddress.getByName("10.0.0.1"), InetAddress.getLoopbackAddress());
        assertThat(answerOf(client(LOCAL, both), call(named("both.example"), PATIENCE))
                        .status())
                .isEqualTo(200);
    }

    @Test
    void httpsOnlyRefusesOtherCalls() throws Exception {
        CallFailure failure =
                failureOf(client(LOCAL.httpsOnly(true), HostLookup.SYSTEM), call(target.url("/"), PATIENCE));
        assertThat(failure.kind()).isEqualTo(CallFailure.Kind.REFUSED);
        assertThat(failure).hasMessage("only https:// may be called (outbound.https.only)");
        assertThat(target.connections()).isZero();
    }

    @Test
    void failuresBeforeTheRequestAreToldApart() throws Exception {
        HostLookup nothing = host -> {
            throw new UnknownHostException(host);
        };
        CallFailure unknown = failureOf(client(LOCAL, nothing), call(named("nothing.example"), PATIENCE));
        assertThat(unknown.kind()).isEqualTo(CallFailure.Kind.LOOKUP);
        assertThat(unknown).hasMessage("the name nothing.example has no address");
        int port;
        try (var unused = new ServerSocket(0)) {
            port = unused.getLocalPort();
        }
        CallFailure closed = failureOf(local(), call(OutboundUrl.parse("http://127.0.0.1:" + port + "/"), PATIENCE));
        assertThat(closed.kind()).isEqualTo(CallFailure.Kind.CONNECT);
        OutboundClient stopped = local();
        answerOf(stopped, call(target.url("/"), PATIENCE));
        stopped.close();
        assertThat(failureOf(stopped, call(target.url("/"), PATIENCE)).kind()).isEqualTo(CallFailure.Kind.STOPPED);
    }

    @Test
    void aNameWhoseServerHangsHoldsUpNoOther() throws Exception {
        var release = new CountDownLatch(1);
        HostLookup hanging = host -> {
            if (host.startsWith("dead")) {
                try {
                    release.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                throw new UnknownHostException(host);
            }
            return List.of(InetAddress.getLoopbackAddress());
        };
        OutboundClient client = client(LOCAL, hanging);
        var dead = new ArrayList<CompletableFuture<OutboundAnswer>>();
        for (int i = 0; i < 200; i++) {
            dead.add(client.call(call(named("dead" + i % 10 + ".example"), SHORT)));
        }
        assertThat(answerOf(client, call(named("living.example"), PATIENCE)).status())
                .isEqualTo(200);
        for (CompletableFuture<OutboundAnswer> each : dead) {
            assertThat(each).failsWithin(PATIENCE).withThrowableOfType(ExecutionException.class);
        }
        release.countDown();
    }

    /** The acceptor of the target takes connections and nothing else, so the target has no thread for each either. */
    @Test
    void hundredsOfCallsInFlightHoldNoThread() throws Exception {
        OutboundClient client = local();
        try (var silent = new ServerSocket(0, 1000, InetAddress.getLoopbackAddress())) {
            var url = OutboundUrl.parse("http://127.0.0.1:" + silent.getLocalPort() + "/");
            var calls = new ArrayList<CompletableFuture<OutboundAnswer>>();
            for (int i = 0; i < 600; i++) {
                calls.add(client.call(call(url, PATIENCE)));
            }
            for (int i = 0; i < calls.size(); i++) {
                open.add(silent.accept());
            }
            assertThat(Thread.getAllStackTraces().keySet().stream()
                            .filter(thread -> thread.getName().startsWith("sluice-outbound"))
                            .count())
                    .isLessThanOrEqualTo(10);
            assertThat(calls).noneMatch(CompletableFuture::isDone);
            calls.get(0).cancel(true);
            await().atMost(PATIENCE).until(() -> calls.get(0).isCancelled());
        }
    }

    @Test
    void aCallThatIsCancelledClosesItsConnection() throws Exception {
        target.behave((request, socket) -> {
            if (socket.getInputStream().read() < 0) {
                socket.close();
            }
        });
        CompletableFuture<OutboundAnswer> call = local().call(call(target.url("/"), PATIENCE));
        await().atMost(PATIENCE).until(() -> target.requests().size() == 1);
        call.cancel(true);
        await().atMost(PATIENCE).until(() -> target.connections() == 0);
    }
}
