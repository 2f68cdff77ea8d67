package dev.sluice.queue.read;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * Finds messages that no lease names by their transaction ids, within {@value #REACH} seqs of a position. The bound
 * keeps an acknowledgement from reading a whole partition.
 *
 * <p>It searches in steps, and each step is one statement for all cursors. The first step reads the few hundred seqs
 * after the position, where acknowledgements without a lease usually belong. Later steps read further, and only for the
 * ids that the steps before have not found.
 */
final class UnleasedSearch {
    /** How many seqs before and after the position are searched. */
    static final int REACH = 10_000;
    /** Least number of seqs of the first step. */
    static final int FIRST_STEP = 256;
    /** How many times further each step reads than the one before. */
    private static final int GROWTH = 8;
    /** If a run looks for fewer ids, it takes only the segments apart that have one of them. */
    private static final int FEW = 8;

    private final Statements statements;

    /** Makes a search with the statements of {@code acknowledge.sql}. */
    UnleasedSearch(Statements statements) {
        this.statements = statements;
    }

    /** Consecutive seqs of a partition, the ids to find there, and what gets each id that is found with its seq. */
    private record Run(
            long partitionId, long first, long last, Collection<String> ids, BiConsumer<String, Long> found) {}

    /** A partition whose newest messages are searched, from seq {@code first} on. */
    record Newest(long partitionId, long first, long head, Set<String> ids, Set<String> found) {}

    /**
     * Finds ids near the positions of cursors, and adds them to {@link LockedCursor#idsInReach}. If two messages have
     * the same id (duplicates may be allowed), the one that is not done wins.
     */
    void near(Connection connection, Map<LockedCursor, Set<String>> wanted) throws SQLException {
        long through = 0;
        for (long next = firstStep(wanted.values()); through < REACH; next *= GROWTH) {
            long from = through;
            long to = Math.min(next, REACH);
            find(connection, runs(wanted, from, to, false));
            through = to;
        }
        find(connection, runs(wanted, -REACH, 0, true));
    }

    /** Finds which of the ids are among the newest messages of partitions. */
    void newest(Connection connection, List<Newest> wanted) throws SQLException {
        long through = 0;
        long next = firstStep(wanted.stream().map(Newest::ids).toList());
        while (through < REACH) {
            var runs = new ArrayList<Run>();
            for (Newest each : wanted) {
                var missing = new LinkedHashSet<>(each.ids());
                missing.removeAll(each.found());
                long last = each.head() - through;
                long first = Math.max(each.first(), each.head() - Math.min(next, REACH) + 1);
                if (!missing.isEmpty() && first <= last) {
                    runs.add(new Run(
                            each.partitionId(),
                            first,
                            last,
                            missing,
                            (id, seq) -> each.found().add(id)));
                }
            }
            find(connection, runs);
            through = Math.min(next, REACH);
            next *= GROWTH;
        }
    }

    private static long firstStep(Collection<Set<String>> wanted) {
        return Math.max(
                FIRST_STEP, 2L * wanted.stream().mapToInt(Set::size).max().orElse(0));
    }

    /**
     * Returns the runs of seqs from {@code from}, exclusive, to {@code to}, relative to the positions.
     *
     * @param absent whether to look only for ids without any message so far, done or not
     */
    private static List<Run> runs(Map<LockedCursor, Set<String>> wanted, long from, long to, boolean absent) {
        var runs = new ArrayList<Run>();
        wanted.forEach((cursor, ids) -> {
            Map<String, Long> found = cursor.idsInReach();
            List<String> missing = ids.stream()
                    .filter(id -> !found.containsKey(id) || (!absent && cursor.isDone(found.get(id))))
                    .toList();
            long first = Math.max(1, cursor.position() + from + 1);
            long last = cursor.position() + to;
            if (!missing.isEmpty() && first <= last) {
                runs.add(new Run(
                        cursor.partitionId(),
                        first,
                        last,
                        missing,
                        (id, seq) -> found.merge(id, seq, (known, other) -> cursor.isDone(known) ? other : known)));
            }
        });
        return runs;
    }

    private void find(Connection connection, List<Run> runs) throws SQLException {
        if (runs.isEmpty()) {
            return;
        }
        var ids = new ArrayList<String>();
        var lows = new long[runs.size()];
        var highs = new long[runs.size()];
        for (int i = 0; i < runs.size(); i++) {
            lows[i] = ids.size() + 1L;
            ids.addAll(runs.get(i).ids());
            highs[i] = ids.size();
        }
        List<Set<String>> wanted =
                runs.stream().map(run -> Set.copyOf(run.ids())).toList();
        statements
                .on(connection, "find")
                .set("partitions", runs, Run::partitionId)
                .set("firsts", runs, Run::first)
                .set("lasts", runs, Run::last)
                .set("lows", lows)
                .set("highs", highs)
                .set("few", FEW)
                .set("transaction_ids", ids.toArray(String[]::new))
                .forEach(row -> {
                    int run = row.getInt("ordinal") - 1;
                    String id = row.getString("transaction_id");
                    if (wanted.get(run).contains(id)) {
                        runs.get(run).found().accept(id, row.getLong("seq"));
                    }
                });
    }
}
