package dev.sluice.work.engine;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.read.Lining;
import dev.sluice.queue.read.Taking.Taken;
import dev.sluice.work.rules.Types;
import dev.sluice.work.share.Allowance;
import dev.sluice.work.share.Shares;
import dev.sluice.work.store.ItemRows.Holder;
import dev.sluice.work.store.ItemRows.Item;
import dev.sluice.work.store.LimitRows;
import dev.sluice.work.store.LimitRows.Change;
import dev.sluice.work.store.LimitRows.Used;
import dev.sluice.work.store.LimitRows.UsedByType;
import dev.sluice.work.store.LimitRows.UsedRoom;
import dev.sluice.work.store.LimitRules.Rule;
import dev.sluice.work.store.LineRows.DueItem;
import dev.sluice.work.store.LineRows.First;
import dev.sluice.work.store.LineRows.InLine;
import dev.sluice.work.store.LineRows.ItemInLine;
import dev.sluice.work.store.LineRows.Most;
import dev.sluice.work.store.TypeRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Finds works of types with limits: as many as there is room for, and the keys with the least turns first. The row of
 * the type in {@code work_limits} is locked, so the claims and settlements of a type follow each other.
 *
 * <p>If the type has limit keys, ready cursors and items that are due are put into the lines of their keys. A line is
 * looked at only if its key has a turn. A key has a turn while something waits in its line and it has room. So a key
 * without room costs nothing, however much it has to do.
 */
final class LimitedClaims {
    /** Most cursors or items that one statement puts into lines. */
    private static final int LINED = 1_000;

    /** Most times that one claim puts cursors or items into lines. */
    private static final int LINING_ROUNDS = 20;

    /** Fewest keys that a claim looks at. */
    private static final int PICKED = 100;

    /** Most times that one claim looks at keys. */
    private static final int ROUNDS = 20;

    /** Most items that must run alone among which one with room is looked for. */
    private static final int ALONE = 100;

    /** How long nothing runs alone after an engine stood idle for an item that had no room then. */
    private static final Duration NOT_ALONE = Duration.ofSeconds(10);

    private static final double NANOS_PER_SECOND = 1e9;

    private final Tables tables;
    private final EngineSettings settings;
    private final Supplier<Holder> holder;
    private final LongSupplier nanos;
    private long notAloneUntilNanos;

    LimitedClaims(Tables tables, EngineSettings settings, Supplier<Holder> holder, LongSupplier nanos) {
        this.tables = tables;
        this.settings = settings;
        this.holder = holder;
        this.nanos = nanos;
        this.notAloneUntilNanos = nanos.getAsLong();
    }

    /**
     * An item that must run alone and has room.
     *
     * @param name the name of the limits whose room it takes
     * @param key its limit key; null: the type has none
     */
    private record Alone(
            DueItem item, String name, @Nullable Allowance key) {}

    /**
     * What was found.
     *
     * @param items items, which this engine has leased
     * @param taken messages that cursors have moved past
     * @param names the name of the limits whose room the works of a run take, by run
     * @param leftItems whether items are likely to be due that were neither claimed nor put into lines
     * @param next after how long a rate lets the next work begin; null: none waits for that
     * @param ended how many leases of items have ended: the items have one crash more
     */
    record Found(
            List<Item> items,
            List<Taken> taken,
            List<String> names,
            boolean leftItems,
            @Nullable Duration next,
            int ended) {}

    /** A claim of a type, while it is made. */
    private final class Claim {
        private final Connection connection;
        private final HandledType type;
        private final TypeRows.State state;
        private final double now;
        private final Allowance ofType;
        private final List<Item> items = new ArrayList<>();
        private final List<Taken> taken = new ArrayList<>();
        private final List<String> names = new ArrayList<>();
        private double served;
        private boolean leftItems;
        private int ended;

