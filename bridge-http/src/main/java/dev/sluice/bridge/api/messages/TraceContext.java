package dev.sluice.bridge.api.messages;

import dev.sluice.bridge.http.Request;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageHeaders;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The trace that a request belongs to (W3C Trace Context): its headers {@code traceparent} and {@code tracestate}. They
 * become headers of the messages that do not bring their own.
 *
 * <p>As the specification asks, a request with a malformed {@code traceparent}, or with two, belongs to no trace, and a
 * malformed {@code tracestate} is dropped alone.
 *
 * @param traceId the trace id of the {@code traceparent} as a UUID
 * @param headers {@code traceparent}, and {@code tracestate} if there is one
 */
record TraceContext(UUID traceId, MessageHeaders headers) {
    static final String TRACEPARENT = "traceparent";
    static final String TRACESTATE = "tracestate";

    /** Most members of a {@code tracestate} (§3.3.1.1). */
    private static final int MAX_MEMBERS = 32;
    /** One member (§3.3.1.3): a key, an equals sign and a value that does not end with a space. */
    private static final Pattern MEMBER =
            Pattern.compile("[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\\--<>-~]{0,255}[!-+\\--<>-~]");

    private static final Pattern LIST = Pattern.compile("[ \t]*,[ \t]*");

    /** Returns the trace of a request; null if it belongs to none. */
    static @Nullable TraceContext of(Request request) {
        List<String> parents = request.headers(TRACEPARENT);
        return parents.size() != 1 ? null : of(parents.get(0), request.headers(TRACESTATE));
    }

    /** Returns the trace of these headers; null if the {@code traceparent} is malformed. */
    static @Nullable TraceContext of(String traceparent, List<String> tracestates) {
        String parent = traceparent.strip();
        UUID traceId = PushDefaults.traceId(parent);
        if (traceId == null) {
            return null;
        }
        var headers = new LinkedHashMap<String, String>();
        headers.put(TRACEPARENT, parent);
        String state = tracestate(tracestates);
        if (state != null) {
            headers.put(TRACESTATE, state);
        }
        try {
            return new TraceContext(traceId, MessageHeaders.of(headers));
        } catch (IllegalArgumentException e) { // A later version of the traceparent may say more than a header can.
            return null;
        }
    }

    /** Joins the fields of a list (RFC 9110 §5.3). Returns null if there are no members, or one is malformed. */
    private static @Nullable String tracestate(List<String> fields) {
        var members = new ArrayList<String>();
        for (String field : fields) {
            members.addAll(Arrays.asList(LIST.split(field.strip(), -1)));
        }
        members.removeIf(String::isEmpty);
        boolean isValid = !members.isEmpty()
                && members.size() <= MAX_MEMBERS
                && members.stream().allMatch(member -> MEMBER.matcher(member).matches());
        return isValid ? String.join(",", members) : null;
    }

    /**
     * Adds the headers of this trace to those of a message. A message with its own {@code traceparent} stays as it is.
     * A message that has no room for both headers gets the {@code traceparent} alone, or none.
     */
    MessageHeaders addTo(MessageHeaders own, HeaderLimits limits) {
        if (own.isEmpty() && fits(headers, limits)) {
            return headers;
        }
        if (own.get(TRACEPARENT) != null) {
            return own;
        }
        var all = new LinkedHashMap<>(own.asMap());
        all.put(TRACEPARENT, String.valueOf(headers.get(TRACEPARENT)));
        MessageHeaders parent = MessageHeaders.of(all);
        String state = headers.get(TRACESTATE);
        if (state != null && own.get(TRACESTATE) == null) {
            all.put(TRACESTATE, state);
            MessageHeaders both = MessageHeaders.of(all);
            if (fits(both, limits)) {
                return both;
            }
        }
        return fits(parent, limits) ? parent : own;
    }

    private static boolean fits(MessageHeaders headers, HeaderLimits limits) {
        return headers.asMap().size() <= limits.count() && headers.bytes() <= limits.bytes();
    }

    /** Returns the trace id of the {@code traceparent} among headers; null if there is none, or it is malformed. */
    static @Nullable UUID traceIdOf(MessageHeaders headers) {
        String traceparent = headers.isEmpty() ? null : headers.get(TRACEPARENT);
        return traceparent == null ? null : PushDefaults.traceId(traceparent.strip());
    }
}
