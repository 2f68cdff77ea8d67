package dev.sluice.work.engine;

import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.read.Taking.Taken;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.work.breaker.Permit;
import dev.sluice.work.engine.Begun.History;
import dev.sluice.work.rules.Types;
import dev.sluice.work.run.Refusal;
import dev.sluice.work.run.Verdict;
import dev.sluice.work.store.ClaimRows.NewClaim;
import dev.sluice.work.store.ClaimRows.Recovered;
import dev.sluice.work.store.Doubtful;
import dev.sluice.work.store.ItemRows;
import dev.sluice.work.store.ItemRows.Holder;
import dev.sluice.work.store.ItemRows.Item;
import dev.sluice.work.store.KeyRows.QueueKey;
import dev.sluice.work.store.TypeRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Claims works of a type, in one transaction. Owned by the dispatcher. */
final class Claims {
    private static final Logger log = LoggerFactory.getLogger(Claims.class);

    /** Most claims of dead engines that become items in one transaction. */
    private static final int RECOVERED = 100;

    /** How long a work waits whose payload could not be decrypted. */
    private static final Duration UNOPENED_WAIT = Duration.ofMinutes(1);

    /** How often it waits, each a snooze: a day. */
    private static final long UNOPENED_SNOOZES = Duration.ofDays(1).toMinutes();

    private final Tables tables;
    private final EngineSettings settings;
    private final UUID owner;
    private final Held held;
    private final LongSupplier nanos;
    private final Reports reports;
    private final Events events;
    private final Replays replays;
    private final PayloadCipher cipher;
    private final LimitedClaims limited;

    private final Doubtful doubtful;

    Claims(
            Tables tables,
            EngineSettings settings,
            UUID owner,
            Held held,
            Reports reports,
            Events events,
            LongSupplier nanos) {
        this.events = events;
        this.tables = tables;
        this.settings = settings;
        this.owner = owner;
        this.held = held;
        this.reports = reports;
        this.nanos = nanos;
        this.cipher = settings.cipher();
        this.replays = new Replays(tables, cipher);
        this.limited = new LimitedClaims(tables, settings, this::holder, nanos);
        this.doubtful = new Doubtful(tables.claims(), tables.items(), tables.limits());
    }

    /**
     * What was claimed.
     *
     * @param works those that are to run
     * @param ended those that are not: cancelled, too old, or with too many crashes
     * @param items how many of all are items
     * @param messages how many are not
     * @param leftItems whether items are due that were not claimed
     * @param isHeldUp whether other engines were claiming all that is there
     * @param next after how long the rate of a limit lets the next work begin; null: none waits for that
     */
    record Claimed(
            List<Begun> works,
            List<Ended> ended,
            int items,
            int messages,
            boolean leftItems,
            boolean isHeldUp,
            @Nullable Duration next) {}

    /**
     * Claims works, divided among the lanes. In a lane, items that are due come first.
     *
     * @param limit most works
     * @param items whether items are likely to be due
     * @param messages whether works without a history are likely to be there
     * @param permits permissions of a circuit breaker for so many works; null: they need none
     */
    Claimed claim(
            HandledType type,
            TypeRows.State state,
            int limit,
            boolean items,
            boolean messages,
            @Nullable List<Permit> permits) {
        if (state.isLimited()) {
            return claim(type, state, permits, (connection, ids) -> {
                LimitedClaims.Found found = limited.find(connection, type, state, limit, items, messages);
                addClaims(connection, found.taken(), found.names(), ids);
                return new Rows(
                        found.items(),
                        found.taken(),
                        found.names(),
                        found.leftItems(),
                        false,
                        found.next(),
                        found.ended());
            });
        }
        return claim(type, state, permits, (connection, ids) -> {
            var sharing = new LaneClaim(tables, holder(), type, state, limit, items);
            List<Taken> taken = List.of();
            if (messages) {
                taken = take(connection, state, sharing, ids);
            } else {
                sharing.shareItems(connection);
            }
            return new Rows(sharing.items(), taken, List.of(), sharing.leftItems(), sharing.isHeldUp(), null, 0);
        });
    }

