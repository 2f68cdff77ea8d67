package dev.sluice.queue.write;

import dev.sluice.queue.sql.RoundTrip;
import dev.sluice.queue.sql.TransactionId;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.Consumer;

/**
 * Begins a flush in one round trip: moves the offsets of its sources, claims seqs ({@link HeadClaim}), and reads the id
 * of the transaction, by which the outcome of its commit can be found.
 *
 * <p>A flush of very many partitions takes a round trip for each statement. The server would otherwise have to store a
 * long result before it reads the next statement, and the driver reads no result before it has sent all statements.
 *
 * <p>Owned by one thread.
 */
final class FlushOpening {
    /** Most partitions of a flush that opens in one round trip: the server returns some 60 bytes for each. */
    static final int MAX_PARTITIONS = 1_000;

    private final HeadClaim heads;
    private final OffsetTable offsets;
    private final RoundTrip trip = new RoundTrip();

    FlushOpening(HeadClaim heads, OffsetTable offsets) {
        this.heads = heads;
        this.offsets = offsets;
    }

    /**
     * Opens a flush that is located.
     *
     * @param allDue whether every message needs a seq: they were scheduled, and are due
     * @param progress the sources that move on with the messages
     * @param id takes the id of the transaction
     * @return false if a partition or its queue was deleted; then the transaction must roll back
     * @throws SourceMovedException if a source is not where its progress expects it
     */
    boolean run(
            Connection connection,
            Flush flush,
            boolean allDue,
            List<SourceProgress> progress,
            Consumer<TransactionId> id)
            throws SQLException {
        var moving = new ArrayList<SourceProgress>(progress.size());
        for (SourceProgress each : progress) {
            if (each.expectedOffset() == SourceProgress.NONE) {
                offsets.start(connection, each);
            } else {
                moving.add(each);
            }
        }
        var parts = new ArrayList<RoundTrip.Part>();
        var moved = new BitSet(moving.size());
        if (!moving.isEmpty()) {
            parts.add(offsets.move(moving, moved));
        }
        boolean claims = !flush.runs().isEmpty();
        if (claims) {
            parts.addAll(heads.begin(flush, allDue));
        }
        if (!parts.isEmpty()) {
            parts.add(TransactionId.part(id));
            run(connection, parts, flush.runs().size() <= MAX_PARTITIONS);
        }
        offsets.requireMoved(connection, moving, moved);
        return !claims || heads.finish(connection, flush);
    }

    private void run(Connection connection, List<RoundTrip.Part> parts, boolean together) throws SQLException {
        if (together) {
            trip.run(connection, parts);
            return;
        }
        for (RoundTrip.Part part : parts) {
            trip.run(connection, List.of(part));
        }
    }
}
