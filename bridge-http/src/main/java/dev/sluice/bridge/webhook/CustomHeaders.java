package dev.sluice.bridge.webhook;

import dev.sluice.queue.MessageHeaders;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Checks headers that a target wants, such as {@code Authorization}. */
public final class CustomHeaders {
    /** Most headers of a target. */
    public static final int MAX = 50;

    /** Longest value of a header. */
    public static final int MAX_VALUE = 4096;

    /** Headers of a connection, and those that say how long a message is: two readings of them smuggle requests. */
    private static final Set<String> OF_CONNECTIONS = Set.of(
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
            "content-length",
            "content-encoding",
            "expect",
            "host");

    /** Headers that this package sets. */
    private static final Set<String> OURS = Set.of("content-type", "traceparent", "tracestate", "accept-encoding");

    private CustomHeaders() {}

    /**
     * Returns headers with names in lower case.
     *
     * @throws IllegalArgumentException if a name is reserved or a value cannot be sent; the message shows no value
     */
    public static Map<String, String> checked(Map<String, String> headers) {
        if (headers.size() > MAX) {
            throw new IllegalArgumentException("there must be at most " + MAX + " headers, are " + headers.size());
        }
        var checked = new LinkedHashMap<String, String>();
        headers.forEach((name, value) -> {
            String lower = name.toLowerCase(Locale.ROOT);
            MessageHeaders.of(Map.of(name, "")); // Checks that it is a token.
            String reserved = reserved(lower);
            if (reserved != null) {
                throw new IllegalArgumentException("header " + name + " cannot be set: " + reserved);
            }
            if (value.length() > MAX_VALUE || !value.chars().allMatch(c -> c == '\t' || (c >= ' ' && c <= '~'))) {
                throw new IllegalArgumentException("header " + name + " must have at most " + MAX_VALUE
                        + " characters, all of them printable ASCII");
            }
            if (checked.put(lower, value) != null) {
                throw new IllegalArgumentException("header " + name + " is there twice");
            }
        });
        return checked;
    }

    private static @Nullable String reserved(String lower) {
        if (OF_CONNECTIONS.contains(lower)) {
            return "it belongs to the connection";
        }
        if (OURS.contains(lower) || lower.startsWith("webhook-") || lower.startsWith("ce-")) {
            return "each request has its own";
        }
        return null;
    }
}