    /** Claims one item that must run alone. */
    Claimed claimAlone(HandledType type, TypeRows.State state, @Nullable List<Permit> permits) {
        return claim(
                type,
                state,
                permits,
                (connection, ids) -> new Rows(
                        findAlone(connection, type, state).stream().toList(),
                        List.of(),
                        List.of(),
                        false,
                        false,
                        null,
                        0));
    }

    private Optional<Item> findAlone(Connection connection, HandledType type, TypeRows.State state)
            throws SQLException {
        return state.isLimited()
                ? limited.findAlone(connection, type, state)
                : tables.items().claimAlone(connection, type.itemQueue(state), holder());
    }

    private Holder holder() {
        return new Holder(owner, settings.lease(), held.items());
    }

    /**
     * The rows of a claim.
     *
     * @param names the names of the limits whose room the works of each run take; empty: none takes any
     * @param leftItems whether items are due that were not claimed
     * @param isHeldUp whether other engines were claiming all that is there
     * @param next after how long a rate lets the next work begin; null: none waits for that
     * @param ended how many leases of other engines have ended that the items do not name
     */
    private record Rows(
            List<Item> items,
            List<Taken> taken,
            List<String> names,
            boolean leftItems,
            boolean isHeldUp,
            @Nullable Duration next,
            int ended) {
        /** Returns how many items the claim has found that engines had begun which died. */
        int crashed() {
            return ended + (int) items.stream().filter(Item::tookOver).count();
        }

        @Nullable
        String name(int run) {
            return names.isEmpty() ? null : names.get(run);
        }
    }

    private interface Finder {
        Rows find(Connection connection, List<UUID> ids) throws SQLException;
    }

    private Claimed claim(HandledType type, TypeRows.State state, @Nullable List<Permit> permits, Finder finder) {
        List<Begun> works = List.of();
        try {
            Claimed claimed = claim(type, state, finder);
            works = claimed.works();
            return claimed;
        } finally {
            Begun.permit(permits, works);
        }
    }

    private Claimed claim(HandledType type, TypeRows.State state, Finder finder) {
        giveDoubtfulBack();
        var ids = new ArrayList<UUID>();
        var items = new ArrayList<Item>();
        var crashed = new AtomicInteger();
        try {
            Claimed claimed = tables.transactions().run("could not claim works of type " + type.name(), connection -> {
                ids.clear();
                items.clear();
                Rows rows = finder.find(connection, ids);
                crashed.set(rows.crashed());
                items.addAll(rows.items());
                List<Begun> begun = begun(type, rows, ids, earlier(connection, state, rows));
                List<Ended> ended = refused(connection, state, begun);
                Set<Begun> refused = ended.stream().map(Ended::begun).collect(Collectors.toSet());
                List<Begun> works = begun.stream()
                        .filter(each -> !refused.contains(each))
                        .sorted(Comparator.comparing(Begun::lane))
                        .toList();
                return new Claimed(
                        works,
                        ended,
                        rows.items().size(),
                        begun.size() - rows.items().size(),
                        rows.leftItems(),
                        rows.isHeldUp(),
                        rows.next());
            });
            if (crashed.get() > 0) {
                events.crashed(type, crashed.get());
            }
            return claimed;
        } catch (OutcomeUnknownException e) {
            doubtful.add(state.queueId(), ids, items);
            throw e;
        }
    }

    private List<Taken> take(Connection connection, TypeRows.State state, LaneClaim sharing, List<UUID> ids)
            throws SQLException {
        List<Taken> taken = tables.taking()
                .take(connection, state.queue(), Types.GROUP, sharing, partition -> !Types.isShared(partition));
        addClaims(connection, taken, List.of(), ids);
        return taken;
    }

    private void addClaims(Connection connection, List<Taken> taken, List<String> names, List<UUID> ids)
            throws SQLException {
        if (!taken.isEmpty()) {
            var claims = new ArrayList<NewClaim>(taken.size());
            for (int i = 0; i < taken.size(); i++) {
                Taken run = taken.get(i);
                UUID id = UUID.randomUUID();
                ids.add(id);
                claims.add(NewClaim.of(id, run, names.isEmpty() ? null : names.get(i)));
            }
            tables.claims().insert(connection, claims, owner, settings.lease());
        }
    }

    /** What is known of works by their ids: the failures before they were put back, and their reports. */
    private record Earlier(Map<UUID, String> histories, Map<UUID, String> reports) {}

