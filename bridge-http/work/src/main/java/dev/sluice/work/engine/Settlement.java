package dev.sluice.work.engine;

import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.CommitOutcome;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.work.Outcome;
import dev.sluice.work.rules.Types;
import dev.sluice.work.run.Failure;
import dev.sluice.work.run.Runner;
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
import java.nio.charset.StandardCharsets;
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
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores the outcomes of runs, many in one transaction. If another engine has taken a work over, its outcome is
 * dropped.
 */
final class Settlement {
    private static final Logger log = LoggerFactory.getLogger(Settlement.class);

    private final Tables tables;
    private final EngineSettings settings;
    private final UUID owner;
    private final Reports reports;
    private final Runner runner;
    private final Onward onward;

    /** Outcomes whose commit was not confirmed; null: none. */
    private @Nullable Doubtful doubtful;

    /**
     * A settlement that may be stored.
     *
     * @param settled what it has done if it is
     */
    private record Doubtful(Settled settled, OutcomeUnknownException unknown) {}

    Settlement(Tables tables, EngineSettings settings, UUID owner, Reports reports, Runner runner, Onward onward) {
        this.tables = tables;
        this.settings = settings;
        this.owner = owner;
        this.reports = reports;
        this.runner = runner;
        this.onward = onward;
    }

    /**
     * What a settlement did.
     *
     * @param ended the works that it was about, perhaps fewer than it was asked for
     * @param lost those of them whose outcomes came too late
     * @param madeDue how many scheduled works are due now because they waited for these
     */
    record Settled(List<Ended> ended, Set<Begun> lost, int madeDue) {}

    /**
     * Stores outcomes. If an earlier commit was not confirmed, first finds out whether its outcomes are stored: none is
     * stored twice.
     */
    Settled run(List<Ended> ended) {
        Settled earlier = stored();
        if (earlier != null) {
            return earlier;
        }
        try {
            return settle(ended);
        } catch (RuntimeException e) {
            if (!isAboutOutcome(e)) {
                throw e;
            }
            log.warn("Could not store outcomes together; each is stored by itself works={}", ended.size(), e);
            return oneByOne(ended);
        }
    }

    /** Returns whether an outcome, and not PostgreSQL, is the reason of a failure. */
    private static boolean isAboutOutcome(RuntimeException e) {
        return !(e instanceof QueueException failure) || failure.isAboutData();
    }

    /** Stores each outcome in a transaction of its own. If PostgreSQL fails, returns what is stored until then. */
    private Settled oneByOne(List<Ended> ended) {
        var stored = new ArrayList<Ended>();
        var lost = new HashSet<Begun>();
        int madeDue = 0;
        for (Ended each : ended) {
            try {
                Settled settled = alone(each);
                stored.addAll(settled.ended());
                lost.addAll(settled.lost());
                madeDue += settled.madeDue();
            } catch (QueueException e) {
                if (stored.isEmpty()) {
                    throw e;
                }
                break; // The dispatcher comes back for the others.
            }
        }
        return new Settled(stored, lost, madeDue);
    }

    /**
     * Stores an outcome. If it cannot be stored, the work becomes a dead letter. If that cannot be stored either, the
     * work is given up: its lease ends, and an engine takes it over with one crash more, so it ends in the dead
     * letters.
     */
    private Settled alone(Ended each) {
        Begun begun = each.begun();
        try {
            return settle(List.of(each));
        } catch (RuntimeException e) {
            if (!isAboutOutcome(e)) {
                throw e;
            }
            log.error(
                    "The outcome of a work cannot be stored; the work becomes a dead letter type={} id={}",
                    begun.type().name(),
                    begun.id(),
                    e);
            String reason = "the outcome cannot be stored: " + Failure.cut(e.toString(), Failure.MAX_MESSAGE);
            try {
                return settle(List.of(new Ended(begun, new Verdict.Bury(reason, null))));
            } catch (RuntimeException again) {
                if (!isAboutOutcome(again)) {
                    throw again;
                }
                log.error("A work cannot become a dead letter; it is given up id={}", begun.id(), again);
                return new Settled(List.of(each), Set.of(begun), 0);
            }
        }
    }

    /** Returns what the doubtful settlement has done if it is stored; null: there is none, or it is not stored. */
    private @Nullable Settled stored() {
        Doubtful before = doubtful;
        if (before == null) {
            return null;
        }
        CommitOutcome outcome = tables.outcomes().await(before.unknown());
        if (outcome == CommitOutcome.PENDING) {
            throw before.unknown();
        }
        doubtful = null;
        if (outcome == CommitOutcome.COMMITTED) {
            noteDone(before.settled());
            return before.settled();
        }
        // If PostgreSQL has forgotten the transaction, the rows say what is stored: what is not held is not stored
        // again.
        return null;
    }

    private Settled settle(List<Ended> ended) {
        Onward.Messages first = onward.of(ended);
        List<Ended> batch =
                ended.stream().map(each -> unlessRefused(each, first)).toList();
        Onward.Messages messages = first.refused().isEmpty() ? first : onward.of(batch);
        var attempt = new AtomicReference<Settled>();
        try {
            Settled settled = tables.transactions()
                    .run("could not store the outcomes of " + batch.size() + " works", connection -> {
                        Settled stored = store(connection, batch, messages);
                        attempt.set(stored);
                        return stored;
                    });
            noteDone(settled);
            onward.stored(messages);
            return settled;
        } catch (OutcomeUnknownException e) {
            Settled stored = attempt.get();
            doubtful = stored == null ? null : new Doubtful(stored, e);
            throw e;
        }
    }