        /**
         * Locks the row of the type.
         *
         * @param items whether items may be due whose engines died
         */
        Claim(Connection connection, HandledType type, TypeRows.State state, boolean items) throws SQLException {
            this.connection = connection;
            this.type = type;
            this.state = state;
            UsedByType used = tables.limits().lock(connection, state.queueId());
            if (items && endExpired() > 0) {
                used = tables.limits().lock(connection, state.queueId());
            }
            this.now = used.now();
            this.served = used.used().turn();
            this.ofType = new Allowance(used.used(), state.limits().ofType(), now);
        }

        /** Gives back the room of items whose engines died. */
        private int endExpired() throws SQLException {
            List<UsedRoom> ended = tables.lines().endExpired(connection, state.queueId(), LINED, holder.get());
            tables.limits().giveBack(connection, ended);
            this.ended = ended.size();
            return this.ended;
        }

        Found end() throws SQLException {
            var changes = new ArrayList<Change>();
            if (ofType.begun() > 0) {
                changes.add(ofType.change(served));
            }
            tables.limits().change(connection, state.queueId(), changes);
            return new Found(items, taken, names, leftItems, next(), ended);
        }

        private @Nullable Duration next() throws SQLException {
            Double wait = ofType.waitSeconds();
            if (wait != null) {
                return Duration.ofNanos((long) (wait * NANOS_PER_SECOND));
            }
            return state.usesLines() ? tables.limits().nextDue(connection, state.queueId()) : null;
        }

        /** Returns the first item that must run alone and has room. The items are locked. */
        Optional<Alone> alone() throws SQLException {
            if (ofType.room() == 0) {
                return Optional.empty();
            }
            Set<String> full = new HashSet<>();
            for (DueItem item : tables.lines().aloneItems(connection, state.queueId(), ALONE, holder.get())) {
                if (!state.usesLines()) {
                    return Optional.of(new Alone(item, LimitRows.TYPE, null));
                }
                String name = Types.line(item.partition());
                if (!full.contains(name)) {
                    Used used = tables.limits().find(connection, state.queueId(), state.queue(), name, served);
                    var key = new Allowance(used, rule(used), now);
                    if (key.room() > 0) {
                        return Optional.of(new Alone(item, name, key));
                    }
                    full.add(name);
                }
            }
            return Optional.empty();
        }

        /** Takes works of a type without limit keys. */
        void takeAny(int wanted, boolean wantsItems, boolean wantsMessages) throws SQLException {
            int room = Math.min(wanted, ofType.room());
            if (room > 0 && wantsItems) {
                items.addAll(
                        tables.items().claim(connection, type.itemQueue(state), room, holder.get(), LimitRows.TYPE));
            }
            leftItems = wantsItems && items.size() == room; // Also if there was no room for any.
            int left = room - items.size();
            if (left > 0 && wantsMessages) {
                taken.addAll(tables.taking()
                        .take(connection, state.queue(), Types.GROUP, left, partition -> !Types.isShared(partition)));
                taken.forEach(run -> names.add(LimitRows.TYPE));
            }
            ofType.begin(works());
        }

        private int works() {
            return items.size()
                    + taken.stream().mapToInt(run -> run.messages().size()).sum();
        }

        /** Puts ready cursors and items that are due into lines. */
        void lineUp(boolean wantsItems, boolean wantsMessages) throws SQLException {
            var waiting = new TreeSet<String>();
            boolean more = wantsMessages;
            for (int round = 0; more && round < LINING_ROUNDS; round++) {
                List<Lining.Parked> parked = tables.lining().park(connection, state.queue(), Types.GROUP, LINED);
                List<InLine> lined = parked.stream()
                        .map(each -> new InLine(
                                each.partitionId(),
                                Types.line(each.partition()),
                                each.lane().number()))
                        .toList();
                tables.lines().add(connection, state.queueId(), lined);
                lined.forEach(each -> waiting.add(each.name()));
                more = parked.size() == LINED;
            }
            more = wantsItems;
            for (int round = 0; more && round < LINING_ROUNDS; round++) {
                List<DueItem> due = tables.lines().dueItems(connection, state.queueId(), LINED, holder.get());
                List<ItemInLine> lined = due.stream()
                        .map(each -> new ItemInLine(each.place(), Types.line(each.partition())))
                        .toList();
                tables.lines().addItems(connection, lined);
                lined.forEach(each -> waiting.add(each.name()));
                more = due.size() == LINED;
            }
            leftItems = more;
            tables.limits().await(connection, state.queueId(), waiting, served);
            tables.limits().due(connection, state.queueId(), served);
        }

