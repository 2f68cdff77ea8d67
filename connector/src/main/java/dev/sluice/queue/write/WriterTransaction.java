package dev.sluice.queue.write;

import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.TransactionId;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One transaction of a {@link WriterSession}, as the work in it sees it. The work returns an {@link Ending}; it does
 * not commit or roll back on its own.
 */
public final class WriterTransaction {
    private final Connection connection;
    private final Statements statements;
    private final FlushWriter flushes;
    private final List<Flush> written = new ArrayList<>(1);

    /** The id of the transaction, if a flush has read it. */
    private @Nullable TransactionId id;

    WriterTransaction(Connection connection, Statements statements, FlushWriter flushes) {
        this.connection = connection;
        this.statements = statements;
        this.flushes = flushes;
    }

    /** Returns the connection, for statements of the work's own. */
    public Connection connection() {
        return connection;
    }

    /**
     * Gives a flush the ids of its partitions, and creates the partitions that are missing. If an id is not cached,
     * this ends the transaction with all its locks and begins another one, so the work calls it before it takes a lock.
     *
     * @return false if a partition was deleted at once: the work must return {@link Ending#restart}
     */
    public boolean locate(Flush flush) throws SQLException {
        return flushes.locate(connection, flush);
    }

    /**
     * Gives a flush the ids of its partitions. Leaves the transaction as it is.
     *
     * @return false if an id is not cached: the work must return {@link Ending#restart}
     */
    public boolean locateCached(Flush flush) {
        return flushes.locateCached(flush);
    }

    /**
     * Writes a flush that is located.
     *
     * @return false if a partition was deleted: the work must return {@link Ending#restart}
     * @throws IllegalStateException if the flush is not located
     */
    public boolean write(Flush flush) throws SQLException {
        return write(flush, List.of());
    }

    /**
     * Writes a flush that is located, and moves the sources of its messages on.
     *
     * @return false if a partition was deleted: the work must return {@link Ending#restart}
     * @throws SourceMovedException if a source is not where its progress expects it
     */
    boolean write(Flush flush, List<SourceProgress> progress) throws SQLException {
        written.add(flush);
        return flushes.write(connection, flush, progress, this::named);
    }

    private void named(TransactionId ofServer) {
        id = ofServer;
    }

    /** Returns the id of the transaction; null if it has changed nothing. */
    @Nullable
    TransactionId id() throws SQLException {
        return id == null ? TransactionId.of(connection) : id;
    }

    /** Writes a flush of scheduled messages that are due. The transaction holds the locks on its partitions. */
    void release(Flush flush) throws SQLException {
        written.add(flush);
        flushes.release(connection, flush, this::named);
    }

    /**
     * Removes messages that are scheduled, which this or another writer wrote with generated transaction ids. The
     * transaction holds the locks on their partitions and on those of the flush afterwards; before, it holds none.
     *
     * @param flush what the transaction writes afterwards; it is located
     * @return the messages that were scheduled; the others are in their partitions, or gone
     */
    public Set<UUID> withdraw(Flush flush, Collection<ScheduledMessage> messages) throws SQLException {
        return flushes.withdraw(connection, flush, messages);
    }

    /** Limits how long the statements that follow in this transaction wait for a lock. */
    void limitLockWait(Duration timeout) throws SQLException {
        statements
                .on(connection, "limit-lock-wait-in-transaction")
                .set("timeout_ms", Long.toString(timeout.toMillis()))
                .run();
    }

    /** Enters what the transaction has written into the caches, after its commit. */
    void committed() {
        written.forEach(flushes::committed);
    }
}
