package dev.sluice.bridge.http;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Tells browsers that pages of the origins in {@code cors.origins} may use the service and read its answers (CORS).
 * Without entries an answer has none of these headers, and a browser hides it from pages of other origins.
 */
public final class Cors {
    /** The methods of the contract, with or without routes. */
    private static final List<String> METHODS = List.of("GET", "POST", "PUT", "DELETE", Route.OPTIONS);

    /** The attributes of a CloudEvent that have a header of their own. */
    private static final List<String> EVENT_HEADERS =
            List.of("ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-time", "ce-dataschema");
    /** Prefix of the headers with other attributes of a CloudEvent. A list of headers cannot name a prefix. */
    private static final String EVENT_PREFIX = "ce-";

    private static final Pattern EVENT_HEADER = Pattern.compile("[A-Za-z0-9-]+");

    private static final String REQUEST_HEADERS =
            "Content-Type, Authorization, Content-Encoding, Idempotency-Key, traceparent, tracestate, "
                    + String.join(", ", EVENT_HEADERS);
    private static final String ANSWER_HEADERS = "Retry-After, Link, Sluice-Next-Cursor, Sluice-Truncated, Allow,"
            + " WWW-Authenticate, Accept-Encoding, Content-Encoding, Idempotency-Key, traceparent, tracestate, "
            + String.join(", ", EVENT_HEADERS);

    private final TrustedOrigins trusted;
    private final String maxAge;
    private final String methods;

    /**
     * Describes a service.
     *
     * @param pages who may use it
     * @param methods of its routes
     */
    public Cors(WebPages pages, Collection<String> methods) {
        this.trusted = pages.trusted();
        this.maxAge = Long.toString(pages.preflightAge().toSeconds());
        var all = new LinkedHashSet<>(METHODS);
        all.addAll(methods);
        this.methods = String.join(", ", all);
    }

    /** Adds the headers for the page that sent the request. */
    public void describe(Request request) {
        describe(request.method(), request::header, request::answerHeader);
    }

    /**
     * Adds the headers for the page that sent a request.
     *
     * @param method of the request
     * @param header returns a header of the request
     * @param answer adds a header to the answer
     */
    void describe(String method, Function<String, @Nullable String> header, BiConsumer<String, String> answer) {
        String origin = header.apply("Origin");
        if (trusted.all()) {
            answer.accept("Access-Control-Allow-Origin", "*");
        } else if (trusted.origins().isEmpty()) {
            return;
        } else {
            answer.accept("Vary", "Origin");
            if (origin == null || !trusted.contains(origin)) {
                return;
            }
            answer.accept("Access-Control-Allow-Origin", origin);
        }
        answer.accept("Access-Control-Allow-Methods", methods);
        answer.accept(
                "Access-Control-Allow-Headers",
                REQUEST_HEADERS + moreEventHeaders(header.apply("Access-Control-Request-Headers")));
        answer.accept("Access-Control-Expose-Headers", ANSWER_HEADERS);
        if (method.equals(Route.OPTIONS)) {
            answer.accept("Access-Control-Max-Age", maxAge);
        }
    }

    /** Returns the headers of further attributes of an event that a page asks for. */
    private static String moreEventHeaders(@Nullable String asked) {
        var headers = new StringBuilder();
        if (asked != null) {
            var seen = new TreeSet<>(EVENT_HEADERS);
            for (String header : asked.split(",", -1)) {
                String name = header.strip();
                String lower = name.toLowerCase(Locale.ROOT);
                if (lower.startsWith(EVENT_PREFIX) && EVENT_HEADER.matcher(name).matches() && seen.add(lower)) {
                    headers.append(", ").append(name);
                }
            }
        }
        return headers.toString();
    }
}
