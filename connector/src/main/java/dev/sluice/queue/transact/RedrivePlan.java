package dev.sluice.queue.transact;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.transact.Redrive.Verdict;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/** What becomes of the dead letters of one transaction. */
final class RedrivePlan {
    static final String NO_KEY = "it is encrypted with a key that is not configured";

    private final TreeMap<Long, NewMessage> messages = new TreeMap<>();
    private final TreeMap<Long, TakenLetter> works = new TreeMap<>();
    private final Map<Long, UUID> repeated = new TreeMap<>();
    private final Map<Long, String> refused = new TreeMap<>();

    /** The letter becomes the message. */
    void move(TakenLetter letter, NewMessage message) {
        messages.put(letter.id(), message);
        if (message.id().equals(letter.messageId())) {
            works.put(letter.id(), letter);
        }
    }

    /** The letter is removed: another work stands for it. */
    void repeats(TakenLetter letter, UUID other) {
        repeated.put(letter.id(), other);
    }

    /** The letter stays. */
    void refuse(TakenLetter letter, String reason) {
        refused.put(letter.id(), reason);
    }

    /** Returns the messages in the order of the ids of their letters. */
    List<NewMessage> messages() {
        return List.copyOf(messages.values());
    }

    /** Returns the letters that become messages, in the order of {@link #messages}. */
    List<Long> moved() {
        return List.copyOf(messages.keySet());
    }

    /** Returns the letters that become works. */
    List<Long> works() {
        return List.copyOf(works.keySet());
    }

    /** Returns the letters that are removed without a message. */
    Map<Long, UUID> repeated() {
        return repeated;
    }

    /** Returns why letters stay. */
    Map<Long, String> refused() {
        return refused;
    }

    /** Returns the verdicts on letters that become no message. */
    Map<Long, Verdict> verdicts() {
        Map<Long, Verdict> verdicts = new HashMap<>();
        repeated.keySet().forEach(id -> verdicts.put(id, Verdict.DUPLICATE));
        refused.keySet().forEach(id -> verdicts.put(id, Verdict.REFUSED));
        return verdicts;
    }
}
