package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.json.JsonBody;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.json.Utf8;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import java.net.URI;
import java.net.URISyntaxException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads CloudEvents 1.0.2 over HTTP, in their three modes, as messages of one queue.
 *
 * <p>The payload is the event in JSON format. In structured and batched mode it is the bytes of the client. In binary
 * mode it is built from the headers {@code ce-…} and the body. The transaction id is {@code source}, a space, and
 * {@code id}, which together identify an event; if that is too long, its SHA-256. The extension {@code partitionkey}
 * names the partition, and the extension {@code traceparent} the trace. Every attribute, also an extension, is a header
 * {@code ce-…} of the message.
 */
final class CloudEvents {
    private static final String STRUCTURED = "application/cloudevents+json";
    private static final String BATCH = "application/cloudevents-batch+json";
    private static final String ANY = "application/cloudevents";
    private static final String HEADER_PREFIX = "ce-";
    private static final String DATA = "data";
    private static final String DATA_BASE64 = "data_base64";
    private static final String CONTENT_TYPE = "datacontenttype";
    private static final Pattern ATTRIBUTE_NAME = Pattern.compile("[a-z0-9]+");
    private static final int USUAL_ATTRIBUTES_BYTES = 1 << 10;
    /** An event in binary mode needs at most this many times the size of its data while it is built. */
    private static final int MAKING_FACTOR = 6;

    private final RequestLimits limits;
    private final MessageIds ids;
    private final PushDefaults defaults;

    private CloudEvents(RequestLimits limits, MessageIds ids, PushDefaults defaults) {
        this.limits = limits;
        this.ids = ids;
        this.defaults = defaults;
    }

    /**
     * Reads the headers of a request, and returns the parser of its body.
     *
     * @param defaults the queue, and the values of events that do not have their own
     * @throws InvalidRequestException (400) if a required attribute is missing, or if an attribute is not valid
     * @throws InvalidRequestException (415) if the events are in another format than JSON
     */
    static RequestBodies.Parser<PushBody> reader(
            Request request, RequestLimits limits, MessageIds ids, PushDefaults defaults) {
        var events = new CloudEvents(limits, ids, defaults);
        String header = request.header("Content-Type");
        String contentType = header == null ? "" : header.strip();
        String mediaType = contentType.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        if (mediaType.equals(BATCH)) {
            return events::batch;
        }
        if (mediaType.equals(STRUCTURED)) {
            return (body, memory) -> pushed(List.of(
                    events.structured(single(body, limits, memory), "", new TraceRoom(limits, body.length, memory))));
        }
        if (mediaType.startsWith(ANY)) {
            throw InvalidRequestException.unsupportedMediaType("Content-Type must be " + STRUCTURED + " or " + BATCH
                    + ", or that of the data with the attributes in headers ce-…, was " + mediaType);
        }
        Map<String, String> attributes = headers(request);
        return (body, memory) -> pushed(List.of(
                events.binary(attributes, contentType, mediaType, body, new TraceRoom(limits, body.length, memory))));
    }

    private static PushBody pushed(List<NewMessage> messages) {
        return new PushBody(messages, null);
    }

    /** Returns the bytes of the only JSON value of a body. */
    private static byte[] single(byte[] body, RequestLimits limits, RequestMemory.Claim memory) {
        try (var json = JsonBody.open(body, limits.depth(), memory)) {
            json.first();
            byte[] value = json.slice();
            json.end();
            return value;
        }
    }

    private PushBody batch(byte[] body, RequestMemory.Claim memory) {
        var messages = new ArrayList<NewMessage>();
        var room = new TraceRoom(limits, body.length, memory);
        try (var json = JsonBody.open(body, limits.depth(), memory)) {
            if (json.first() != JsonToken.START_ARRAY) {
                throw badRequest("a batch of events must be an array");
            }
            for (JsonToken token = json.value(); token != JsonToken.END_ARRAY; token = json.value()) {
                if (messages.size() == limits.items()) {
                    throw badRequest("events must be at most " + limits.items() + " (http.max.items)");
                }
                messages.add(structured(json.slice(), "event " + messages.size() + ": ", room));
            }
            json.end();
        }
        return pushed(messages);
    }

    /** Reads an event in JSON format (CloudEvents JSON Event Format §3). Its bytes stay unchanged. */
    private NewMessage structured(byte[] event, String where, TraceRoom room) {
        var attributes = new TreeMap<String, String>();
        boolean data = false;
        boolean base64 = false;
        try (var json = JsonBody.open(event, limits.depth(), room.memory())) {
            if (json.first() != JsonToken.START_OBJECT) {
                throw badRequest(where + "an event must be an object");
            }
            for (String name = json.nextField(); name != null; name = json.nextField()) {
                JsonToken value = json.value();
                if (name.equals(DATA)) {
                    data = value != JsonToken.VALUE_NULL;
                    json.skip();
                } else if (name.equals(DATA_BASE64)) {
                    base64 = value != JsonToken.VALUE_NULL;
                    checkBase64(json, value, where);
                } else if (value == JsonToken.VALUE_NULL) {
                    attributes.remove(name);
                } else {
                    attributes.put(name, attribute(json, name, value, where));
                }
            }
        }
        if (data && base64) {
            throw badRequest(where + "an event has data or data_base64, not both");
        }
        return message(attributes, event, where, room);
    }

