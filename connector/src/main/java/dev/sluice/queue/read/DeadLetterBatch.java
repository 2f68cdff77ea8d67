package dev.sluice.queue.read;

import dev.sluice.queue.ErrorShape;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies messages that a group gives up on into the dead letters. Collects them and copies all of them with one
 * statement. One thread.
 */
final class DeadLetterBatch {
    private final Statements statements;
    private final List<Letter> letters = new ArrayList<>();

    private record Letter(
            long queueId, long partitionId, long seq, String group, String error, ErrorShape shape, int retries) {}

    DeadLetterBatch(Statements statements) {
        this.statements = statements;
    }

    /**
     * Adds a message.
     *
     * @param error why the group gives up; may be empty
     * @param retries how often the message was delivered after the first time
     */
    void add(long queueId, long partitionId, long seq, String group, String error, int retries) {
        letters.add(new Letter(queueId, partitionId, seq, group, error, ErrorShape.of(error), retries));
    }

    /** Copies the messages that were added, and forgets them. If a message is deleted, no dead letter is written. */
    void run(Connection connection) throws SQLException {
        if (letters.isEmpty()) {
            return;
        }
        statements
                .on(connection, "copy-to-dead-letters")
                .set("queues", letters, Letter::queueId)
                .set("partitions", letters, Letter::partitionId)
                .set("seqs", letters, Letter::seq)
                .setTexts("groups", letters, Letter::group)
                .setTexts("errors", letters, Letter::error)
                .setTexts("shapes", letters, letter -> letter.shape().text())
                .set("shape_ids", letters, letter -> letter.shape().id())
                .setInts("retries", letters, Letter::retries)
                .execute();
        letters.clear();
    }
}
