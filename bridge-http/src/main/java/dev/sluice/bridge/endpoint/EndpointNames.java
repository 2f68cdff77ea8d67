package dev.sluice.bridge.endpoint;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.UUID;
import java.util.regex.Pattern;

/** The names and ids that belong to an endpoint. */
public final class EndpointNames {
    /** Beginning of the types of work, and of the consumer groups, of endpoints. */
    public static final String PREFIX = "endpoint.";

    static final String QUEUE_PREFIX = "work." + PREFIX;

    private static final Pattern ID = Pattern.compile("[a-z0-9][a-z0-9_-]{0,63}");
    private static final int RANDOM_BYTES = 10;
    private static final int BASE = 36;
    private static final long TIME = 0xFFFF_FFFF_FFFF_0000L;
    private static final long VERSION_7 = 0x7000L;
    private static final long AFTER_VERSION = 0x0FFFL;
    private static final long VARIANT = 0x8000_0000_0000_0000L;
    private static final long AFTER_VARIANT = 0x3FFF_FFFF_FFFF_FFFFL;
    private static final SecureRandom RANDOM = new SecureRandom();

    private EndpointNames() {}

    /**
     * Checks an id.
     *
     * @throws IllegalArgumentException if no endpoint may have it
     */
    public static String check(String id) {
        if (!ID.matcher(id).matches()) {
            throw new IllegalArgumentException("id must be 1 to 64 lower-case letters, digits, underscores and hyphens,"
                    + " and begin with a letter or digit");
        }
        return id;
    }

    /** Returns a random id. */
    static String random() {
        var bytes = new byte[RANDOM_BYTES];
        RANDOM.nextBytes(bytes);
        return "ep-" + new BigInteger(1, bytes).toString(BASE);
    }

    /** Returns the type of work of an endpoint, which is also its consumer group. */
    public static String type(String id) {
        return PREFIX + id;
    }

    /** Returns the endpoint of a type or group. */
    static String ofType(String type) {
        return type.substring(PREFIX.length());
    }

    /** Returns the queue of the works of an endpoint. */
    public static String queue(String id) {
        return QUEUE_PREFIX + id;
    }

    /**
     * Returns the id of the work that delivers a message to an endpoint. It is computed from both, so it is the same
     * whenever and wherever the work is written. It has the time of the message's id, and the form of UUID version 7.
     */
    static UUID work(UUID message, String endpoint) {
        byte[] hash = sha256(message + " " + endpoint);
        long high = ByteBuffer.wrap(hash).getLong();
        long low = ByteBuffer.wrap(hash, Long.BYTES, Long.BYTES).getLong();
        return new UUID(
                (message.getMostSignificantBits() & TIME) | VERSION_7 | (high & AFTER_VERSION),
                VARIANT | (low & AFTER_VARIANT));
    }

    private static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("the Java runtime has no SHA-256", e);
        }
    }
}