    /** Returns that a work has failed that is done and whose messages cannot be written; else the work as it is. */
    private Ended unlessRefused(Ended each, Onward.Messages messages) {
        RuntimeException why = messages.refused().get(each.begun());
        boolean isDone = each.verdict() instanceof Verdict.Finish finish && !finish.isCancelled();
        if (why != null && !isDone) {
            log.warn("Nobody is told how a work has ended id={}", each.begun().id(), why);
        }
        return why != null && isDone ? new Ended(each.begun(), runner.unstorable(each.begun(), why)) : each;
    }

    private static void noteDone(Settled settled) {
        for (Ended each : settled.ended()) {
            ClaimHold claim = each.begun().history().claim();
            if (claim != null) {
                claim.done(1);
            }
        }
    }

    private Settled store(Connection connection, List<Ended> ended, Onward.Messages messages) throws SQLException {
        var room = new ArrayList<UsedRoom>();
        Map<UUID, Set<Long>> heldClaims = endClaims(connection, ended, room);
        var held = new ArrayList<Ended>();
        List<Ended> items = new ArrayList<>();
        for (Ended each : ended) {
            ClaimHold claim = each.begun().history().claim();
            if (claim == null) {
                items.add(each);
            } else {
                Set<Long> before = heldClaims.get(claim.id());
                if (before != null && !before.contains(each.begun().place().seq())) {
                    held.add(each);
                }
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
        onward.store(connection, messages, held);
        int madeDue = tables.latest().finish(connection, conflated(held));
        open(connection, held);
        var lost = new HashSet<Begun>();
        ended.forEach(each -> lost.add(each.begun()));
        held.forEach(each -> lost.remove(each.begun()));
        return new Settled(ended, lost, madeDue);
    }

    /**
     * Deletes the claims that are done, and notes what is done of the others. Returns those that are still held, with
     * the seqs that were done before.
     */
    private Map<UUID, Set<Long>> endClaims(Connection connection, List<Ended> ended, List<UsedRoom> room)
            throws SQLException {
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
        var held = new HashMap<>(tables.claims().finish(connection, finished, owner));
        held.putAll(tables.claims().finishLimited(connection, finishedLimited, owner, room));
        held.putAll(tables.claims().noteDone(connection, done, owner));
        held.putAll(tables.claims().noteDoneLimited(connection, doneLimited, owner, room));
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
            Map<Place, Begun> byPlace = of.getValue().stream()
                    .collect(Collectors.toMap(each -> each.begun().place(), Ended::begun));
            Function<Place, Message> copies = place -> copy(byPlace.get(place));
            tables.items().keep(connection, queueId, laters(of.getValue(), now), copies);
            tables.items().buryClaimed(connection, queueId, deads(of.getValue(), now), copies);
        }
    }

    /** Returns the message of a work as its queue had it: sealed if the queue is encrypted. */
    private Message copy(Begun begun) {
        Message message = begun.message();
        TypeRows.State state = state(begun.type());
        if (!state.isEncrypted() || !settings.cipher().hasKey()) {
            return message;
        }
        MessageHeaders headers = message.headers();
        return message.with(
                settings.cipher().seal(state.queue(), message.payloadText()).getBytes(StandardCharsets.UTF_8),
                headers.isEmpty()
                        ? headers
                        : MessageHeaders.ofStored(settings.cipher().seal(state.queue(), headers.json())));
    }

    /** Ends items. Returns those that are still held. */
    private List<Ended> endItems(Connection connection, List<Ended> items, Instant now) throws SQLException {
        if (items.isEmpty()) {
            return List.of();
        }
        var done = new LinkedHashMap<UUID, Place>();
        items.stream()
                .filter(each -> each.verdict() instanceof Verdict.Finish)
                .forEach(each -> done.put(each.begun().lease(), each.begun().place()));
        var held = new HashSet<>(tables.items().finish(connection, done));
        held.addAll(tables.items().putOff(connection, laters(items, now)));
        held.addAll(tables.items().bury(connection, deads(items, now)));
        return items.stream()
                .filter(each -> held.contains(each.begun().lease()))
                .toList();
    }

    private List<Later> laters(List<Ended> ended, Instant now) {
        var laters = new ArrayList<Later>();
        for (Ended each : ended) {
            if (each.verdict() instanceof Verdict.Again again) {
                Begun.History history = each.begun().history();
                laters.add(new Later(
                        each.begun().place(),
                        each.begun().lease(),
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
                        each.begun().lease(),
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

    /** Returns a text as it is stored; null: its queue is encrypted, and there is no key, so the text is not stored. */
    private @Nullable String sealed(HandledType type, String json) {
        TypeRows.State state = state(type);
        if (!state.isEncrypted()) {
            return json;
        }
        return settings.cipher().hasKey() ? settings.cipher().seal(state.queue(), json) : null;
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
                String result = begun.settings().keepsResults() && each.verdict() instanceof Verdict.Finish finish
                        ? finish.result()
                        : null;
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
