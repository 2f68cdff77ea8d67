package dev.sluice.work.admin;

import dev.sluice.queue.sql.Transactions;
import dev.sluice.work.WorkAdmin.Page;
import dev.sluice.work.WorkState;
import dev.sluice.work.WorkSummary;
import dev.sluice.work.store.FindRows.TypeQueue;
import dev.sluice.work.store.ListRows;
import dev.sluice.work.store.ListRows.Listed;
import dev.sluice.work.store.ListRows.Part;
import dev.sluice.work.store.ListRows.SortKey;
import dev.sluice.work.store.ListRows.Source;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Lists works, source after source. A page costs a bounded number of rows, so it may be short if few of them match:
 * works that wait are found by at most 10,000 cursors for each of its statements. Only those that are not due cost as
 * many index entries as their types have partitions.
 */
final class Listing {
    /** Most statements of a page. */
    private static final int MOST_PARTS = 20;

    /** Fewest rows that a statement asks for. */
    private static final int LEAST_ROWS = 100;

    private static final List<Source> SOURCES = List.of(Source.values());

    /** The states that the works of a source can have. */
    private static final Map<Source, Set<WorkState>> STATES = new EnumMap<>(Map.of(
            Source.CLAIMED,
            EnumSet.of(WorkState.RUNNING, WorkState.WAITING),
            Source.ITEMS,
            EnumSet.of(WorkState.RUNNING, WorkState.WAITING, WorkState.RETRYING, WorkState.SNOOZED),
            Source.OUTBOX,
            EnumSet.of(WorkState.WAITING, WorkState.SCHEDULED),
            Source.SCHEDULED,
            EnumSet.of(WorkState.SCHEDULED),
            Source.WAITING,
            EnumSet.of(WorkState.WAITING),
            Source.DEAD,
            EnumSet.of(WorkState.DEAD),
            Source.ENDED,
            EnumSet.of(WorkState.CANCELLED, WorkState.REPLAYED)));

    private final Transactions transactions;
    private final ListRows rows;
    private final Shown shown;

    Listing(Transactions transactions, ListRows rows, Shown shown) {
        this.transactions = transactions;
        this.rows = rows;
        this.shown = shown;
    }

    /** Where a page begins. */
    private record Position(Source source, SortKey key) {
        static Position of(@Nullable String text) {
            if (text == null) {
                return first(Source.CLAIMED);
            }
            String[] parts = text.split("\n", -1);
            if (parts.length == 4) {
                for (Source source : Source.values()) {
                    if (source.name().equals(parts[0])) {
                        return new Position(source, new SortKey(parts[1], parts[2], parts[3]));
                    }
                }
            }
            throw new IllegalArgumentException("the text is no place in a list of works");
        }

        static Position first(Source source) {
            return new Position(source, source.start());
        }

        String text() {
            return String.join("\n", source.name(), key.first(), key.second(), key.third());
        }
    }

    /**
     * Returns a page.
     *
     * @param types the types of the list
     * @param states empty: all
     */
    Page list(List<TypeQueue> types, Set<WorkState> states, @Nullable String after, int limit) {
        Position start = Position.of(after);
        if (types.isEmpty() || limit < 1) {
            return new Page(List.of(), null);
        }
        var byId = new TreeMap<Long, TypeQueue>();
        types.forEach(type -> byId.put(type.id(), type));
        return transactions.run("could not list works", connection -> page(connection, byId, states, start, limit));
    }

    private Page page(
            Connection connection, TreeMap<Long, TypeQueue> types, Set<WorkState> states, Position start, int limit)
            throws SQLException {
        List<Long> queues = types.navigableKeySet().stream()
                .sorted(Comparator.naturalOrder())
                .toList();
        var works = new ArrayList<WorkSummary>();
        Position at = start;
        for (int parts = 0; at != null; ) {
            if (!isWanted(at.source(), states)) {
                at = after(at.source());
                continue;
            }
            if (parts++ == MOST_PARTS) {
                return new Page(works, at.text());
            }
            Part part = rows.next(connection, at.source(), queues, at.key(), Math.max(limit, LEAST_ROWS));
            for (Listed listed : part.works()) {
                TypeQueue type = types.get(listed.queueId());
                WorkSummary work = type == null ? null : summary(type, listed);
                if (work != null && (states.isEmpty() || states.contains(work.state()))) {
                    works.add(work);
                    if (works.size() == limit) {
                        return new Page(works, new Position(at.source(), listed.key()).text());
                    }
                }
            }
            at = part.next() == null ? after(at.source()) : new Position(at.source(), part.next());
        }
        return new Page(works, null);
    }

    private static boolean isWanted(Source source, Set<WorkState> states) {
        return states.isEmpty()
                || STATES.getOrDefault(source, Set.of()).stream().anyMatch(states::contains);
    }

    private static @Nullable Position after(Source source) {
        int next = SOURCES.indexOf(source) + 1;
        return next < SOURCES.size() ? Position.first(SOURCES.get(next)) : null;
    }

    private WorkSummary summary(TypeQueue type, Listed listed) {
        return shown.summary(
                listed.messageId(),
                type,
                listed.state(),
                listed.partition(),
                listed.lane(),
                listed.runs(),
                listed.times());
    }
}
