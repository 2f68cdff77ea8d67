package dev.sluice.work.engine;

import dev.sluice.work.Outcome;
import dev.sluice.work.rules.Types;
import dev.sluice.work.run.Failure;
import dev.sluice.work.run.Verdict;
import dev.sluice.work.store.EndRows.End;
import dev.sluice.work.store.ItemRows.Dead;
import dev.sluice.work.store.ItemRows.Later;
import dev.sluice.work.store.KeyRows.FinishedKey;
import dev.sluice.work.store.KeyRows.QueueKey;
import dev.sluice.work.store.LatestRows.EndedWork;
import dev.sluice.work.store.LimitRows.UsedRoom;
import dev.sluice.work.store.Place;
import dev.sluice.work.store.TypeRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Stores the outcomes of runs, many in one transaction. If another engine has taken a work over, its outcome is
 * dropped.
 */
final class Settlement {
    private final Tables tables;
    private final EngineSettings settings;
    private final UUID owner;
    private final Reports reports;

    Settlement(Tables tables, EngineSettings settings, UUID owner, Reports reports) {
        this.tables = tables;
        this.settings = settings;
        this.owner = owner;
        this.reports = reports;
    }

    /**
     * What a settlement did.
     *
     * @param lost the works whose outcomes came too late
     * @param madeDue how many scheduled works are due now because they waited for these
     */
    record Settled(Set<Begun> lost, int madeDue) {}

    /** Stores outcomes. A repetition after a commit that was not confirmed does no harm. */
    Settled run(List<Ended> ended) {
        Settled settled = tables.transactions()
                .run(
                        "could not store the outcomes of " + ended.size() + " works",
                        connection -> store(connection, ended));
        ended.forEach(each -> {
            ClaimHold claim = each.begun().history().claim();
            if (claim != null) {
                claim.done(1);
            }
        });
        return settled;
    }

    private Settled store(Connection connection, List<Ended> ended) throws SQLException {
        var room = new ArrayList<UsedRoom>();
        Set<UUID> heldClaims = endClaims(connection, ended, room);
        var held = new ArrayList<Ended>();
        List<Ended> items = new ArrayList<>();
        for (Ended each : ended) {
            ClaimHold claim = each.begun().history().claim();
            if (claim == null) {
                items.add(each);
            } else if (heldClaims.contains(claim.id())) {
                held.add(each);
            }
        }
        boolean needsTime = ended.stream().anyMatch(Settlement::needsTime);
        Instant now = needsTime ? tables.types().now(connection) : Instant.EPOCH;
        moveClaimed(connection, List.copyOf(held), now);
        List<Ended> heldItems = endItems(connection, items, now);
        heldItems.forEach(each -> addRoom(each.begun(), room));
        held.addAll(heldItems);
        tables.limits().giveBack(connection, room);
        reports.settle(connection, held, now);
        tables.ends().add(connection, cancelled(held));
        finishKeys(connection, held); // Before the cursors: an enqueue takes the locks in this order.
        int madeDue = tables.latest().finish(connection, conflated(held));
        open(connection, held);
        var lost = new HashSet<Begun>();
        ended.forEach(each -> lost.add(each.begun()));
        held.forEach(each -> lost.remove(each.begun()));
        return new Settled(lost, madeDue);
    }

    /** Deletes the claims that are done, and notes what is done of the others. Returns those that are still held. */
    private Set<UUID> endClaims(Connection connection, List<Ended> ended, List<UsedRoom> room) throws SQLException {
        var byClaim = new LinkedHashMap<ClaimHold, List<Ended>>();
        for (Ended each : ended) {
            ClaimHold claim = each.begun().history().claim();
            if (claim != null) {
                byClaim.computeIfAbsent(claim, key -> new ArrayList<>()).add(each);
            }
        }
        var finished = new ArrayList<UUID>();
        var finishedLimited = new ArrayList<UUID>();
        var done = new HashMap<UUID, String>();
        var doneLimited = new HashMap<UUID, String>();
        byClaim.forEach((claim, works) -> {
            boolean isLimited = claim.limited() != null;
            if (works.size() == claim.left()) {
                (isLimited ? finishedLimited : finished).add(claim.id());
            } else {
                (isLimited ? doneLimited : done).put(claim.id(), seqs(works));
            }
        });
        var held = new HashSet<>(tables.claims().finish(connection, finished, owner));
        held.addAll(tables.claims().finishLimited(connection, finishedLimited, owner, room));
        held.addAll(tables.claims().noteDone(connection, done, owner));
        held.addAll(tables.claims().noteDoneLimited(connection, doneLimited, owner, room));
        return held;
    }

    private static void addRoom(Begun item, List<UsedRoom> room) {
        String limited = item.history().limited();
        if (limited != null) {
            room.add(new UsedRoom(state(item.type()).queueId(), limited, 1));
        }
    }

    private static String seqs(List<Ended> works) {
        return works.stream()
                .map(each -> "[" + each.begun().place().seq() + ","
                        + each.begun().place().seq() + "]")
                .collect(Collectors.joining(",", "{", "}"));
    }

    /** Makes items and dead letters of works of claims. */
    private void moveClaimed(Connection connection, List<Ended> held, Instant now) throws SQLException {
        Map<HandledType, List<Ended>> byType = held.stream()
                .filter(each -> !(each.verdict() instanceof Verdict.Finish))
                .collect(Collectors.groupingBy(each -> each.begun().type()));
        for (Map.Entry<HandledType, List<Ended>> of : byType.entrySet()) {
            long queueId = state(of.getKey()).queueId();
            tables.items().keep(connection, queueId, laters(of.getValue(), now));
            tables.items().buryClaimed(connection, queueId, deads(of.getValue(), now));
        }
    }

