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
 * The keys of an issuer, as its JWKS endpoint gives them, cached. See the package for when they are fetched. Any thread
 * may call; nothing blocks.
 */
final class Jwks implements KeySource {
    private static final Logger log = LoggerFactory.getLogger(Jwks.class);

    /** How soon to ask again after the endpoint did not answer. */
    private static final Duration PAUSE_AFTER_FAILURE = Duration.ofSeconds(1);

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Asks the endpoint. */
    interface Endpoint {
        /** Returns the JSON text of a JWK set; completes exceptionally, within a time, if there is none. */
        CompletableFuture<byte[]> fetch();
    }

    /**
     * A key of the set.
     *
     * @param id {@code kid}, or null
     * @param algorithm the only algorithm it is for, {@code alg}; null if it does not say
     */
    private record SetKey(@Nullable String id, @Nullable String algorithm, PublicKey key) {
        boolean fits(Token token) {
            return token.algorithm().accepts(key)
                    && (algorithm == null || algorithm.equals(token.algorithm().tokenName()));
        }
    }

    /** What the endpoint gave, and when (nanoseconds of the clock). */
    private record Fetched(List<SetKey> keys, long atNanos) {
        /** The key a token names; or the only one that fits, if the token names none. */
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
                    return null; // One of several: the token must say which.
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
     * Knows no keys yet.
     *
     * @param maxAge age of keys after which they are fetched again
     * @param refreshInterval the shortest time between two fetches
     * @param wait how long after the beginning of a fetch a request still waits for it
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
                var unused = refresh(); // Nobody waits: the old key serves until the new ones are here.
            }
            return CompletableFuture.completedFuture(key);
        }
        return waitFor(refresh()).thenApply(done -> keyKnown(token));
    }

    /** Begins to fetch the keys, so that they are here when the first token comes. */
    void prepare() {
        var unused = refresh();
    }

    /** Completes with the fetch, but not later than the wait allows. */
    private CompletableFuture<@Nullable Void> waitFor(CompletableFuture<@Nullable Void> fetch) {
        long left;
        synchronized (this) {
            left = waitNanos - (nanoClock.getAsLong() - fetchStartedNanos);
        }
        return fetch.isDone() ? fetch : fetch.copy().completeOnTimeout(null, Math.max(0, left), TimeUnit.NANOSECONDS);
    }

    /** Finds the key among those known now. */
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
     * Asks the endpoint unless it was asked just now. Completes, never exceptionally, when there is nothing to wait
     * for.
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
                        "The keys of the tokens' issuer cannot be fetched; those known before stay in use. error={}",
                        String.valueOf(failure));
            }
            lastFetchFailed = true;
            nextFetchNanos = now + Math.min(refreshNanos, PAUSE_AFTER_FAILURE.toNanos());
            return;
        }
        if (lastFetchFailed || fetched == null) {
            log.info("The keys of the tokens' issuer are known. keys={}", keys.size());
        }
        lastFetchFailed = false;
        fetched = new Fetched(keys, now);
        nextFetchNanos = now + refreshNanos;
    }

    /** Reads a JWK set; keys that cannot be used are left out. */
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
                log.warn("The set of keys has more than {}; those after them are ignored", JwksConfig.MAX_KEYS);
                break;
            }
            keys.add(new SetKey(jwk.path("kid").textValue(), jwk.path("alg").textValue(), key));
        }
        return List.copyOf(keys);
    }
}