    private Earlier earlier(Connection connection, TypeRows.State state, Rows rows) throws SQLException {
        List<UUID> replayed = replays.among(rows.items(), rows.taken());
        var works = new ArrayList<>(replayed);
        rows.items().forEach(item -> works.add(item.message().id()));
        return new Earlier(replays.histories(connection, state, replayed), reports.load(connection, state, works));
    }

    private List<Begun> begun(HandledType type, Rows rows, List<UUID> ids, Earlier earlier) {
        var begun = new ArrayList<Begun>();
        for (Item item : rows.items()) {
            UUID id = item.message().id();
            String errors =
                    item.errors() == null ? earlier.histories().get(id) : cipher.open(type.queue(), item.errors());
            var history = new History(
                    null,
                    item.closes(),
                    item.limited(),
                    item.attempts(),
                    item.crashes(),
                    item.snoozes(),
                    errors,
                    earlier.reports().get(id));
            begun.add(
                    new Begun(type, opened(item.message()), item.lane(), history, reports, nanos).leased(item.lease()));
        }
        for (int i = 0; i < rows.taken().size(); i++) {
            Taken run = rows.taken().get(i);
            var hold = new ClaimHold(ids.get(i), run.messages().size(), rows.name(i));
            for (Message message : run.messages()) {
                var history = History.first(
                        hold,
                        run.closed(),
                        earlier.histories().get(message.id()),
                        earlier.reports().get(message.id()));
                begun.add(new Begun(type, message, run.lane(), history, reports, nanos));
            }
        }
        return begun;
    }

    private Message opened(Message stored) {
        byte[] payload = cipher.open(stored.queue(), stored.payload());
        MessageHeaders headers = cipher.open(stored.queue(), stored.headers());
        return stored.with(payload, headers);
    }

    /** Returns the works that are not to run, with what is stored of them. */
    private List<Ended> refused(Connection connection, TypeRows.State state, List<Begun> begun) throws SQLException {
        Set<UUID> cancelled = state.hasCancels() && !begun.isEmpty()
                ? tables.cancels()
                        .take(
                                connection,
                                state.queueId(),
                                begun.stream().map(each -> each.id().value()).toList())
                : Set.of();
        boolean needsTime = begun.stream().anyMatch(Refusal::needsTime);
        Instant now = needsTime ? tables.types().now(connection) : Instant.EPOCH;
        Map<UUID, Verdict> kept = kept(connection, state, begun);
        var ended = new ArrayList<Ended>();
        for (Begun each : begun) {
            Verdict verdict = cancelled.contains(each.id().value())
                    ? Verdict.Finish.cancelled()
                    : kept.getOrDefault(each.id().value(), verdict(each, now));
            if (verdict != null && each.giveUp()) {
                ended.add(new Ended(each, verdict));
            }
        }
        return ended;
    }

    /** Returns the outcomes of works whose results are kept: they were done before and are delivered again. */
    private Map<UUID, Verdict> kept(Connection connection, TypeRows.State state, List<Begun> begun)
            throws SQLException {
        var keys = new HashMap<QueueKey, UUID>();
        for (Begun each : begun) {
            String key = each.type().settings().keepsResults() ? each.idempotencyKey() : null;
            if (key != null) {
                keys.put(new QueueKey(state.queueId(), key), each.id().value());
            }
        }
        var kept = new HashMap<UUID, Verdict>();
        if (!keys.isEmpty()) {
            tables.keys().find(connection, keys.keySet()).forEach((key, taken) -> {
                if (taken.result() != null && taken.messageId().equals(keys.get(key))) {
                    kept.put(taken.messageId(), Verdict.Finish.done(cipher.open(state.queue(), taken.result())));
                }
            });
        }
        return kept;
    }

    /** Returns what is stored of a work that is not to run; null: it is to run. */
    private static @Nullable Verdict verdict(Begun begun, Instant now) {
        if (PayloadCipher.isUnopened(begun.message())) {
            if (begun.snoozes() >= UNOPENED_SNOOZES) {
                return new Verdict.Bury(
                        "undecryptable: payload or headers have the form of encrypted ones, and no key of the engine"
                                + " has opened them for a day",
                        null);
            }
            log.warn(
                    "A payload cannot be decrypted; the work is put back, and tried again in a minute type={} id={}",
                    begun.type().name(),
                    begun.id());
            return new Verdict.Again(UNOPENED_WAIT, null, null, true, begun.closes());
        }
        return Refusal.of(begun, now);
    }

