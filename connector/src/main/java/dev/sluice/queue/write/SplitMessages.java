package dev.sluice.queue.write;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Splits messages into those that the writer writes and those that it parks. Each part keeps the order.
 *
 * @param all all messages
 * @param direct the messages to write
 * @param parked the messages to park
 */
record SplitMessages(List<NewMessage> all, List<NewMessage> direct, List<NewMessage> parked) {

    static SplitMessages of(List<NewMessage> messages, Set<String> parkedQueues) {
        if (parkedQueues.isEmpty()) {
            return new SplitMessages(messages, messages, List.of());
        }
        var direct = new ArrayList<NewMessage>(messages.size());
        var parked = new ArrayList<NewMessage>();
        for (NewMessage message : messages) {
            (parkedQueues.contains(message.queue()) ? parked : direct).add(message);
        }
        return new SplitMessages(messages, direct, parked);
    }

    /** Returns the outcomes of all messages, given the outcomes of those that were written. */
    @SuppressWarnings("ReferenceEquality") // The parts hold the same objects, and two messages may be equal.
    List<PushOutcome> outcomes(List<PushOutcome> ofDirect) {
        if (parked.isEmpty()) {
            return ofDirect;
        }
        var outcomes = new ArrayList<PushOutcome>(all.size());
        int written = 0;
        for (NewMessage message : all) {
            boolean isDirect = written < direct.size() && direct.get(written) == message;
            outcomes.add(isDirect ? ofDirect.get(written++) : new PushOutcome.Parked(message.id()));
        }
        return outcomes;
    }
}
