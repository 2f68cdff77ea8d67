package dev.sluice.bridge.webhook;

import dev.sluice.work.Work;
import dev.sluice.work.WorkId;
import java.time.Instant;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What is delivered.
 *
 * @param id value of {@code webhook-id}: letters, digits, {@code _} and {@code -}
 * @param payload JSON text in UTF-8. Not copied: do not change it
 * @param time when the event happened
 * @param eventType type of the event; null: the one of the target
 * @param subject what the event is about; null: nothing
 * @param headers the headers of the message; its trace is passed on
 */
@SuppressWarnings("ArrayRecordComponent") // Nothing compares messages, and copies of payloads would be expensive.
public record WebhookMessage(
        String id,
        byte[] payload,
        Instant time,
        @Nullable String eventType,
        @Nullable String subject,
        Map<String, String> headers) {
    /** Header of a message that has the type of its event. */
    public static final String EVENT_TYPE = "event-type";

    private static final Pattern ID = Pattern.compile("[A-Za-z0-9_-]{1,255}");
    private static final int BITS_AFTER_TIME = 16;

    public WebhookMessage {
        if (!ID.matcher(id).matches()) {
            throw new IllegalArgumentException("a webhook-id must have 1 to 255 letters, digits, _ and -, was " + id);
        }
    }

    /** Returns the message of a work: its id is that of the work, and its time is that of the enqueue. */
    public static WebhookMessage of(Work work, WorkId id) {
        Instant time = Instant.ofEpochMilli(id.value().getMostSignificantBits() >>> BITS_AFTER_TIME);
        String type = header(work.metadata(), EVENT_TYPE);
        return new WebhookMessage(id.toString(), work.payload(), time, type, work.key(), work.metadata());
    }

    /** Returns the value of a header, whose name may be in any case; null if there is none. */
    static @Nullable String header(Map<String, String> headers, String name) {
        for (Map.Entry<String, String> header : headers.entrySet()) {
            if (header.getKey().equalsIgnoreCase(name)) {
                return header.getValue();
            }
        }
        return null;
    }
}
