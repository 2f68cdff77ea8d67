package dev.sluice.bridge.endpoint;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Where and how an endpoint gets its messages. Immutable.
 *
 * @param url where to
 * @param headers custom headers of the requests; their values are secrets
 * @param format how a payload becomes a body
 * @param concurrency most deliveries at a time, on all bridges
 * @param rate most deliveries that begin in a second, on all bridges; 0: any number
 * @param timeout how long a delivery may take
 * @param retries waits before the attempts after the first one
 */
public record Target(
        String url,
        Map<String, String> headers,
        Format format,
        int concurrency,
        int rate,
        Duration timeout,
        List<Duration> retries) {
    /** Name of a header that stands for headers that this service cannot decrypt. */
    public static final String UNREADABLE = "sluice-unreadable";

    /** Most deliveries of an endpoint at a time. */
    public static final int MAX_CONCURRENCY = 10_000;

    /** Most deliveries of an endpoint that begin in a second. */
    public static final int MAX_RATE = 100_000;

    /** Longest timeout. */
    public static final Duration MAX_TIMEOUT = Duration.ofMinutes(5);

    /** Most retries. */
    public static final int MAX_RETRIES = 50;

    /** Longest wait before a retry. */
    public static final Duration MAX_WAIT = Duration.ofDays(31);

    /** What Standard Webhooks recommends: ten attempts within three days and four hours. */
    public static final List<Duration> USUAL_RETRIES = List.of(
            Duration.ofSeconds(5),
            Duration.ofMinutes(5),
            Duration.ofMinutes(30),
            Duration.ofHours(2),
            Duration.ofHours(5),
            Duration.ofHours(10),
            Duration.ofHours(14),
            Duration.ofHours(20),
            Duration.ofHours(24));

    /** How a payload becomes a body. */
    public enum Format {
        /** The body is the payload. */
        PLAIN("plain"),
        /** The body is the payload, and headers are the attributes of a CloudEvent. */
        CLOUDEVENTS_BINARY("cloudevents-binary"),
        /** The body is a CloudEvent as JSON. */
        CLOUDEVENTS_STRUCTURED("cloudevents-structured");

        private final String text;

        Format(String text) {
            this.text = text;
        }

        /** Returns its name for clients. */
        public String text() {
            return text;
        }

        /**
         * Returns the format of a name.
         *
         * @throws IllegalArgumentException if there is none
         */
        public static Format of(String text) {
            return Arrays.stream(values())
                    .filter(each -> each.text.equals(text))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException(
                            "format must be plain, cloudevents-binary or cloudevents-structured"));
        }
    }

    public Target {
        headers = Map.copyOf(headers);
        retries = List.copyOf(retries);
        requireRange("concurrency", concurrency, 1, MAX_CONCURRENCY);
        requireRange("rate", rate, 0, MAX_RATE);
        requireRange("timeoutMs", timeout.toMillis(), 1, MAX_TIMEOUT.toMillis());
        if (retries.size() > MAX_RETRIES) {
            throw new IllegalArgumentException("retries must have at most " + MAX_RETRIES + " waits");
        }
        for (Duration wait : retries) {
            if (wait.isNegative() || wait.compareTo(MAX_WAIT) > 0) {
                throw new IllegalArgumentException("retries must be waits of 0 s to " + MAX_WAIT.toDays() + " days");
            }
        }
    }

    private static void requireRange(String what, long value, long least, long most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(what + " must be a whole number from " + least + " to " + most);
        }
    }

    /** Names the URL without its query, and no header. */
    @Override
    public String toString() {
        return shown();
    }

    /** Returns the URL without its query, for people. */
    public String shown() {
        int query = url.indexOf('?');
        return query < 0 ? url : url.substring(0, query);
    }
}
