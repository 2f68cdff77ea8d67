package dev.sluice.queue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Messages for tests. */
public final class Messages {
    private Messages() {}

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
