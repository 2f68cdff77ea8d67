package dev.sluice.bridge.endpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;

/**
 * The stored form of secrets and headers: JSON texts, encrypted if there is a key. What was stored in clear before
 * there was a key is still read. Safe for use by many threads.
 */
final class Sealing {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ObjectReader HEADERS = JSON.readerFor(new TypeReference<TreeMap<String, String>>() {});

    private final PayloadCipher cipher;

    Sealing(PayloadCipher cipher) {
        this.cipher = cipher;
    }

    boolean encrypts() {
        return cipher.hasKey();
    }

    /** Returns the stored form of a secret. */
    String secret(String endpoint, String secret) {
        return seal(endpoint, TextNode.valueOf(secret).toString());
    }

    /** Returns the stored form of headers. */
    String headers(String endpoint, Map<String, String> headers) {
        try {
            return headers.isEmpty() ? "{}" : seal(endpoint, JSON.writeValueAsString(new TreeMap<>(headers)));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("headers cannot be written", e);
        }
    }

    private String seal(String endpoint, String json) {
        return cipher.hasKey() ? cipher.seal(EndpointNames.queue(endpoint), json) : json;
    }

    /**
     * Returns a stored secret.
     *
     * @throws QueueException if no key of this service decrypts it
     */
    String openSecret(String endpoint, String stored) {
        try {
            return JSON.readTree(open("secret", endpoint, stored)).textValue();
        } catch (JsonProcessingException e) {
            throw unreadable("secret", endpoint);
        }
    }

    /**
     * Refuses to deliver without a signature, which no receiver could tell from a forgery.
     *
     * @param secrets those of the endpoint that have not expired
     * @throws QueueException if there is none
     */
    static void requireSecret(String endpoint, Collection<?> secrets) {
        if (secrets.isEmpty()) {
            throw new QueueException(
                    "endpoint " + endpoint + " has no secret that has not expired: rotate its secret",
                    QueueException.OBJECT_NOT_IN_PREREQUISITE_STATE,
                    null);
        }
    }

    /**
     * Returns stored headers.
     *
     * @throws QueueException if no key of this service decrypts them
     */
    Map<String, String> openHeaders(String endpoint, String stored) {
        try {
            return HEADERS.readValue(open("headers", endpoint, stored));
        } catch (JsonProcessingException e) {
            throw unreadable("headers", endpoint);
        }
    }

    /** Returns whether this service has the key of a stored text, or needs none. */
    boolean canOpen(String endpoint, String stored) {
        return !cipher.cannotOpen(EndpointNames.queue(endpoint), stored.getBytes(StandardCharsets.UTF_8));
    }

    private String open(String what, String endpoint, String stored) {
        if (!canOpen(endpoint, stored)) {
            throw unreadable(what, endpoint);
        }
        return cipher.open(EndpointNames.queue(endpoint), stored);
    }

    private static QueueException unreadable(String what, String endpoint) {
        return new QueueException(
                "the " + what + " of endpoint " + endpoint
                        + " cannot be decrypted: encryption.keys lacks the key that encrypted it",
                QueueException.OBJECT_NOT_IN_PREREQUISITE_STATE,
                null);
    }
}
