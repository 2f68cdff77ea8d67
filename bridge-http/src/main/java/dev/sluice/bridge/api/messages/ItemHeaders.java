package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageHeaders;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads the member {@code headers} of an item: an object of strings, or null. */
final class ItemHeaders {
    /** Names of the settings of the limits, for messages. */
    private static final String MAX_COUNT = "message.headers.max.count";

    private static final String MAX_BYTES = "message.headers.max.bytes";

    /** Bytes of the objects around the headers of one message. */
    private static final int MAP_BYTES = 300;
    /** Bytes of one header besides its texts. */
    private static final int HEADER_BYTES = 120;
    /** The name of a header, its value and its part of the JSON: as objects, in the log, and in a stored segment. */
    private static final int COPIES = 3;

    private ItemHeaders() {}

    /**
     * Reads the current value.
     *
     * @throws InvalidRequestException (400) if it is no object of strings, if a name or value breaks a rule, or if the
     *     headers exceed the limits; the error names the header and the rule
     */
    static MessageHeaders read(JsonBody json, JsonToken value, HeaderLimits limits) {
        if (value == JsonToken.VALUE_NULL) {
            json.skip();
            return MessageHeaders.NONE;
        }
        if (value != JsonToken.START_OBJECT) {
            json.skip(); // An error in the value itself comes first.
            throw badRequest("headers must be an object of strings");
        }
        var texts = new LinkedHashMap<String, String>();
        int count = 0;
        for (String name = json.nextField(); name != null; name = json.nextField()) {
            JsonToken token = json.value();
            count++;
            if (count > limits.count()) {
                json.skip(); // Counts the others for the error.
            } else if (token != JsonToken.VALUE_STRING) {
                json.skip();
                throw badRequest("header " + checked(name) + " must be a string");
            } else {
                json.take(HEADER_BYTES + 2L * name.length());
                if (texts.put(name, json.text(null)) != null) {
                    throw badRequest("headers must have each name once, in any case, have two " + checked(name));
                }
            }
        }
        if (count > limits.count()) {
            throw badRequest("headers must be at most " + limits.count() + " (" + MAX_COUNT + "), are " + count);
        }
        return of(json, texts, limits);
    }

    private static MessageHeaders of(JsonBody json, Map<String, String> texts, HeaderLimits limits) {
        if (texts.isEmpty()) {
            return MessageHeaders.NONE;
        }
        json.take(bytesOf(texts));
        try {
            return checked(MessageHeaders.of(texts), limits);
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    /**
     * Returns the headers.
     *
     * @throws InvalidRequestException (400) if they exceed the limits; the error has the numbers
     */
    static MessageHeaders checked(MessageHeaders headers, HeaderLimits limits) {
        int count = headers.asMap().size();
        if (count > limits.count()) {
            throw badRequest("headers must be at most " + limits.count() + " (" + MAX_COUNT + "), are " + count);
        }
        int bytes = headers.bytes();
        if (bytes > limits.bytes()) {
            throw badRequest("headers must have at most " + limits.bytes() + " bytes of names and values (" + MAX_BYTES
                    + "), have " + bytes);
        }
        return headers;
    }

    /** Returns the memory of the headers of one message, besides their decoded texts. */
    static long bytesOf(Map<String, String> headers) {
        if (headers.isEmpty()) {
            return 0;
        }
        long bytes = MAP_BYTES;
        for (Map.Entry<String, String> header : headers.entrySet()) {
            bytes += HEADER_BYTES
                    + COPIES
                            * (header.getKey().length()
                                    + (long) header.getValue().length());
        }
        return bytes;
    }

    /** Returns a name that is a name of a header, so that an error may show it. */
    private static String checked(String name) {
        try {
            MessageHeaders unused = MessageHeaders.of(Map.of(name, ""));
            return name;
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }
}
