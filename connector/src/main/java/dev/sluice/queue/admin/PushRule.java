package dev.sluice.queue.admin;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;

/**
 * What must be known of a queue before a push to it is taken.
 *
 * @param queue its name
 * @param encrypted whether payloads are to be encrypted
 * @param maxSize messages it may hold; 0: any number
 * @param messages messages that are not deleted and that not every group has done with, or that wait for their time;
 *     without groups all that are not deleted. Counted only if there is a bound. What is acknowledged behind a message
 *     that is not counts
 */
public record PushRule(String queue, boolean encrypted, long maxSize, long messages) {

    /** Reads the rules of all queues that have any. Every read is one transaction; any thread may ask. */
    public static final class Reader {
        private final Transactions transactions;
        private final Statements statements;

        /** Makes a reader of a schema that {@link QueueSchema} has brought up to date. */
        public Reader(DataSource dataSource, String schema) {
            this.transactions = Transactions.byIndex(dataSource);
            this.statements = Statements.read("push_rules.sql", schema);
        }

        /**
         * Returns the rules of the queues that are encrypted or bounded, in no order.
         *
         * @throws QueueException if PostgreSQL failed
         */
        public List<PushRule> read() {
            return transactions.run("could not read the rules of pushes", connection -> {
                var rules = new ArrayList<PushRule>();
                try (var statement = new BoundStatement(connection, statements.get("push-rules"));
                        ResultSet row = statement.query()) {
                    while (row.next()) {
                        rules.add(of(row));
                    }
                }
                return rules;
            });
        }

        private static PushRule of(ResultSet row) throws SQLException {
            return new PushRule(
                    row.getString("name"),
                    row.getBoolean("encryption_enabled"),
                    row.getLong("max_size"),
                    row.getLong("messages"));
        }
    }
}
