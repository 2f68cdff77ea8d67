package dev.sluice.bridge.endpoint;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.Message;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which messages an endpoint gets. Immutable.
 *
 * <p>A pattern matches neither queues of works nor Sluice's own ones, unless it names their beginning: {@code work.} or
 * {@code sluice.}. No endpoint gets the deliveries of endpoints, {@code work.endpoint.…}, because they would go in a
 * ring.
 *
 * @param queues names and patterns
 * @param eventTypes types and patterns; empty: all messages
 * @param eventTypeAt where the type of an event is: {@code header:NAME}, or a JSON pointer to a text of the payload;
 *     null: the first of the {@linkplain #USUAL usual places} that has one
 */
public record Selection(
        List<String> queues,
        List<String> eventTypes,
        @Nullable String eventTypeAt) {
    /** Where CloudEvents and Standard Webhooks have the type of an event. */
    public static final List<String> USUAL = List.of("header:ce-type", "header:event-type", "/type");

    /** The queue of events of Sluice itself. */
    static final String EVENTS = "sluice.events";

    private static final String OF_ENDPOINTS = EndpointNames.QUEUE_PREFIX;
    private static final List<String> OF_SLUICE = List.of("work.", "sluice.");

    /**
     * Copies the lists.
     *
     * @throws IllegalArgumentException if {@code eventTypeAt} is no place
     */
    public Selection {
        queues = List.copyOf(queues);
        eventTypes = List.copyOf(eventTypes);
        if (eventTypeAt != null) {
            place(eventTypeAt);
        }
    }

    private static LimitKey place(String text) {
        try {
            return LimitKey.parse(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "eventTypeAt must be header:NAME or a JSON pointer such as /type, was " + text, e);
        }
    }

    /** Decides about queues and messages, with the patterns ready. Immutable. */
    static class Matcher {
        private final Patterns queues;
        private final Patterns types;
        private final List<LimitKey> places;
        private final boolean all;

        Matcher(Selection of) {
            queues = new Patterns(of.queues);
            types = new Patterns(of.eventTypes);
            all = of.eventTypes.isEmpty();
            places = (of.eventTypeAt == null ? USUAL : List.of(of.eventTypeAt))
                    .stream().map(Selection::place).toList();
        }

        /** Returns whether the endpoint reads a queue. */
        boolean reads(String queue) {
            if (queue.startsWith(OF_ENDPOINTS)) {
                return false;
            }
            for (String prefix : OF_SLUICE) {
                if (queue.startsWith(prefix)) {
                    return queues.matchFrom(prefix, queue);
                }
            }
            return queues.match(queue);
        }

        /** Returns whether the endpoint gets a message of a queue that it reads. */
        boolean wants(Message message) {
            if (message.queue().equals(EVENTS) && isOfDelivery(message)) {
                return false;
            }
            return all || types.match(typeOf(message));
        }

        /**
         * Returns whether an event tells of the delivery of an endpoint. Its delivery would make further events, so it
         * would never end. Events of Sluice are in a partition that has the name of their type.
         */
        private static boolean isOfDelivery(Message event) {
            return event.partition().startsWith(EndpointNames.PREFIX);
        }

        /** Returns the type of an event; empty: it says none. */
        private String typeOf(Message message) {
            Map<String, String> headers = message.headers().asMap();
            for (LimitKey place : places) {
                String type = place.of(message.payload(), headers);
                if (type != null) {
                    return type;
                }
            }
            return "";
        }
    }
}
