package dev.sluice.bridge.http;

import java.util.Locale;

/**
 * Tells browsers that pages of the origins in {@code cors.origins} may use the service and read its answers (CORS).
 * Without entries an answer has none of these headers, and a browser hides it from pages of other origins.
 */
public final class Cors {
    private static final String METHODS = "GET, POST, PUT, DELETE, OPTIONS";
    private static final String REQUEST_HEADERS =
            "Content-Type, Authorization, Content-Encoding, Idempotency-Key, traceparent, tracestate";
    private static final String RESPONSE_HEADERS =
            "Retry-After, Link, Sluice-Next-Cursor, Sluice-Truncated, Content-Encoding, Idempotency-Key, traceparent, tracestate";
    /** Prefix of the headers with the attributes of a CloudEvent. A list of allowed headers cannot name a prefix. */
    private static final String EVENT_PREFIX = "ce-";

    private final TrustedOrigins trusted;

    public Cors(TrustedOrigins trusted) {
        this.trusted = trusted;
    }

    /** Adds the headers for the page that sent the request. */
    public void describe(Request request) {
        String origin = request.header("Origin");
        if (trusted.all()) {
            request.answerHeader("Access-Control-Allow-Origin", "*");
        } else if (trusted.origins().isEmpty()) {
            return;
        } else {
            request.answerHeader("Vary", "Origin");
            if (origin == null || !trusted.contains(origin)) {
                return;
            }
            request.answerHeader("Access-Control-Allow-Origin", origin);
        }
        request.answerHeader("Access-Control-Allow-Methods", METHODS);
        request.answerHeader("Access-Control-Allow-Headers", REQUEST_HEADERS + eventHeaders(request));
        request.answerHeader("Access-Control-Expose-Headers", RESPONSE_HEADERS);
    }

    private static String eventHeaders(Request request) {
        String asked = request.header("Access-Control-Request-Headers");
        var headers = new StringBuilder();
        if (asked != null) {
            for (String header : asked.split(",", -1)) {
                String name = header.strip();
                if (name.toLowerCase(Locale.ROOT).startsWith(EVENT_PREFIX) && name.matches("[A-Za-z0-9-]+")) {
                    headers.append(", ").append(name);
                }
            }
        }
        return headers.toString();
    }
}