        /** Takes works of the keys with the least turns. */
        void takeByTurns(int wanted) throws SQLException {
            int room = Math.min(wanted, ofType.room());
            for (int round = 0; room > 0 && round < ROUNDS; round++) {
                List<Used> picked =
                        tables.limits().pick(connection, state.queueId(), state.queue(), Math.max(room, PICKED));
                if (picked.isEmpty()) {
                    return;
                }
                List<Allowance> keys = picked.stream()
                        .map(each -> new Allowance(each, rule(each), now))
                        .toList();
                Map<Allowance, Integer> shares = Shares.of(keys, room);
                take(
                        shares,
                        picked.stream().filter(Used::hasItems).map(Used::name).collect(Collectors.toSet()));
                for (Allowance key : shares.keySet()) {
                    served = key.begun() == 0 ? served : Math.max(served, key.turn() - 1.0 / key.weight());
                }
                List<Allowance> changed = keys.stream()
                        .filter(key -> shares.containsKey(key) || key.room() == 0)
                        .toList();
                tables.limits()
                        .change(
                                connection,
                                state.queueId(),
                                changed.stream().map(Allowance::change).toList());
                int begun = shares.keySet().stream().mapToInt(Allowance::begun).sum();
                ofType.begin(begun);
                room -= begun;
                if (begun == 0 && changed.size() == shares.size()) {
                    return; // Others hold what is in the lines.
                }
            }
        }

        private Rule rule(Used key) {
            if (key.name().equals(LimitKey.NO_KEY)) {
                return Rule.NONE;
            }
            return key.own() == null ? state.limits().ofEachKey() : key.own();
        }

        /** Takes the shares of keys: items first. */
        private void take(Map<Allowance, Integer> shares, Set<String> namesWithItems) throws SQLException {
            if (shares.isEmpty()) {
                return;
            }
            var left = new HashMap<String, Integer>();
            var byName = new HashMap<String, Allowance>();
            shares.forEach((key, works) -> {
                left.put(key.name(), works);
                byName.put(key.name(), key);
            });
            List<Most> withItems = most(shares, left).stream()
                    .filter(line -> namesWithItems.contains(line.name()))
                    .toList();
            List<Item> found = withItems.isEmpty()
                    ? List.of()
                    : tables.lines().claimItems(connection, type.itemQueue(state), withItems, holder.get());
            for (Item item : found) {
                String name = requireNonNull(item.limited());
                left.merge(name, -1, Integer::sum);
                byName.get(name).begin(1);
            }
            items.addAll(found);
            List<Most> lines = most(shares, left);
            List<First> first = tables.lines().next(connection, state.queueId(), lines, lanes());
            takeMessages(lines, first, byName);
        }

        private static List<Most> most(Map<Allowance, Integer> shares, Map<String, Integer> left) {
            return shares.keySet().stream()
                    .filter(key -> left.get(key.name()) > 0)
                    .map(key -> new Most(key.name(), left.get(key.name())))
                    .toList();
        }

