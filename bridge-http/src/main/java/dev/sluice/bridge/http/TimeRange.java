package dev.sluice.bridge.http;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.queue.view.MinuteCounters.Range;
import dev.sluice.queue.view.ResourceFilter;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The time range of a chart.
 *
 * @param from the start
 * @param to the end
 */
public record TimeRange(Instant from, Instant to) {
    /** Refuses an empty range. */
    public TimeRange {
        requireOrder(from, to);
    }

    /**
     * Refuses an empty range. A range without an end is never empty.
     *
     * @throws InvalidRequestException (400) if both times are given, and {@code from} is not before {@code to}
     */
    public static void requireOrder(@Nullable Instant from, @Nullable Instant to) {
        if (from != null && to != null && !from.isBefore(to)) {
            throw badRequest("from must be before to");
        }
    }

    /**
     * Returns the range of {@code from} and {@code to} in the query; by default the last {@code usual}. Without
     * {@code to}, a {@code from} in the future begins a range of that length: nothing is there yet, so the answer is
     * empty.
     */
    public static TimeRange of(Request request, Duration usual) {
        Instant to = Parameters.timeInQuery(request, "to");
        Instant from = Parameters.timeInQuery(request, "from");
        Instant now = Instant.now();
        Instant end = to != null ? to : from == null || from.isBefore(now) ? now : from.plus(usual);
        return new TimeRange(from == null ? end.minus(usual) : from, end);
    }

    public static TimeRange last(Duration time) {
        Instant now = Instant.now();
        return new TimeRange(now.minus(time), now);
    }

    Duration length() {
        return Duration.between(from, to);
    }

    /** Returns the length of one point, which grows with the range. */
    public Duration bucket() {
        Duration length = length();
        if (length.compareTo(Duration.ofHours(1)) <= 0) {
            return Duration.ofMinutes(1);
        } else if (length.compareTo(Duration.ofHours(6)) <= 0) {
            return Duration.ofMinutes(5);
        } else if (length.compareTo(Duration.ofHours(24)) <= 0) {
            return Duration.ofMinutes(15);
        }
        return length.compareTo(Duration.ofDays(7)) <= 0 ? Duration.ofMinutes(60) : Duration.ofMinutes(360);
    }

    public Range of(ResourceFilter queues, @Nullable String host) {
        return new Range(from, to, bucket(), queues, host);
    }

    /** Adds {@code "timeRange": {"from": "…", "to": "…"}, "bucketMinutes": 1}. */
    public void describe(ObjectNode body) {
        body.putObject("timeRange").put("from", AdminJson.time(from)).put("to", AdminJson.time(to));
        body.put("bucketMinutes", bucket().toMinutes());
    }
}