    private static void checkBase64(JsonBody json, JsonToken value, String where) {
        if (value == JsonToken.VALUE_NULL) {
            json.skip();
            return;
        }
        try {
            if (value == JsonToken.VALUE_STRING) {
                json.checkBase64();
                return;
            }
        } catch (IllegalArgumentException e) {
            // As any other value.
        }
        throw badRequest(where + "data_base64 must be a string in base64");
    }

    private static String attribute(JsonBody json, String name, JsonToken value, String where) {
        if (value == JsonToken.VALUE_STRING) {
            return json.text(null);
        }
        boolean core = name.equals("id") || name.equals("source") || name.equals("type") || name.equals("specversion");
        if (!core && (value.isBoolean() || value == JsonToken.VALUE_NUMBER_INT)) {
            return new String(json.slice(), UTF_8);
        }
        throw badRequest(where + name + " must be a string" + (core ? "" : ", a whole number, true or false"));
    }

    /** Builds the JSON format of an event in binary mode (CloudEvents HTTP Protocol Binding §3.1). */
    private NewMessage binary(
            Map<String, String> attributes, String contentType, String mediaType, byte[] body, TraceRoom room) {
        RequestMemory.Claim memory = room.memory();
        checkRequired(attributes, "ce-");
        long making = (long) MAKING_FACTOR * body.length;
        memory.take(making);
        var out = new JsonOutput((long) USUAL_ATTRIBUTES_BYTES + body.length);
        out.object();
        for (Map.Entry<String, String> attribute : attributes.entrySet()) {
            out.element(attribute.getKey()).raw(":").string(attribute.getValue());
        }
        if (!contentType.isEmpty()) {
            out.field(CONTENT_TYPE, contentType);
        }
        if (body.length > 0) {
            data(out, contentType, mediaType, body);
        }
        out.endObject();
        byte[] event = out.toBytes();
        memory.giveBack(making);
        memory.take(event.length);
        var all = new TreeMap<>(attributes);
        if (!contentType.isEmpty()) {
            all.put(CONTENT_TYPE, contentType);
        }
        return message(all, event, "", room);
    }

    private void data(JsonOutput out, String contentType, String mediaType, byte[] body) {
        if (mediaType.endsWith("/json") || mediaType.endsWith("+json")) {
            out.name("data").json(single(body, limits, RequestMemory.unlimited()));
        } else if (mediaType.startsWith("text/") && isUtf8(contentType, body)) {
            out.field("data", new String(body, UTF_8));
        } else {
            out.raw(",\"data_base64\":\"")
                    .json(Base64.getEncoder().encode(body))
                    .raw("\"");
        }
    }

    private static boolean isUtf8(String contentType, byte[] body) {
        String parameters =
                contentType.toLowerCase(Locale.ROOT).replace("\"", "").replace(" ", "");
        int charset = parameters.indexOf(";charset=");
        return (charset < 0 || parameters.startsWith(";charset=utf-8", charset)) && Utf8.firstInvalid(body) < 0;
    }

    /** Reads the attributes in the headers. */
    private static Map<String, String> headers(Request request) {
        var attributes = new TreeMap<String, String>();
        for (String header : request.jetty().getHeaders().getFieldNamesCollection()) {
            String name = header.toLowerCase(Locale.ROOT);
            if (!name.startsWith(HEADER_PREFIX)) {
                continue;
            }
            List<String> values = request.headers(header);
            if (values.size() > 1) {
                throw badRequest(name + " must not be there more than once");
            }
            attributes.put(name.substring(HEADER_PREFIX.length()), headerValue(name, values.get(0)));
        }
        for (String notHere : List.of(DATA, DATA_BASE64, CONTENT_TYPE)) {
            if (attributes.containsKey(notHere)) {
                throw badRequest("ce-" + notHere + " is not an attribute of the binary mode");
            }
        }
        return attributes;
    }

