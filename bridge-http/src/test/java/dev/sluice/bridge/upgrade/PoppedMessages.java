package dev.sluice.bridge.upgrade;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.RunningBridge;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** The messages of an answer, each with the text of its payload instead of the payload. */
final class PoppedMessages {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final int LONGEST_SHOWN = 500;

    private PoppedMessages() {}

    /** Returns the elements of {@code messages}; {@code data} is the payload as it stands in the answer. */
    static List<ObjectNode> of(String answer) {
        List<String> payloads = payloads(answer);
        var messages = new ArrayList<ObjectNode>();
        for (JsonNode message : RunningBridge.json(answer).path("messages")) {
            messages.add(((ObjectNode) message).put("data", shown(payloads.get(messages.size()))));
        }
        return messages;
    }

    private static String shown(String payload) {
        return payload.length() <= LONGEST_SHOWN
                ? payload
                : payload.length() + " characters, " + UUID.nameUUIDFromBytes(payload.getBytes(UTF_8));
    }

    /** Cuts the values of the fields {@code data} of the messages out of the answer. */
    private static List<String> payloads(String answer) {
        var payloads = new ArrayList<String>();
        try (JsonParser parser = FACTORY.createParser(answer)) {
            int depth = 0;
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
                boolean isData = depth == 3
                        && token == JsonToken.FIELD_NAME
                        && parser.currentName().equals("data");
                if (isData) {
                    JsonToken value = parser.nextToken();
                    int start = (int) parser.currentTokenLocation().getCharOffset();
                    parser.getText(); // Reads a string to its end.
                    parser.skipChildren();
                    int end = (int) parser.currentLocation().getCharOffset();
                    payloads.add(answer.substring(start, end).strip());
                    if (!value.isStructStart() && !value.isScalarValue()) {
                        throw new IllegalStateException("no value at " + start);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return payloads;
    }
}
