package dev.sluice.queue.admin;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Walks the partitions of a queue by name, one page after the other. Each page is a transaction of its own: a partition
 * that is created during a walk may or may not be on one of its pages.
 */
final class PartitionPages {
    private final Transactions transactions;
    private final Statements statements;
    private final int size;

    /**
     * Makes pages of a schema.
     *
     * @param transactions reads the pages
     * @param size most partitions on a page
     */
    PartitionPages(Transactions transactions, String schema, int size) {
        this.transactions = transactions;
        this.statements = Statements.read("partition_pages.sql", schema);
        this.size = size;
    }

    private record Named(long id, String name) {}

    /**
     * Starts a walk.
     *
     * @param what what the caller cannot do if a page cannot be read: the start of the message
     * @param partition only the partition of that name; null: all partitions of the queue
     */
    Walk walk(String what, String queue, @Nullable String partition) {
        return new Walk(what, queue, partition);
    }

    /** One walk. One thread may use it. */
    final class Walk {
        private final String what;
        private final String queue;
        private final @Nullable String partition;
        private String after = "";

        private Walk(String what, String queue, @Nullable String partition) {
            this.what = what;
            this.queue = queue;
            this.partition = partition;
        }

        /**
         * Returns the ids on the next page, by name; an empty list after the last page.
         *
         * @throws QueueException if PostgreSQL failed
         */
        List<Long> next() {
            List<Named> page = transactions.run(
                    what,
                    connection -> statements
                            .on(connection, "partitions-of-queue")
                            .set("queue", queue)
                            .set("partition", partition)
                            .set("after", after)
                            .set("limit", size)
                            .list(row -> new Named(row.getLong("id"), row.getString("name"))));
            if (!page.isEmpty()) {
                after = page.get(page.size() - 1).name();
            }
            return page.stream().map(Named::id).toList();
        }
    }
}
