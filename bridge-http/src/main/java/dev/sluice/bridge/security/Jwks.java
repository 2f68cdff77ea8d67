package dev.sluice.bridge.security;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.security.Key;
import java.security.PublicKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Caches the keys of an issuer's JWKS endpoint. The package comment says when they are fetched. Any thread may call; no
 * method blocks.
 */
final class Jwks implements VerificationKeys {
    private static final Logger log = LoggerFactory.getLogger(Jwks.class);

    /** The shortest time from a failed fetch to the next. */
    private static final Duration PAUSE_AFTER_FAILURE = Duration.ofSeconds(1);

    private static final ObjectMapper JSON = new ObjectMapper();

    /** The JWKS endpoint. */
    interface Endpoint {
        /** Fetches the JSON text of a JWK set. Completes exceptionally within a timeout if it cannot. */
        CompletableFuture<byte[]> fetch();
    }

    /**
     * A key of the set.
     *
     * @param id {@code kid}; null if it has none
     * @param algorithm {@code alg}, the only algorithm it is for; null if it has none
     */
    private record SetKey(@Nullable String id, @Nullable String algorithm, PublicKey key) {
        boolean fits(Token token) {
            return token.algorithm().accepts(key)
                    && (algorithm == null || algorithm.equals(token.algorithm().tokenName()));
        }
    }

    /** The keys of the endpoint and the time of the fetch. */
    private record Fetched(List<SetKey> keys, long atNanos) {
        /** Returns the key that a token names, or the only key that fits if the token names none. */
        @Nullable
        PublicKey find(Token token) {
            PublicKey found = null;
            for (SetKey each : keys) {
                if (!each.fits(token)) {
                    continue;
                }
                if (token.keyId() != null) {
                    if (token.keyId().equals(each.id())) {
                        return each.key();
                    }
                } else if (found != null) {
                    return null; // Several fit: the token must name one.
                } else {
                    found = each.key();
                }
            }
            return found;
        }
    }

    private final Endpoint endpoint;
    private final long maxAgeNanos;
    private final long refreshNanos;
    private final long waitNanos;
    private final LongSupplier nanoClock;

    private volatile @Nullable Fetched fetched;
    private volatile boolean lastFetchFailed;

    // Guarded by this.
    private @Nullable CompletableFuture<@Nullable Void> fetching;
    private long fetchStartedNanos;
    private long nextFetchNanos;

    /**
     * Makes an empty cache.
     *
     * @param maxAge the age of keys at which they are fetched again
     * @param refreshInterval the shortest time between two fetches
     * @param wait how long a request waits for a fetch, from the beginning of the fetch
     */
    Jwks(Endpoint endpoint, Duration maxAge, Duration refreshInterval, Duration wait, LongSupplier nanoClock) {
        this.endpoint = endpoint;
        maxAgeNanos = maxAge.toNanos();
        refreshNanos = refreshInterval.toNanos();
        waitNanos = wait.toNanos();
        this.nanoClock = nanoClock;
        nextFetchNanos = nanoClock.getAsLong();
    }

    @Override
    public CompletableFuture<Key> keyOf(Token token) {
        Fetched known = fetched;
        PublicKey key = known == null ? null : known.find(token);
        if (known != null && key != null) {
            if (nanoClock.getAsLong() - known.atNanos() >= maxAgeNanos) {
                var unused = refresh(); // The request does not wait: the old key serves until the new keys arrive.
            }
            return CompletableFuture.completedFuture(key);
        }
        return waitFor(refresh()).thenApply(done -> keyKnown(token));
    }

    /** Begins to fetch the keys before the first token arrives. */
    void prepare() {
        var unused = refresh();
    }

    /** Completes with the fetch, or when the wait is over. */
    private CompletableFuture<@Nullable Void> waitFor(CompletableFuture<@Nullable Void> fetch) {
        long left;
        synchronized (this) {
            left = waitNanos - (nanoClock.getAsLong() - fetchStartedNanos);
        }
        return fetch.isDone() ? fetch : fetch.copy().completeOnTimeout(null, Math.max(0, left), TimeUnit.NANOSECONDS);
    }

    /** Finds the key among the present keys. */
    private Key keyKnown(Token token) {
        Fetched known = fetched;
        PublicKey key = known == null ? null : known.find(token);
        if (key != null) {
            return key;
        }
        if (known == null || lastFetchFailed || isFetching()) {
            throw new KeysUnavailableException();
        }
        throw new InvalidTokenException("Token is signed with a key that is not known");
    }

    private synchronized boolean isFetching() {
        return fetching != null;
    }

    /**
     * Fetches the keys, unless a fetch is in progress or the last one was too recent. Completes, never exceptionally,
     * when the fetch ends.
     */
    private synchronized CompletableFuture<@Nullable Void> refresh() {
        if (fetching != null) {
            return fetching;
        }
        if (nanoClock.getAsLong() - nextFetchNanos < 0) {
            return CompletableFuture.completedFuture(null);
        }
        fetchStartedNanos = nanoClock.getAsLong();
        CompletableFuture<@Nullable Void> done = endpoint.fetch()
                .thenApply(Jwks::parse)
                .handle((keys, failure) -> {
                    keep(keys, failure);
                    return null;
                });
        fetching = done.isDone() ? null : done;
        return done;
    }

    private synchronized void keep(@Nullable List<SetKey> keys, @Nullable Throwable failure) {
        long now = nanoClock.getAsLong();
        fetching = null;
        if (keys == null) {
            if (!lastFetchFailed) {
                log.warn(
                        "Could not fetch the keys of the tokens' issuer, the cached keys stay in use error={}",
                        String.valueOf(failure));
            }
            lastFetchFailed = true;
            nextFetchNanos = now + Math.min(refreshNanos, PAUSE_AFTER_FAILURE.toNanos());
            return;
        }
        if (lastFetchFailed || fetched == null) {
            log.info("Fetched the keys of the tokens' issuer keys={}", keys.size());
        }
        lastFetchFailed = false;
        fetched = new Fetched(keys, now);
        nextFetchNanos = now + refreshNanos;
    }

    /** Parses a JWK set, without the keys that cannot be used. */
    private static List<SetKey> parse(byte[] json) {
        JsonNode set;
        try {
            set = JSON.readTree(json);
        } catch (IOException e) {
            throw new IllegalArgumentException("the answer is not JSON", e);
        }
        if (set == null || !set.path("keys").isArray()) {
            throw new IllegalArgumentException("the answer is not a JWK set: it has no array keys");
        }
        var keys = new ArrayList<SetKey>();
        for (JsonNode jwk : set.path("keys")) {
            PublicKey key = PublicKeys.fromJwk(jwk);
            if (key == null) {
                continue;
            }
            if (keys.size() == JwksConfig.MAX_KEYS) {
                log.warn("The JWK set has too many keys, ignoring the rest limit={}", JwksConfig.MAX_KEYS);
                break;
            }
            keys.add(new SetKey(jwk.path("kid").textValue(), jwk.path("alg").textValue(), key));
        }
        return List.copyOf(keys);
    }
}
