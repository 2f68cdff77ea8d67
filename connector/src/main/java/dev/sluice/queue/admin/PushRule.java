package dev.sluice.queue.admin;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * What a bridge must know of a queue before it accepts a push to it.
 *
 * @param queue name of the queue
 * @param encrypted whether the bridge must encrypt payloads
 * @param maxSize most messages that the queue may hold; 0: no limit
 * @param messages messages that count against the limit: scheduled messages, and stored messages that at least one
 *     group has not completed. A completed message behind an open one counts too. If the queue has no groups, all
 *     stored messages count. 0 if there is no limit
 * @param limitKey where the limit keys of messages are, which the bridge adds to the names of partitions; null:
 *     messages have none
 * @param itemPriority whether the priority of a message counts
 */
public record PushRule(
        String queue,
        boolean encrypted,
        long maxSize,
        long messages,
        @Nullable LimitKey limitKey,
        boolean itemPriority) {
    /** The names of the queues begin so in which the priority of a message always counts. */
    public static final String WORK = LimitKey.QUEUES;

    /** Reads the rules of all queues. Each read is one transaction. Safe for use by many threads. */
    public static final class Reader {
        private final Transactions transactions;
        private final Statements statements;

        /** Makes a reader of a schema that {@link QueueSchema} has brought up to date. */
        public Reader(DataSource dataSource, String schema) {
            this.transactions = Transactions.byIndex(dataSource);
            this.statements = Statements.read("push_rules.sql", schema);
        }

        /**
         * Returns the rules of the queues that are encrypted or limited, or have limit keys or priorities of items, in
         * no order.
         *
         * @throws QueueException if PostgreSQL failed
         */
        public List<PushRule> read() {
            return transactions.run(
                    "could not read the rules of pushes",
                    connection -> statements.on(connection, "push-rules").list(Reader::rule));
        }

        private static PushRule rule(ResultSet row) throws SQLException {
            return new PushRule(
                    row.getString("name"),
                    row.getBoolean("encryption_enabled"),
                    row.getLong("max_size"),
                    row.getLong("messages"),
                    LimitKey.ofStored(row.getString("limit_key")),
                    row.getBoolean("item_priority"));
        }
    }
}