    /** Decodes a header: a string in quotes, then percent-encoded UTF-8 (HTTP Protocol Binding §3.1.3.2). */
    private static String headerValue(String name, String value) {
        String text = value.strip();
        if (text.length() >= 2 && text.startsWith("\"") && text.endsWith("\"")) {
            text = text.substring(1, text.length() - 1).replaceAll("\\\\(.)", "$1");
        }
        byte[] decoded = new byte[text.length()];
        int length = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean escape = c == '%'
                    && i + 2 < text.length()
                    && HexFormat.isHexDigit(text.charAt(i + 1))
                    && HexFormat.isHexDigit(text.charAt(i + 2));
            if (c > '~' || (c == '%' && !escape)) {
                throw badRequest(name + " must be percent-encoded UTF-8");
            }
            if (escape) {
                decoded[length++] = (byte) HexFormat.fromHexDigits(text, i + 1, i + 3);
                i += 2;
            } else {
                decoded[length++] = (byte) c;
            }
        }
        byte[] utf8 = Arrays.copyOf(decoded, length);
        if (Utf8.firstInvalid(utf8) >= 0) {
            throw badRequest(name + " must be percent-encoded UTF-8");
        }
        return new String(utf8, UTF_8);
    }

    private NewMessage message(Map<String, String> attributes, byte[] event, String where, TraceRoom room) {
        RequestMemory.Claim memory = room.memory();
        checkRequired(attributes, where);
        String transactionId = transactionId(attributes.get("source"), attributes.get("id"));
        UUID traceId = attributes.containsKey(TraceContext.TRACEPARENT)
                ? PushDefaults.traceId(String.valueOf(attributes.get(TraceContext.TRACEPARENT)))
                : null;
        String partition = attributes.get("partitionkey");
        String queue = String.valueOf(defaults.queue());
        memory.take(
                PushBody.bytesOf(queue, partition == null ? defaults.partition() : partition, transactionId, event));
        Map<String, String> headers = headers(attributes);
        memory.take(ItemHeaders.bytesOf(headers));
        try {
            MessageHeaders own = ItemHeaders.checked(MessageHeaders.of(headers), limits.headers());
            return NewMessage.builder(
                            ids.next(),
                            queue,
                            partition == null ? defaults.partition() : partition,
                            transactionId,
                            event)
                    .headers(room.add(defaults.trace(), own))
                    .traceId(defaults.traceId(traceId, MessageHeaders.NONE))
                    .producerSub(defaults.producerSub())
                    .build();
        } catch (IllegalArgumentException | InvalidRequestException e) {
            throw badRequest(where + e.getMessage());
        }
    }

    /** Returns the attributes as headers of the message, under the names of the binary mode. */
    private static Map<String, String> headers(Map<String, String> attributes) {
        var headers = new LinkedHashMap<String, String>();
        attributes.forEach((name, value) -> headers.put(HEADER_PREFIX + name, value));
        return headers;
    }

    /** Checks the attributes of the specification (CloudEvents §3.1). */
    private static void checkRequired(Map<String, String> attributes, String where) {
        for (String name : attributes.keySet()) {
            if (!ATTRIBUTE_NAME.matcher(name).matches()) {
                throw badRequest(where + "names of attributes have lower-case letters and digits only, not " + name);
            }
            checkCharacters(where + name, attributes.get(name));
        }
        for (String required : List.of("specversion", "id", "source", "type")) {
            String value = attributes.get(required);
            if (value == null || value.isEmpty()) {
                throw badRequest(where + required + " is required");
            }
        }
        if (!"1.0".equals(attributes.get("specversion"))) {
            throw badRequest(where + "specversion must be 1.0");
        }
        for (String uri : List.of("source", "dataschema")) {
            checkUri(attributes.get(uri), where + uri + " must be a URI");
        }
        for (String optional : List.of("subject", "partitionkey")) {
            if ("".equals(attributes.get(optional))) {
                throw badRequest(where + optional + " must not be empty");
            }
        }
        checkTime(attributes.get("time"), where);
    }

    /** Checks the characters of a string (CloudEvents §2.1). */
    private static void checkCharacters(String what, @Nullable String value) {
        for (int i = 0; value != null && i < value.length(); i++) {
            int c = value.codePointAt(i);
            boolean isNoncharacter = (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
            if (Character.isISOControl(c) || isNoncharacter || Character.getType(c) == Character.SURROGATE) {
                throw badRequest(what + " must not contain U+" + "%04X".formatted(c) + ", has it at index " + i);
            }
            i += Character.charCount(c) - 1;
        }
    }

    private static void checkUri(@Nullable String value, String error) {
        if (value == null) {
            return;
        }
        try {
            URI unused = new URI(value);
        } catch (URISyntaxException e) {
            throw badRequest(error);
        }
    }

    private static void checkTime(@Nullable String value, String where) {
        if (value == null) {
            return;
        }
        Instant unused = Parameters.time(where + "time", value);
    }

    private static String transactionId(@Nullable String source, @Nullable String id) {
        String identity = source + " " + id; // A URI has no space, so two events never share this text.
        if (identity.length() <= NewMessage.MAX_NAME_LENGTH) {
            return identity;
        }
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return "sha256 " + HexFormat.of().formatHex(digest.digest(identity.getBytes(UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
