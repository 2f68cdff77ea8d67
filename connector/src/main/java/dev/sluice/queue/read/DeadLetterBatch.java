package dev.sluice.queue.read;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/**
 * Messages a group gives up on, to be copied into the dead letters. Collects them, so that one statement does for all.
 */
final class DeadLetterBatch {
    private final Statements statements;
    private final List<Burial> burials = new ArrayList<>();

    private record Burial(long queueId, long partitionId, long seq, String group, String error, int retries) {}

    DeadLetterBatch(Statements statements) {
        this.statements = statements;
    }

    /**
     * Adds a message.
     *
     * @param error why; not null, may be empty
     * @param retries how often it was delivered again before this
     */
    void add(long queueId, long partitionId, long seq, String group, String error, int retries) {
        burials.add(new Burial(queueId, partitionId, seq, group, error, retries));
    }

    /** Copies what was added. A message that has been deleted meanwhile leaves no dead letter. */
    void run(Connection connection) throws SQLException {
        if (burials.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(connection, statements.get("bury"))
                .set("queues", burials.stream().mapToLong(Burial::queueId).toArray())
                .set(
                        "partitions",
                        burials.stream().mapToLong(Burial::partitionId).toArray())
                .set("seqs", burials.stream().mapToLong(Burial::seq).toArray())
                .set("groups", burials.stream().map(Burial::group).toArray(String[]::new))
                .set("errors", burials.stream().map(Burial::error).toArray(String[]::new))
                .set("retries", burials.stream().mapToInt(Burial::retries).toArray())) {
            statement.update();
        }
        burials.clear();
    }
}
