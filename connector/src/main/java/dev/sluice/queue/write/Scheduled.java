package dev.sluice.queue.write;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.DedupWindow.Suspect;
import dev.sluice.queue.write.Flush.Waiting;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The table {@code scheduled}: messages that are not due yet. They have no seqs until {@link DueRelease} moves them.
 */
final class Scheduled {
    private final Statements statements;

    Scheduled(String schema) {
        this.statements = Statements.read("scheduled.sql", schema);
    }

    /** Adds messages, in the order given. */
    void add(Connection connection, List<Waiting> waiting) throws SQLException {
        if (waiting.isEmpty()) {
            return;
        }
        statements
                .on(connection, "schedule")
                .set("partitions", waiting, Waiting::partitionId)
                .setTexts("due_at", waiting, each -> each.dueAt().toString())
                .setUuids("ids", waiting, each -> each.message().id())
                .setTexts("transaction_ids", waiting, each -> each.message().transactionId())
                .setBytes("payloads", waiting, each -> each.message().payload())
                .setUuids("trace_ids", waiting, each -> each.message().traceId())
                .setTexts("producer_subs", waiting, each -> each.message().producerSub())
                .setTexts("headers", waiting, each -> each.message().headers().stored())
                .setTexts("created_at", waiting, each -> createdAt(each.message()))
                .setInts(
                        "lanes",
                        waiting,
                        each -> PartitionCreation.number(each.message().origin().lane()))
                .execute();
    }

    private static @Nullable String createdAt(NewMessage message) {
        return Objects.toString(message.origin().createdAt(), null);
    }

    /** Returns the ids of scheduled messages, by index of the messages that have the same transaction id. */
    Map<Integer, UUID> findDuplicates(Connection connection, List<Suspect> suspects) throws SQLException {
        var duplicates = new HashMap<Integer, UUID>();
        if (!suspects.isEmpty()) {
            statements
                    .on(connection, "find-scheduled")
                    .set("partitions", suspects, Suspect::partitionId)
                    .setTexts("transaction_ids", suspects, Suspect::transactionId)
                    .forEach(row -> duplicates.put(
                            suspects.get(row.getInt("ordinal") - 1).messageIndex(), row.getObject("id", UUID.class)));
        }
        return duplicates;
    }

    /**
     * Removes messages with generated transaction ids. The transaction must hold the locks on their partitions.
     *
     * @return those that were scheduled
     */
    Set<UUID> withdraw(Connection connection, Collection<ScheduledMessage> messages) throws SQLException {
        return new HashSet<>(statements
                .on(connection, "withdraw")
                .set("partitions", messages, ScheduledMessage::partitionId)
                .setUuids("ids", messages, ScheduledMessage::id)
                .list(row -> row.getObject("message_id", UUID.class)));
    }

    /**
     * Returns the ids of the partitions of the messages that are due.
     *
     * @param except partitions to leave out
     * @param limit most messages to look at
     */
    Map<PartitionName, Long> duePartitions(Connection connection, Collection<Long> except, int limit)
            throws SQLException {
        var due = new HashMap<PartitionName, Long>();
        statements
                .on(connection, "due-partitions")
                .set("limit", limit)
                .set("except", except, Long::longValue)
                .forEach(row -> due.put(
                        new PartitionName(row.getString("queue"), row.getString("partition")), row.getLong("id")));
        return due;
    }

    /**
     * Removes messages that are due from the table and returns them, in the order of their times. The transaction must
     * hold the locks on the partitions. The messages keep their times of creation; the time at which one was scheduled
     * counts as its time of creation if it brought none.
     *
     * @param maxBytes of payloads and headers; the message that passes it is still returned
     */
    List<NewMessage> take(Connection connection, Map<PartitionName, Long> partitions, int limit, long maxBytes)
            throws SQLException {
        var names = new HashMap<Long, PartitionName>();
        partitions.forEach((name, id) -> names.put(id, name));
        return statements
                .on(connection, "take-due")
                .set("partitions", partitions.values(), Long::longValue)
                .set("limit", limit)
                .set("max_bytes", maxBytes)
                .list(row -> {
                    PartitionName name = names.get(row.getLong("partition_id"));
                    return NewMessage.builder(
                                    row.getObject("message_id", UUID.class),
                                    name.queue(),
                                    name.partition(),
                                    row.getString("transaction_id"),
                                    row.getBytes("payload"))
                            .traceId(row.getObject("trace_id", UUID.class))
                            .producerSub(row.getString("producer_sub"))
                            .headers(MessageHeaders.ofStored(row.getString("headers")))
                            .origin(new Origin(row.getTimestamp("created_at").toInstant(), lane(row)))
                            .build();
                });
    }

    private static @Nullable PriorityLane lane(ResultSet row) throws SQLException {
        int number = row.getInt("lane");
        return row.wasNull() ? null : PriorityLane.ofNumber(number);
    }
}
