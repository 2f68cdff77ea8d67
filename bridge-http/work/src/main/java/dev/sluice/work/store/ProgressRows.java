package dev.sluice.work.store;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The table {@code work_progress}: what handlers report of works that are not done. */
public final class ProgressRows {
    private final Statements statements;

    public ProgressRows(String schema) {
        this.statements = Statements.read(ProgressRows.class, "progress.sql", schema);
    }

    /** The work of a report. */
    public record Of(long queueId, UUID messageId) {}

    /**
     * A report to be stored.
     *
     * @param claim the claim that has the work; null: it is an item
     * @param lease the lease of an item; null: a claim has the work, or the transaction has ended the lease
     * @param report as it is to be stored
     */
    public record NewReport(
            Of work,
            Place place,
            @Nullable UUID claim,
            @Nullable UUID lease,
            String report) {}

    /** Stores reports of works whose outcomes this transaction stores. */
    public void put(Connection connection, List<NewReport> reports) throws SQLException {
        if (!reports.isEmpty()) {
            bound(connection, "put", reports).execute();
        }
    }

    /** Stores those of the reports whose works the owner still holds. */
    public void putHeld(Connection connection, List<NewReport> reports, UUID owner) throws SQLException {
        bound(connection, "put-held", reports)
                .setUuids("claims", reports, NewReport::claim)
                .set("partitions", reports, each -> each.place().partitionId())
                .set("seqs", reports, each -> each.place().seq())
                .setUuids("leases", reports, NewReport::lease)
                .set("owner", owner)
                .execute();
    }

    private BoundStatement bound(Connection connection, String name, List<NewReport> reports) throws SQLException {
        return statements
                .on(connection, name)
                .set("queues", reports, each -> each.work().queueId())
                .setUuids("ids", reports, each -> each.work().messageId())
                .setTexts("reports", reports, NewReport::report);
    }

    /** Returns the reports of works of a queue, as they are stored. */
    public Map<UUID, String> load(Connection connection, long queueId, Collection<UUID> messageIds)
            throws SQLException {
        var reports = new HashMap<UUID, String>();
        statements
                .on(connection, "load")
                .set("queue", queueId)
                .setUuids("ids", messageIds, id -> id)
                .forEach(row -> reports.put(row.getObject("message_id", UUID.class), row.getString("report")));
        return reports;
    }

    /** Returns the failures of works before they were put back from the dead letters, as they are stored. */
    public Map<UUID, String> histories(Connection connection, long queueId, Collection<UUID> messageIds)
            throws SQLException {
        var histories = new HashMap<UUID, String>();
        statements
                .on(connection, "load-histories")
                .set("queue", queueId)
                .setUuids("ids", messageIds, id -> id)
                .forEach(row -> histories.put(row.getObject("message_id", UUID.class), row.getString("history")));
        return histories;
    }

    /** Deletes reports. */
    public void delete(Connection connection, List<Of> works) throws SQLException {
        if (!works.isEmpty()) {
            statements
                    .on(connection, "delete")
                    .set("queues", works, Of::queueId)
                    .setUuids("ids", works, Of::messageId)
                    .execute();
        }
    }

    /** Deletes at most {@code limit} reports that no engine has stored again within a week. Returns how many. */
    public int deleteOld(Connection connection, int limit) throws SQLException {
        return statements.on(connection, "delete-old").set("limit", limit).execute();
    }
}
