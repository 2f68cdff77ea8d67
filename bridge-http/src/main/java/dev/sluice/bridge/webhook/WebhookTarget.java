package dev.sluice.bridge.webhook;

import dev.sluice.bridge.outbound.OutboundUrl;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * Where and how messages are delivered.
 *
 * @param url where to
 * @param keys each signs; none: requests have no signature
 * @param headers as {@link CustomHeaders#checked} returns them
 * @param format how a payload becomes a body
 * @param event attributes of CloudEvents
 * @param timeout how long a request may take, from the look-up of the name to the end of the answer
 */
public record WebhookTarget(
        OutboundUrl url,
        List<WebhookKey> keys,
        Map<String, String> headers,
        PayloadFormat format,
        Event event,
        Duration timeout) {
    /** As the standard recommends: 15 to 30 s. */
    public static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(20);

    /** Longest time of a request. */
    public static final Duration MAX_TIMEOUT = Duration.ofMinutes(5);

    /**
     * Attributes of CloudEvents.
     *
     * @param source where events come from, a URI reference
     * @param type type of the events whose messages do not say it
     */
    public record Event(String source, String type) {
        /** For messages that say nothing. */
        public static final Event DEFAULT = new Event("/sluice", "dev.sluice.message");

        public Event {
            if (source.isEmpty() || type.isEmpty()) {
                throw new IllegalArgumentException("source and type of events must not be empty");
            }
        }
    }

    public WebhookTarget {
        keys = List.copyOf(keys);
        headers = CustomHeaders.checked(headers);
        if (timeout.isNegative() || timeout.isZero() || timeout.compareTo(MAX_TIMEOUT) > 0) {
            throw new IllegalArgumentException(
                    "the timeout must be more than 0 and at most " + MAX_TIMEOUT + ", was " + timeout);
        }
    }

    /** Returns a target with plain payloads, without headers of its own. */
    public static WebhookTarget of(OutboundUrl url, WebhookKey... keys) {
        return new WebhookTarget(url, List.of(keys), Map.of(), PayloadFormat.PLAIN, Event.DEFAULT, DEFAULT_TIMEOUT);
    }

    /** Sets the headers. */
    public WebhookTarget headers(Map<String, String> value) {
        return new WebhookTarget(url, keys, value, format, event, timeout);
    }

    /** Sets how a payload becomes a body. */
    public WebhookTarget format(PayloadFormat value) {
        return new WebhookTarget(url, keys, headers, value, event, timeout);
    }

    /** Sets the attributes of CloudEvents. */
    public WebhookTarget event(Event value) {
        return new WebhookTarget(url, keys, headers, format, value, timeout);
    }

    /** Sets how long a request may take. */
    public WebhookTarget timeout(Duration value) {
        return new WebhookTarget(url, keys, headers, format, event, value);
    }

    /** Returns the same target at another URL. */
    public WebhookTarget at(OutboundUrl value) {
        return new WebhookTarget(value, keys, headers, format, event, timeout);
    }
}
