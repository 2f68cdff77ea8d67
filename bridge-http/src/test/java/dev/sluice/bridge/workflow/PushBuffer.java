package dev.sluice.bridge.workflow;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Collects messages by queue and partition and pushes them together, so many at a time. The service sees ordinary
 * pushes; the producer does not see their results.
 */
final class PushBuffer {
    private final LibraryClient client;
    private final int messageCount;
    private final Map<String, List<ObjectNode>> collected = new LinkedHashMap<>();

    PushBuffer(LibraryClient client, int messageCount) {
        this.client = client;
        this.messageCount = messageCount;
    }

    void add(ObjectNode item) throws ClientException, InterruptedException {
        String key = item.path("queue").asText() + "/" + item.path("partition").asText();
        List<ObjectNode> items = collected.computeIfAbsent(key, unused -> new ArrayList<>());
        items.add(item);
        if (items.size() >= messageCount) {
            collected.remove(key);
            client.push(items);
        }
    }

    /** Pushes what is left, as the library does after its time or when it is told to. */
    void flush() throws ClientException, InterruptedException {
        for (List<ObjectNode> items : collected.values()) {
            client.push(items);
        }
        collected.clear();
    }
}
