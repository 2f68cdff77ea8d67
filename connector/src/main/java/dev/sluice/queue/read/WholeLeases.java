package dev.sluice.queue.read;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.read.LeaseHints.Hint;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.TransactionId;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Acknowledgements that complete all messages of leases that this process remembers, in a transaction of the caller.
 * One statement compares the cursors with the hints and moves those that match. One thread.
 */
final class WholeLeases {
    private final List<Acknowledgement> acknowledgements;
    private final List<@Nullable AcknowledgeOutcome> outcomes;
    private final List<Whole> whole;

    private record CursorKey(String group, long partitionId) {}

    /** A lease all of whose messages are completed by the acknowledgements at these indexes. */
    private record Whole(Hint hint, List<Integer> indexes) {
        long groupId() {
            return hint.groupId();
        }

        long partitionId() {
            return hint.partitionId();
        }
    }

    /** What the statement returned. */
    private record Completed(List<Long> ordinals, TransactionId id) {}

    private WholeLeases(List<Acknowledgement> acknowledgements, List<Whole> whole) {
        this.acknowledgements = acknowledgements;
        this.whole = whole;
        this.outcomes = new ArrayList<>(Collections.nCopies(acknowledgements.size(), null));
    }

    /** Finds the whole leases among acknowledgements. */
    static WholeLeases among(List<Acknowledgement> acknowledgements, LeaseHints hints) {
        var byCursor = new LinkedHashMap<CursorKey, List<Integer>>();
        Acknowledgement before = null;
        List<Integer> indexes = List.of();
        for (int i = 0; i < acknowledgements.size(); i++) {
            Acknowledgement each = acknowledgements.get(i);
            boolean sameCursor = before != null
                    && before.partitionId() == each.partitionId()
                    && before.group().equals(each.group());
            if (!sameCursor) {
                indexes = byCursor.computeIfAbsent(
                        new CursorKey(each.group(), each.partitionId()), key -> new ArrayList<>());
            }
            indexes.add(i);
            before = each;
        }
        var whole = new ArrayList<Whole>();
        byCursor.values().forEach(each -> {
            Hint hint = hintOf(acknowledgements, each, hints);
            if (hint != null) {
                whole.add(new Whole(hint, each));
            }
        });
        whole.sort(Comparator.comparingLong(Whole::groupId).thenComparingLong(Whole::partitionId));
        return new WholeLeases(acknowledgements, whole);
    }

    /** Returns the hint of the lease that these acknowledgements complete; null if they do anything else. */
    private static @Nullable Hint hintOf(List<Acknowledgement> all, List<Integer> indexes, LeaseHints hints) {
        Acknowledgement first = all.get(indexes.get(0));
        Hint hint = first.leaseId() == null ? null : hints.of(first.leaseId(), first.partitionId());
        if (hint == null || !hint.group().equals(first.group())) {
            return null;
        }
        var ids = new ArrayList<String>(indexes.size());
        for (int index : indexes) {
            Acknowledgement each = all.get(index);
            if (each.verdict() != Verdict.COMPLETED || !hint.leaseId().equals(each.leaseId())) {
                return null;
            }
            ids.add(each.transactionId());
        }
        return hint.isAll(ids) ? hint : null;
    }

    /** Returns whether there are any. */
    boolean areAny() {
        return !whole.isEmpty();
    }

    /**
     * Moves the cursors whose leases are live and as they were given.
     *
     * @return the id of the transaction; null if no cursor moved
     */
    @Nullable
    TransactionId complete(Connection connection, Statements statements) throws SQLException {
        Completed completed = statements
                .on(connection, "complete-leases")
                .set("groups", whole, Whole::groupId)
                .set("partitions", whole, Whole::partitionId)
                .setUuids("leases", whole, each -> each.hint().leaseId())
                .set("positions", whole, each -> each.hint().position())
                .set("ends", whole, each -> each.hint().end())
                .first(row ->
                        new Completed(List.of((Long[]) row.getArray("ordinals").getArray()), TransactionId.of(row)))
                .orElse(null);
        if (completed == null) {
            return null;
        }
        for (long ordinal : completed.ordinals()) {
            Whole each = whole.get((int) ordinal - 1);
            var outcome = new Acknowledged(each.hint().queue(), each.hint().partition(), true, false);
            each.indexes().forEach(index -> outcomes.set(index, outcome));
        }
        return completed.id();
    }

    /** Returns the hints of the leases: they are over, whether this transaction or an earlier one ended them. */
    List<Hint> hints() {
        return whole.stream().map(Whole::hint).toList();
    }

    /** Returns the acknowledgements that are not applied yet, in order. */
    List<Acknowledgement> rest() {
        var rest = new ArrayList<Acknowledgement>();
        for (int i = 0; i < outcomes.size(); i++) {
            if (outcomes.get(i) == null) {
                rest.add(acknowledgements.get(i));
            }
        }
        return rest;
    }

    /** Returns the outcomes of all acknowledgements, with those of the rest. */
    List<AcknowledgeOutcome> with(List<AcknowledgeOutcome> ofRest) {
        var all = new ArrayList<AcknowledgeOutcome>(outcomes.size());
        int next = 0;
        for (AcknowledgeOutcome each : outcomes) {
            all.add(each == null ? ofRest.get(next++) : each);
        }
        return List.copyOf(all);
    }
}
