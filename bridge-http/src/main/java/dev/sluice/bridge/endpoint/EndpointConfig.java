package dev.sluice.bridge.endpoint;

import dev.sluice.queue.PayloadCipher;
import java.time.Duration;

/**
 * Settings of endpoints.
 *
 * @param schema the schema of the queue
 * @param cipher encrypts secrets and headers
 * @param limits of what a client may set
 * @param waiting most works of an endpoint that wait; more messages stay in their queue
 * @param disableAfter how long all attempts fail before an endpoint is disabled; zero: never
 * @param pollInterval how long a bridge waits for a wake-up before it looks by itself
 * @param attempts which attempts are kept
 */
public record EndpointConfig(
        String schema,
        PayloadCipher cipher,
        Limits limits,
        long waiting,
        Duration disableAfter,
        Duration pollInterval,
        Kept attempts) {

    /**
     * Limits of what a client may set.
     *
     * @param endpoints most endpoints
     * @param queues most names and patterns of queues of an endpoint
     * @param eventTypes most types and patterns of events of an endpoint
     * @param headers most custom headers of an endpoint
     * @param secrets most secrets of an endpoint that have not expired
     */
    public record Limits(int endpoints, int queues, int eventTypes, int headers, int secrets) {
        /** Those of the documentation. */
        public static final Limits DEFAULT = new Limits(1_000, 100, 100, 50, 5);
    }

    /** Which attempts are kept. */
    public enum Which {
        ALL,
        FAILED,
        NONE
    }

    /**
     * Which attempts are kept, and for how long.
     *
     * @param which by outcome
     * @param days for how many days
     * @param most of each endpoint
     */
    public record Kept(Which which, int days, int most) {
        /** Those of the documentation. */
        public static final Kept DEFAULT = new Kept(Which.ALL, 7, 10_000);
    }

    /** Returns the settings of the documentation. */
    public static EndpointConfig usual(String schema, PayloadCipher cipher) {
        return new EndpointConfig(
                schema, cipher, Limits.DEFAULT, 1_000, Duration.ofHours(120), Duration.ofSeconds(1), Kept.DEFAULT);
    }
}
