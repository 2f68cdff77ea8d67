package dev.sluice.work.callback;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.work.Callbacks;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where the message of a work has its callbacks: in headers with reserved names, which no client can set. So they
 * survive retries, dead letters and restarts, as the message does.
 */
public final class CallbackHeaders {
    private static final String REPLY_TO = "sluice.work-reply-to";
    private static final String FAIL_TO = "sluice.work-fail-to";

    private CallbackHeaders() {}

    /** Adds callbacks to headers. */
    public static void addTo(Map<String, String> headers, Callbacks callbacks) {
        if (callbacks.replyTo() != null) {
            headers.put(REPLY_TO, callbacks.replyTo());
        }
        if (callbacks.failTo() != null) {
            headers.put(FAIL_TO, callbacks.failTo());
        }
    }

    /** Returns the callbacks in headers. */
    public static Callbacks of(MessageHeaders headers) {
        if (headers.isEmpty()) {
            return Callbacks.NONE;
        }
        String replyTo = valid(headers.get(REPLY_TO));
        String failTo = valid(headers.get(FAIL_TO));
        return replyTo == null && failTo == null ? Callbacks.NONE : new Callbacks(replyTo, failTo);
    }

    /** Returns a target; null: it is none of ours. */
    private static @Nullable String valid(@Nullable String target) {
        try {
            return new Callbacks(target, null).replyTo();
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
