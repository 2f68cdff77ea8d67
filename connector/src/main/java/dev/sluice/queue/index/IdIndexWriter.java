package dev.sluice.queue.index;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;

/**
 * Adds the messages of large partitions to the index of transaction ids, block by block. One short transaction for each
 * block. Owned by one thread; several processes may run it, and one of them writes at a time.
 */
public final class IdIndexWriter {
    /** Messages of a block. An offset in a block is a {@code smallint}. */
    static final int BLOCK_MESSAGES = 16_384;
    /** Messages that a partition must have to be indexed. */
    static final int LEAST_MESSAGES = 2 * BLOCK_MESSAGES;
    /** Partitions that one statement returns. */
    private static final int PAGE = 100;

    private final Transactions transactions;
    private final Statements statements;
    private final String lockKey;
    /** The partition that the next run begins behind, so that no partition keeps the others waiting. */
    private long after;

    /** Makes the writer for a schema that {@link QueueSchema} has brought up to date. */
    public IdIndexWriter(DataSource dataSource, String schema) {
        this.transactions = Transactions.byIndex(dataSource);
        this.statements = Statements.read("id_index_writer.sql", schema);
        this.lockKey = "sluice transaction ids " + schema;
    }

    /**
     * Writes blocks until all are written, or until the limit.
     *
     * @param blocks most blocks to write
     * @return how many blocks were written; less than the limit if nothing is left to do, if another process writes
     *     blocks, or if the thread is interrupted
     * @throws QueueException if PostgreSQL failed; the blocks before are written, and the next run continues there
     */
    public int run(int blocks) {
        int written = 0;
        while (written < blocks) {
            List<Long> page = partitions();
            if (page.isEmpty() && after == 0) {
                return written;
            }
            after = 0;
            for (long partition : page) {
                int more = write(partition, blocks - written);
                written += more;
                if (written == blocks) {
                    return written;
                }
                if (more == 0) { // Another process writes blocks, or the thread must end.
                    return written;
                }
                after = partition;
            }
        }
        return written;
    }

    private List<Long> partitions() {
        return transactions.run(
                "could not read the partitions whose transaction ids are not indexed",
                connection -> statements
                        .on(connection, "partitions")
                        .set("after", after)
                        .set("least", LEAST_MESSAGES)
                        .set("size", BLOCK_MESSAGES)
                        .set("limit", PAGE)
                        .list(row -> row.getLong("id")));
    }

    /** Writes at most {@code blocks} blocks of a partition, and returns how many it has written. */
    private int write(long partition, int blocks) {
        int written = 0;
        while (written < blocks
                && !Thread.currentThread().isInterrupted()
                && transactions.run(
                        "could not index the transaction ids of a partition",
                        connection -> writeBlock(connection, partition))) {
            written++;
        }
        return written;
    }

    private boolean writeBlock(Connection connection, long partition) throws SQLException {
        boolean locked = statements
                .on(connection, "lock")
                .set("key", lockKey)
                .first(row -> row.getBoolean("locked"))
                .orElseThrow();
        if (!locked) {
            return false;
        }
        Optional<Long> next = statements
                .on(connection, "next-block")
                .set("partition", partition)
                .set("least", LEAST_MESSAGES)
                .set("size", BLOCK_MESSAGES)
                .first(row -> row.getLong("first_seq"));
        if (next.isEmpty()) {
            return false;
        }
        long first = next.get();
        long last = first + BLOCK_MESSAGES - 1;
        var block = new Block();
        statements
                .on(connection, "transaction-ids")
                .set("partition", partition)
                .set("first", first)
                .set("last", last)
                .forEach(row -> {
                    long offset = row.getLong("first_seq") - first;
                    for (String id : (String[]) row.getArray("transaction_ids").getArray()) {
                        if (offset >= 0 && offset < BLOCK_MESSAGES) {
                            block.add(IdHash.of(id), (int) offset);
                        }
                        offset++;
                    }
                });
        statements
                .on(connection, "add-block")
                .set("partition", partition)
                .set("first", first)
                .set("last", last)
                .set("hashes", block.hashes())
                .set("offsets", block.offsets())
                .execute();
        return true;
    }

    /** The rows of a block, as literals of arrays. */
    private static final class Block {
        private final StringBuilder[] hashes = empty();
        private final StringBuilder[] offsets = empty();

        private static StringBuilder[] empty() {
            var all = new StringBuilder[IdHash.BUCKETS];
            Arrays.setAll(all, bucket -> new StringBuilder("{"));
            return all;
        }

        void add(int hash, int offset) {
            append(hashes[IdHash.bucket(hash)], hash);
            append(offsets[IdHash.bucket(hash)], offset);
        }

        private static void append(StringBuilder literal, int element) {
            if (literal.length() > 1) {
                literal.append(',');
            }
            literal.append(element);
        }

        String[] hashes() {
            return literals(hashes);
        }

        String[] offsets() {
            return literals(offsets);
        }

        private static String[] literals(StringBuilder[] open) {
            return Arrays.stream(open)
                    .map(literal -> literal.append('}').toString())
                    .toArray(String[]::new);
        }
    }
}
