package dev.sluice.queue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.UUID;

/** Messages for tests. */
public final class Messages {
    /** Headers with every kind of character that a value may have, and every mark that a name may have. */
    public static final MessageHeaders HEADERS = headers(
            "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "Mixed-Case", "a b",
            "!#$%&'*+-.^_`|~", "quotes \" backslash \\ slash / tab \t braces {\"a\":[1]} comma, colon: 'single'",
            "unicode", "é ß İ \u200d \u2028 \u2029 \ufeff 中文 \ud834\udd1e \ud83d\ude00 \uffff",
            "empty", "",
            "spaces", "  ",
            "null", "null",
            "long", "\u20ac".repeat(2000));

    private Messages() {}

    /** Returns headers: names and values in turn. */
    public static MessageHeaders headers(String... namesAndValues) {
        var headers = new LinkedHashMap<String, String>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            headers.put(namesAndValues[i], namesAndValues[i + 1]);
        }
        return MessageHeaders.of(headers);
    }

    public static NewMessage message(String queue, String partition, String transactionId, String payload) {
        return NewMessage.of(
                UUID.randomUUID(), queue, partition, transactionId, payload.getBytes(StandardCharsets.UTF_8));
    }

    public static NewMessage message(String partition, String transactionId) {
        return message("q", partition, transactionId, "{\"tx\":\"" + transactionId + "\"}");
    }

    /** Messages {@code t<first>} to {@code t<last>} for partition {@code p} of queue {@code q}. */
    public static List<NewMessage> run(int first, int last) {
        var messages = new ArrayList<NewMessage>();
        for (int i = first; i <= last; i++) {
            messages.add(message("p", "t" + i));
        }
        return messages;
    }
}
