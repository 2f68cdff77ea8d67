package dev.sluice.bridge.security;

import static dev.sluice.bridge.security.TestTokens.claims;
import static dev.sluice.bridge.security.TestTokens.header;
import static dev.sluice.bridge.security.TestTokens.jwk;
import static dev.sluice.bridge.security.TestTokens.jwks;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.security.Key;
import java.security.PublicKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class JwksTest {
    private static final PublicKey RSA = TestTokens.rsa(2048).getPublic();
    private static final PublicKey OTHER_RSA = TestTokens.rsa(2048).getPublic();
    private static final PublicKey ED = TestTokens.ed25519().getPublic();
    private static final Duration MAX_AGE = Duration.ofMinutes(10);
    private static final Duration REFRESH = Duration.ofSeconds(30);
    /** Longer than any test. */
    private static final Duration WAIT = Duration.ofMinutes(10);

    private final List<CompletableFuture<byte[]>> fetches = new ArrayList<>();
    private long nanos = -5;
    private final Jwks jwks = waiting(WAIT);

    private Jwks waiting(Duration wait) {
        return new Jwks(
                () -> {
                    var fetch = new CompletableFuture<byte[]>();
                    fetches.add(fetch);
                    return fetch;
                },
                MAX_AGE,
                REFRESH,
                wait,
                () -> nanos);
    }

    private static Token token(String algorithm, @Nullable String kid) {
        ObjectNode header = header(algorithm);
        if (kid != null) {
            header.put("kid", kid);
        }
        return Token.parse(TestTokens.unsigned(header, claims()) + ".AAAA");
    }

    private CompletableFuture<Key> key(String kid) {
        return jwks.keyOf(token("RS256", kid));
    }

    private void answer(String set) {
        fetches.get(fetches.size() - 1).complete(set.getBytes(UTF_8));
    }

    private void fail() {
        fetches.get(fetches.size() - 1).completeExceptionally(new IOException("away"));
    }

    private void pass(Duration time) {
        nanos += time.toNanos();
    }

    private static void assertUnknown(CompletableFuture<Key> key) {
        assertThatThrownBy(key::join)
                .cause()
                .isInstanceOf(InvalidTokenException.class)
                .hasMessage("Token is signed with a key that is not known");
    }

    private static void assertUnavailable(CompletableFuture<Key> key) {
        assertThatThrownBy(key::join).cause().isInstanceOf(KeysUnavailableException.class);
    }

    @Test
    void fetchesOnceForAllWhoWait() {
        CompletableFuture<Key> first = key("a");
        CompletableFuture<Key> second = key("a");
        assertThat(first).isNotDone();
        assertThat(fetches).hasSize(1);
        answer(jwks(jwk("a", RSA)));
        assertThat(first).isCompletedWithValue(RSA);
        assertThat(second).isCompletedWithValue(RSA);
        assertThat(key("a")).isCompletedWithValue(RSA);
        assertThat(fetches).hasSize(1);
    }

    @Test
    void asksForAnUnknownKeyAgainButNotMoreOftenThanItsInterval() {
        CompletableFuture<Key> known = key("a");
        answer(jwks(jwk("a", RSA)));
        assertThat(known).isCompletedWithValue(RSA);
        pass(REFRESH.minusNanos(1));
        for (int i = 0; i < 100; i++) {
            assertUnknown(key("made-up-" + i));
        }
        assertThat(fetches).hasSize(1);
        pass(Duration.ofNanos(1));
        CompletableFuture<Key> rotated = key("b");
        assertThat(fetches).hasSize(2);
        assertThat(key("a")).as("a known key waits for nobody").isCompletedWithValue(RSA);
        answer(jwks(jwk("b", OTHER_RSA)));
        assertThat(rotated).isCompletedWithValue(OTHER_RSA);
        assertUnknown(key("a"));
    }

    @Test
    void fetchesKeysAgainThatAreTooOld() {
        CompletableFuture<Key> first = key("a");
        answer(jwks(jwk("a", RSA)));
        assertThat(first).isCompletedWithValue(RSA);
        pass(MAX_AGE.minusNanos(1));
        assertThat(key("a")).isCompletedWithValue(RSA);
        pass(Duration.ofNanos(1));
        assertThat(fetches).hasSize(1);
        for (int i = 0; i < 3; i++) {
            assertThat(key("a")).as("an old key serves meanwhile").isCompletedWithValue(RSA);
        }
        assertThat(fetches).hasSize(2);
        answer(jwks(jwk("b", RSA)));
        assertUnknown(key("a"));
    }

    @Test
    void waitsForAFetchNoLongerThanItsWait() throws Exception {
        Jwks shortWait = waiting(Duration.ofMillis(50));
        CompletableFuture<Key> hangs = shortWait.keyOf(token("RS256", "a"));
        assertThatThrownBy(() -> hangs.get(60, TimeUnit.SECONDS)).cause().isInstanceOf(KeysUnavailableException.class);
        pass(Duration.ofMillis(50));
        CompletableFuture<Key> later = shortWait.keyOf(token("RS256", "a"));
        assertThatThrownBy(() -> later.get(60, TimeUnit.SECONDS)).cause().isInstanceOf(KeysUnavailableException.class);
        assertThat(fetches).as("the same fetch goes on").hasSize(1);
        answer(jwks(jwk("a", RSA)));
        assertThat(shortWait.keyOf(token("RS256", "a"))).isCompletedWithValue(RSA);
    }

    @Test
    void saysThatAKeyIsUnavailableNotUnknownWhileAFetchHangs() throws Exception {
        Jwks shortWait = waiting(Duration.ZERO);
        shortWait.prepare();
        answer(jwks(jwk("a", RSA)));
        pass(REFRESH);
        CompletableFuture<Key> rotated = shortWait.keyOf(token("RS256", "b"));
        assertThatThrownBy(() -> rotated.get(60, TimeUnit.SECONDS))
                .cause()
                .isInstanceOf(KeysUnavailableException.class);
        assertThat(shortWait.keyOf(token("RS256", "a"))).isCompletedWithValue(RSA);
        answer(jwks(jwk("a", RSA)));
        assertUnknown(shortWait.keyOf(token("RS256", "b")));
    }

    @Test
    void keepsOldKeysWhileTheEndpointIsAway() {
        CompletableFuture<Key> first = key("a");
        answer(jwks(jwk("a", RSA)));
        assertThat(first).isCompletedWithValue(RSA);
        pass(MAX_AGE);
        CompletableFuture<Key> old = key("a");
        CompletableFuture<Key> unknown = key("b");
        fail();
        assertThat(old).isCompletedWithValue(RSA);
        assertUnavailable(unknown);
        assertThat(key("a")).as("not asked again at once").isCompletedWithValue(RSA);
        assertThat(fetches).hasSize(2);
        pass(Duration.ofSeconds(1));
        CompletableFuture<Key> retried = key("b");
        assertThat(fetches).hasSize(3);
        answer(jwks(jwk("b", OTHER_RSA)));
        assertThat(retried).isCompletedWithValue(OTHER_RSA);
    }

    @Test
    void saysThatKeysAreUnavailableWhenThereNeverWereAny() {
        CompletableFuture<Key> first = key("a");
        answer("<html>");
        assertUnavailable(first);
        assertUnavailable(key("a"));
        assertThat(fetches).hasSize(1);
    }

    @Test
    void takesTheOnlyKeyThatFitsWhenATokenNamesNone() {
        CompletableFuture<Key> only = jwks.keyOf(token("EdDSA", null));
        answer(jwks(jwk("a", RSA), jwk("b", OTHER_RSA), jwk("c", ED)));
        assertThat(only).isCompletedWithValue(ED);
        assertUnknown(jwks.keyOf(token("RS256", null)));
    }

    @Test
    void givesAKeyOnlyToAlgorithmsItIsFor() {
        CompletableFuture<Key> fits = jwks.keyOf(token("RS512", "a"));
        answer(jwks(jwk("a", RSA).put("alg", "RS512"), jwk("b", OTHER_RSA)));
        assertThat(fits).isCompletedWithValue(RSA);
        assertUnknown(jwks.keyOf(token("RS256", "a")));
        assertUnknown(jwks.keyOf(token("EdDSA", "b")));
        assertUnknown(jwks.keyOf(token("HS256", "b")));
    }

    @Test
    void leavesOutWhatCannotCheckSignatures() {
        ObjectNode encryption = jwk("enc", RSA).put("use", "enc");
        ObjectNode secret = claims().put("kty", "oct").put("kid", "oct").put("k", "AAAA");
        ObjectNode weak = jwk("weak", TestTokens.rsa(1024).getPublic());
        ObjectNode broken = jwk("broken", ED).put("x", "AA");
        ObjectNode signs = jwk("signs", RSA);
        signs.putArray("key_ops").add("sign");
        CompletableFuture<Key> good = key("good");
        answer(jwks(encryption, secret, weak, broken, signs, jwk("good", OTHER_RSA)));
        assertThat(good).isCompletedWithValue(OTHER_RSA);
        for (String kid : List.of("enc", "oct", "weak", "signs")) {
            assertUnknown(key(kid));
        }
        assertUnknown(jwks.keyOf(token("EdDSA", "broken")));
    }

    @Test
    void takesSoManyKeysAndNoMore() {
        var keys = new ObjectNode[JwksConfig.MAX_KEYS + 1];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = jwk("k" + i, RSA);
        }
        CompletableFuture<Key> last = key("k" + (JwksConfig.MAX_KEYS - 1));
        answer(jwks(keys));
        assertThat(last).isCompletedWithValue(RSA);
        assertUnknown(key("k" + JwksConfig.MAX_KEYS));
    }

    @Nested
    class OverHttp {
        private static final Duration TIMEOUT = Duration.ofMillis(500);

        private byte[] fetch(int status, byte[] body, @Nullable CountDownLatch hold) throws IOException {
            HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.createContext("/keys", exchange -> {
                exchange.sendResponseHeaders(status, 0);
                try (var out = exchange.getResponseBody()) {
                    out.write(body);
                    out.flush();
                    if (hold != null) {
                        hold.await(60, TimeUnit.SECONDS);
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            server.start();
            try {
                URI url = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/keys");
                Duration timeout = hold == null ? Duration.ofSeconds(30) : TIMEOUT;
                return new JwksClient(new JwksConfig(url, MAX_AGE, REFRESH, timeout, WAIT))
                        .fetch()
                        .join();
            } finally {
                if (hold != null) {
                    hold.countDown();
                }
                server.stop(0);
            }
        }

        @Test
        void readsASetUpToItsBound() throws IOException {
            assertThat(fetch(200, new byte[JwksConfig.MAX_BYTES], null)).hasSize(JwksConfig.MAX_BYTES);
            assertThatThrownBy(() -> fetch(200, new byte[JwksConfig.MAX_BYTES + 1], null))
                    .isInstanceOf(CompletionException.class)
                    .hasStackTraceContaining("more than " + JwksConfig.MAX_BYTES + " bytes");
        }

        @Test
        void refusesOtherAnswers() {
            assertThatThrownBy(() -> fetch(302, new byte[0], null)).hasStackTraceContaining("status 302");
            assertThatThrownBy(() -> fetch(500, new byte[0], null)).hasStackTraceContaining("status 500");
        }

        @Test
        void givesUpABodyThatTrickles() {
            assertThatThrownBy(() -> fetch(200, new byte[10], new CountDownLatch(1)))
                    .hasStackTraceContaining("TimeoutException");
        }
    }

    @Test
    void userAndPasswordOfTheAddressAreSentAsBasicAuthenticationAndNeverShown() throws Exception {
        var seen = new CompletableFuture<String>();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            seen.complete(exchange.getRequestHeaders().getFirst("Authorization") + " " + exchange.getRequestURI());
            exchange.sendResponseHeaders(500, -1);
            exchange.close();
        });
        server.start();
        try {
            URI url = JwksConfig.address(
                    "http://us%20er:s3c%40ret@127.0.0.1:" + server.getAddress().getPort() + "/keys?token=t0ken");
            var config = new JwksConfig(url, MAX_AGE, REFRESH, Duration.ofSeconds(30), WAIT);
            assertThat(config.toString()).contains("127.0.0.1", "/keys?").doesNotContain("s3c", "t0ken", "us%20er");
            assertThatThrownBy(() -> new JwksClient(config).fetch().get(60, TimeUnit.SECONDS))
                    .satisfies(e -> assertThat(e.toString()).contains("500").doesNotContain("s3c", "t0ken"));
            String basic = java.util.Base64.getEncoder().encodeToString("us er:s3c@ret".getBytes(UTF_8));
            assertThat(seen.get(60, TimeUnit.SECONDS)).isEqualTo("Basic " + basic + " /keys?token=t0ken");
        } finally {
            server.stop(0);
        }
    }

    @Test
    void aPortThatThereIsNotIsRefused() {
        for (String url : List.of("http://h:0/", "http://h:65536/", "http://h:99999999999/", "http://h:x/")) {
            assertThatThrownBy(() -> JwksConfig.address(url))
                    .as(url)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("auth.jwt.jwks.url must ");
        }
        assertThat(JwksConfig.address("http://h:65535/").getPort()).isEqualTo(65535);
    }
}