        private void takeMessages(List<Most> lines, List<First> first, Map<String, Allowance> byName)
                throws SQLException {
            var partitions = new HashMap<Integer, Integer>();
            first.forEach(each -> partitions.merge(each.line(), 1, Integer::sum));
            var nameOf = new HashMap<Long, String>();
            var shares = new ArrayList<Lining.Share>();
            for (First each : first) {
                Most line = lines.get(each.line());
                boolean isFirst = nameOf.values().stream().noneMatch(line.name()::equals);
                nameOf.put(each.partitionId(), line.name());
                // The first partition gets what the others, with one work each, leave.
                shares.add(new Lining.Share(
                        each.partitionId(), isFirst ? line.most() - partitions.get(each.line()) + 1 : 1));
            }
            Lining.FromLines from =
                    tables.lining().take(connection, Types.GROUP, shares, partition -> !Types.isShared(partition));
            for (Taken run : from.taken()) {
                String name = nameOf.get(run.partitionId());
                taken.add(run);
                names.add(name);
                byName.get(name).begin(run.messages().size());
            }
            Set<Long> gone = new HashSet<>(from.locked());
            gone.removeAll(from.parked());
            tables.lines().remove(connection, gone);
            Set<Long> stay = new HashSet<>(nameOf.keySet());
            stay.removeAll(gone);
            tables.lines().toTheEnd(connection, stay);
        }
    }

    /** Returns the numbers of the lanes: the most urgent first, or in a random order by their weights. */
    private List<Integer> lanes() {
        var left = new ArrayList<>(List.of(PriorityLane.values()));
        if (settings.lanes().isStrict()) {
            return left.stream().map(PriorityLane::number).toList();
        }
        var order = new ArrayList<Integer>();
        while (!left.isEmpty()) {
            int all = left.stream().mapToInt(settings.lanes()::weight).sum();
            int drawn = ThreadLocalRandom.current().nextInt(all);
            for (PriorityLane lane : left) {
                drawn -= settings.lanes().weight(lane);
                if (drawn < 0) {
                    order.add(lane.number());
                    left.remove(lane);
                    break;
                }
            }
        }
        return order;
    }

    /**
     * Finds works.
     *
     * @param wanted most works
     * @param items whether items are likely to be due
     * @param messages whether works without a history are likely to be there
     */
    Found find(
            Connection connection, HandledType type, TypeRows.State state, int wanted, boolean items, boolean messages)
            throws SQLException {
        var claim = new Claim(connection, type, state, items);
        if (state.usesLines()) {
            claim.lineUp(items, messages);
            claim.takeByTurns(wanted);
        } else {
            claim.takeAny(wanted, items, messages);
        }
        return claim.end();
    }

    /**
     * Returns whether an item has room that must run alone. The engine asks before it lets everything else end, so that
     * it does not stand idle for an item that must wait anyway.
     */
    boolean hasRoomAlone(Connection connection, HandledType type, TypeRows.State state) throws SQLException {
        return nanos.getAsLong() - notAloneUntilNanos >= 0
                && new Claim(connection, type, state, true).alone().isPresent();
    }

    /** Claims an item that must run alone. Items without room stay as they are. */
    Optional<Item> findAlone(Connection connection, HandledType type, TypeRows.State state) throws SQLException {
        var claim = new Claim(connection, type, state, true);
        Optional<Alone> found = claim.alone();
        if (found.isEmpty()) { // Other engines took the room while this one waited until nothing else ran.
            notAloneUntilNanos = nanos.getAsLong() + NOT_ALONE.toNanos();
            return Optional.empty();
        }
        Alone alone = found.get();
        Item item = tables.lines()
                .claimItem(connection, type.itemQueue(state), alone.item().place(), alone.name(), holder.get());
        claim.ofType.begin(1);
        Allowance key = alone.key();
        if (key != null) {
            key.begin(1);
            tables.limits().change(connection, state.queueId(), List.of(key.change()));
        }
        claim.end();
        return Optional.of(item);
    }

    /** Takes partitions and items out of the lines of a type that has none any more. Returns how many partitions. */
    int leaveLines(Connection connection, TypeRows.State state) throws SQLException {
        tables.limits().lock(connection, state.queueId());
        List<Long> partitions = tables.lines().some(connection, state.queueId(), LINED);
        tables.lining().unpark(connection, Types.GROUP, partitions); // Before their lines, as a flush does.
        tables.lines().remove(connection, partitions);
        if (partitions.size() < LINED) {
            tables.lines().removeItems(connection, state.queueId());
        }
        return partitions.size();
    }
}
