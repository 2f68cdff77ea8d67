package dev.sluice.work.engine;

import dev.sluice.queue.read.Lining;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.read.Taking;
import dev.sluice.queue.sql.Outcomes;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.CancelRows;
import dev.sluice.work.store.ClaimRows;
import dev.sluice.work.store.CountRows;
import dev.sluice.work.store.EndRows;
import dev.sluice.work.store.ItemRows;
import dev.sluice.work.store.KeyRows;
import dev.sluice.work.store.LatestRows;
import dev.sluice.work.store.LimitRows;
import dev.sluice.work.store.LineRows;
import dev.sluice.work.store.OutboxRows;
import dev.sluice.work.store.ProgressRows;
import dev.sluice.work.store.TypeRows;
import dev.sluice.work.store.UnreadRows;
import javax.sql.DataSource;

/** The tables of an engine, and the transactions in which it uses them. Each transaction has settings of its own. */
record Tables(
        Transactions transactions,
        Outcomes outcomes,
        Taking taking,
        ClaimRows claims,
        ItemRows items,
        TypeRows types,
        KeyRows keys,
        CancelRows cancels,
        EndRows ends,
        CountRows counts,
        ProgressRows progress,
        LimitRows limits,
        LineRows lines,
        Lining lining,
        LatestRows latest,
        OutboxRows outbox,
        UnreadRows unread) {

    static Tables of(DataSource dataSource, EngineSettings settings) {
        String schema = settings.schema();
        var taking = new Taking(schema, settings.cipher(), QueueConfig.DEFAULT_POP_MAX_BYTES);
        return new Tables(
                Transactions.byIndex(dataSource),
                new Outcomes(dataSource),
                taking,
                new ClaimRows(schema),
                new ItemRows(schema, Types.GROUP),
                new TypeRows(schema, Types.GROUP),
                new KeyRows(schema),
                new CancelRows(schema),
                new EndRows(schema),
                new CountRows(schema, Types.GROUP),
                new ProgressRows(schema),
                new LimitRows(schema),
                new LineRows(schema),
                new Lining(schema, taking),
                new LatestRows(schema, Types.GROUP),
                new OutboxRows(schema),
                new UnreadRows(schema));
    }
}
