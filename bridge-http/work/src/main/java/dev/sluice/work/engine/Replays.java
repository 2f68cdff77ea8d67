package dev.sluice.work.engine;

import dev.sluice.queue.Message;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.WorkHeaders;
import dev.sluice.queue.read.Taking.Taken;
import dev.sluice.work.store.ItemRows.Item;
import dev.sluice.work.store.TypeRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Works that were put back from the dead letters. Such a work has a header that says when. Until its next outcome is
 * stored, its failures before are in the table {@code work_progress}.
 */
final class Replays {
    private final Tables tables;
    private final PayloadCipher cipher;

    Replays(Tables tables, PayloadCipher cipher) {
        this.tables = tables;
        this.cipher = cipher;
    }

    /** Returns the works that were put back and have not failed since. */
    List<UUID> among(List<Item> items, List<Taken> taken) {
        var replayed = new ArrayList<UUID>();
        for (Item item : items) {
            Message stored = item.message();
            boolean isReplayed = item.errors() == null
                    && !stored.headers().isEmpty()
                    && cipher.open(stored.queue(), stored.headers()).get(WorkHeaders.REPLAYED) != null;
            if (isReplayed) {
                replayed.add(stored.id());
            }
        }
        for (Taken run : taken) {
            for (Message message : run.messages()) {
                if (message.headers().get(WorkHeaders.REPLAYED) != null) {
                    replayed.add(message.id());
                }
            }
        }
        return replayed;
    }

    /** Returns the failures of works before they were put back, in clear. */
    Map<UUID, String> histories(Connection connection, TypeRows.State state, List<UUID> replayed) throws SQLException {
        if (replayed.isEmpty()) {
            return Map.of();
        }
        var histories = new HashMap<UUID, String>();
        tables.progress()
                .histories(connection, state.queueId(), replayed)
                .forEach((id, history) -> histories.put(id, cipher.open(state.queue(), history)));
        return histories;
    }

    /** Returns the time from which the age of a work counts: when it was created, or put back. */
    static Instant bornAt(Message message) {
        String replayed = message.headers().get(WorkHeaders.REPLAYED);
        try {
            return replayed == null ? message.createdAt() : Instant.parse(replayed);
        } catch (DateTimeParseException e) {
            return message.createdAt(); // Not one of ours.
        }
    }
}