    /** Looks what is due in queues, in one statement. */
    Map<Long, ItemRows.Look> look(List<Long> queueIds) {
        giveDoubtfulBack();
        return tables.transactions()
                .run("could not look for works", connection -> tables.items().look(connection, queueIds, holder()));
    }

    /** Returns what is due in the queue of a type. Makes items of what dead engines have left. */
    ItemRows.Look look(HandledType type, TypeRows.State state, ItemRows.Look look) {
        String what = "could not look for works of type " + type.name();
        if (state.hasLines() && !state.usesLines()) {
            tables.transactions().repeat(what, connection -> limited.leaveLines(connection, state));
        }
        boolean isAloneDue = look.isAloneDue()
                && (!state.isLimited()
                        || tables.transactions()
                                .run(what, connection -> limited.hasRoomAlone(connection, type, state)));
        int works = look.areExpired() ? recover(type, state, what) : 0;
        // What a claim with limits may take is not only in cursors that are ready.
        boolean areMessages = look.areMessages() || state.isLimited() || state.hasLines();
        return new ItemRows.Look(
                areMessages, look.areDue() || works > 0, isAloneDue, false, look.next(), look.nextScheduled());
    }

    /** Makes items of what dead engines have left. Returns how many. */
    private int recover(HandledType type, TypeRows.State state, String what) {
        List<Recovered> recovered = tables.transactions().run(what, connection -> {
            List<Recovered> found = tables.claims().recover(connection, state.queueId(), held.claims(), RECOVERED);
            Set<Long> open = found.stream()
                    .filter(Recovered::opens)
                    .map(Recovered::partitionId)
                    .collect(Collectors.toSet());
            tables.limits()
                    .giveBack(
                            connection,
                            found.stream()
                                    .map(Recovered::room)
                                    .filter(Objects::nonNull)
                                    .toList());
            tables.taking().open(connection, Types.GROUP, open);
            return found;
        });
        int works = recovered.stream().mapToInt(Recovered::works).max().orElse(0);
        if (works > 0) {
            events.crashed(type, works);
            log.warn(
                    "Took over works whose leases had ended type={} claims={} works={}",
                    type.name(),
                    recovered.size(),
                    works);
        }
        return works;
    }

    /** Returns whether claims are left whose commit was not confirmed. */
    boolean hasDoubts() {
        return !doubtful.isEmpty();
    }

    /** Gives claims back whose commit was not confirmed. Returns whether there were any. */
    boolean giveDoubtfulBack() {
        if (doubtful.isEmpty()) {
            return false;
        }
        tables.transactions().run("could not give claims back", connection -> {
            doubtful.giveBack(connection, owner);
            return true;
        });
        doubtful.clear();
        return true;
    }

    /** Returns the queues of types and what operators have set, by name of the type. */
    Map<String, TypeRows.State> load(List<HandledType> types) {
        return tables.transactions().run("could not read the types of work", connection -> {
            var byQueue = new HashMap<String, TypeRows.State>();
            List<String> queues = types.stream().map(HandledType::queue).toList();
            for (TypeRows.State state : tables.types().load(connection, queues)) {
                byQueue.put(state.queue(), state);
            }
            List<String> limitedQueues = byQueue.values().stream()
                    .filter(TypeRows.State::hasRules)
                    .map(TypeRows.State::queue)
                    .toList();
            if (!limitedQueues.isEmpty()) {
                tables.limits()
                        .rules(connection, limitedQueues)
                        .forEach((queue, rules) -> byQueue.computeIfPresent(queue, (name, state) -> state.with(rules)));
            }
            return byQueue;
        });
    }

    /** Takes the requests to cancel works that this engine runs. */
    Set<UUID> cancelled(TypeRows.State state, List<UUID> running) {
        return tables.transactions()
                .run(
                        "could not read which works are to be cancelled",
                        connection -> tables.cancels().take(connection, state.queueId(), running));
    }
}
