package dev.sluice.bridge.http;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/** Builds the parts that the answers of administration share. */
public final class AdminJson {
    private static final double MILLIS_PER_SECOND = 1000;

    private static final DateTimeFormatter MILLISECONDS =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

    private AdminJson() {}

    /** Returns an empty object. */
    public static ObjectNode object() {
        return JsonNodeFactory.instance.objectNode();
    }

    /** Returns a time in UTC with milliseconds: {@code 2026-05-16T10:00:00.123Z}; null for null. */
    public static @Nullable String time(@Nullable Instant time) {
        return time == null ? null : MILLISECONDS.format(time);
    }

    /** Returns milliseconds in seconds. */
    public static double seconds(long millis) {
        return seconds((double) millis);
    }

    /** Returns milliseconds in seconds. */
    public static double seconds(double millis) {
        return millis / MILLIS_PER_SECOND;
    }

    /** Returns an answer with the reason of a failure: {@code {"success": false, "error": "…"}}. */
    public static Answer failure(int status, String error) {
        return Answer.json(status, object().put("success", false).put("error", error));
    }
}