    /** Ends items. Returns those that are still held. */
    private List<Ended> endItems(Connection connection, List<Ended> items, Instant now) throws SQLException {
        if (items.isEmpty()) {
            return List.of();
        }
        List<Place> done = items.stream()
                .filter(each -> each.verdict() instanceof Verdict.Finish)
                .map(each -> each.begun().place())
                .toList();
        var held = new HashSet<>(tables.items().finish(connection, done, owner));
        held.addAll(tables.items().putOff(connection, laters(items, now), owner));
        held.addAll(tables.items().bury(connection, deads(items, now), owner));
        return items.stream()
                .filter(each -> held.contains(each.begun().place()))
                .toList();
    }

    private List<Later> laters(List<Ended> ended, Instant now) {
        var laters = new ArrayList<Later>();
        for (Ended each : ended) {
            if (each.verdict() instanceof Verdict.Again again) {
                Begun.History history = each.begun().history();
                laters.add(new Later(
                        each.begun().place(),
                        again.delay(),
                        again.until(),
                        again.closes(),
                        again.attempts(history.attempts()),
                        again.snoozes(history.snoozes()),
                        again.snoozed(),
                        stored(each, now),
                        each.begun().priority()));
            }
        }
        return laters;
    }

    private List<Dead> deads(List<Ended> ended, Instant now) {
        var deads = new ArrayList<Dead>();
        for (Ended each : ended) {
            if (each.verdict() instanceof Verdict.Bury bury) {
                Begun.History history = each.begun().history();
                deads.add(new Dead(
                        each.begun().place(),
                        reason(each, bury),
                        bury.retries(history.attempts(), history.crashes()),
                        stored(each, now),
                        reports.ofDead(each.begun(), now)));
            }
        }
        return deads;
    }

    /** Returns the reason as it is stored in clear: without a text of the handler if the queue is encrypted. */
    private static String reason(Ended each, Verdict.Bury bury) {
        if (!bury.isOfHandler() || !state(each.begun().type()).isEncrypted()) {
            return bury.reason();
        }
        return bury.failure() == null
                ? "the handler made it a dead letter"
                : bury.failure().type();
    }

    /** Returns the history of a work as it is stored: encrypted if its queue is. */
    private @Nullable String stored(Ended each, Instant now) {
        String errors = each.begun().history().errors();
        Failure failure = Verdict.failureOf(each.verdict());
        if (failure == null && isReasonSecret(each)) {
            failure = secretReason(each.begun(), (Verdict.Bury) each.verdict());
        }
        String history = failure == null ? errors : failure.addTo(errors, now);
        return history == null ? null : sealed(each.begun().type(), history);
    }

    private String sealed(HandledType type, String json) {
        TypeRows.State state = state(type);
        return state.isEncrypted() ? settings.cipher().seal(state.queue(), json) : json;
    }

    private static boolean needsTime(Ended each) {
        boolean isKept = !(each.verdict() instanceof Verdict.Finish);
        return isKept
                && (Verdict.failureOf(each.verdict()) != null
                        || isReasonSecret(each)
                        || !each.begun().report().isEmpty());
    }

    private static List<End> cancelled(List<Ended> held) {
        return held.stream()
                .filter(each -> each.verdict() instanceof Verdict.Finish finish && finish.isCancelled())
                .map(Ended::begun)
                .map(begun ->
                        End.cancelled(state(begun.type()).queueId(), begun.id().value()))
                .toList();
    }

    /** Returns whether a reason must not be stored in clear, and is in no failure. */
    private static boolean isReasonSecret(Ended each) {
        return each.verdict() instanceof Verdict.Bury bury
                && bury.failure() == null
                && bury.isOfHandler()
                && state(each.begun().type()).isEncrypted();
    }

    /** Returns an entry of the history with the reason. It counts no attempt. */
    private static Failure secretReason(Begun begun, Verdict.Bury bury) {
        return new Failure(begun.attempt(), Outcome.DeadLetter.class.getSimpleName(), bury.reason(), "", 0, "");
    }

    /** Opens the partitions of keys whose works no longer close them. */
    private void open(Connection connection, List<Ended> held) throws SQLException {
        Set<Long> partitions = held.stream()
                .filter(each -> each.begun().history().closes())
                .filter(each -> !(each.verdict() instanceof Verdict.Again again && again.closes()))
                .map(each -> each.begun().place().partitionId())
                .collect(Collectors.toSet());
        tables.taking().open(connection, Types.GROUP, partitions);
    }

    private void finishKeys(Connection connection, List<Ended> held) throws SQLException {
        var finished = new ArrayList<FinishedKey>();
        for (Ended each : held) {
            Begun begun = each.begun();
            String key = begun.idempotencyKey();
            if (key != null && !(each.verdict() instanceof Verdict.Again)) {
                String result = each.verdict() instanceof Verdict.Finish finish ? finish.result() : null;
                finished.add(new FinishedKey(
                        new QueueKey(state(begun.type()).queueId(), key),
                        begun.id().value(),
                        begun.type().settings().idempotencyWindow(),
                        result == null ? null : sealed(begun.type(), result)));
            }
        }
        tables.keys().finish(connection, finished);
    }

    private static List<EndedWork> conflated(List<Ended> held) {
        var ended = new ArrayList<EndedWork>();
        for (Ended each : held) {
            String key = each.begun().conflationKey();
            if (key != null && !(each.verdict() instanceof Verdict.Again)) {
                ended.add(new EndedWork(
                        state(each.begun().type()).queueId(),
                        key,
                        each.begun().id().value()));
            }
        }
        return ended;
    }

    private static TypeRows.State state(HandledType type) {
        return Objects.requireNonNull(type.state(), "a type whose works were claimed was loaded");
    }
}
