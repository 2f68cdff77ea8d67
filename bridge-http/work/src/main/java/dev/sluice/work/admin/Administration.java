package dev.sluice.work.admin;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.WorkAdmin;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkInfo;
import dev.sluice.work.WorkLimits;
import dev.sluice.work.WorkStats;
import dev.sluice.work.rules.DurationClasses;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.CountRows;
import dev.sluice.work.store.CountRows.Done;
import dev.sluice.work.store.CountRows.Held;
import dev.sluice.work.store.EndRows;
import dev.sluice.work.store.FindRows;
import dev.sluice.work.store.FindRows.TypeQueue;
import dev.sluice.work.store.ItemRows;
import dev.sluice.work.store.LentConnections;
import dev.sluice.work.store.LimitRows;
import dev.sluice.work.store.LimitRules;
import dev.sluice.work.store.ListRows;
import dev.sluice.work.store.ProgressRows;
import dev.sluice.work.store.TypeRows;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** The administration of the works of a database, for a buffer with some handlers. */
public final class Administration implements WorkAdmin {
    private static final double P95 = 0.95;

    private final Transactions transactions;
    private final FindRows finds;
    private final ItemRows items;
    private final EndRows ends;
    private final TypeRows types;
    private final LimitRows limits;
    private final CountRows counts;
    private final Lookup lookup;
    private final Listing listing;
    private final Redrive redrive;
    private final Here here;

    /**
     * What the buffer has.
     *
     * @param handlers the settings of its handlers, by type; they come and go
     * @param breakers returns the circuit breakers of its handlers, by type
     * @param active returns how many handlers of a type run
     * @param due gets a queue that has a work that is due
     */
    public record Here(
            Map<String, HandlerSettings> handlers,
            Supplier<Map<String, WorkStats.Breaker>> breakers,
            ToLongFunction<String> active,
            Consumer<String> due) {}

    public Administration(DataSource dataSource, String schema, PayloadCipher cipher, Here here) {
        this(dataSource, schema, cipher, here, Lookup.MOST_SEGMENTS);
    }

    /** Makes an administration whose look-ups read at most {@code mostSegments} segments. */
    Administration(DataSource dataSource, String schema, PayloadCipher cipher, Here here, int mostSegments) {
        this.transactions = Transactions.byIndex(dataSource);
        this.finds = new FindRows(schema, Types.GROUP);
        this.items = new ItemRows(schema, Types.GROUP);
        this.ends = new EndRows(schema);
        this.types = new TypeRows(schema, Types.GROUP);
        this.limits = new LimitRows(schema);
        this.counts = new CountRows(schema, Types.GROUP);
        var shown = new Shown(cipher);
        this.lookup = new Lookup(transactions, finds, new ProgressRows(schema), shown, mostSegments);
        this.listing = new Listing(transactions, new ListRows(schema, Types.GROUP), shown);
        QueueWriterConfig defaults = QueueWriterConfig.DEFAULTS;
        this.redrive = new Redrive(
                new LentConnections(dataSource),
                new QueueWriterConfig(schema, defaults.dedupWindow(), defaults.dedupMaxIds(), cipher));
        this.here = here;
    }

    private List<TypeQueue> queues(@Nullable String type) {
        if (type != null) {
            Types.check(type);
        }
        String queue = type == null ? null : Types.queue(type);
        return transactions
                .run("could not read the types of works", connection -> finds.types(connection, Types.PREFIX, queue))
                .stream()
                .filter(each -> Types.isQueue(each.name()))
                .toList();
    }

    @Override
    public Optional<WorkInfo> find(@Nullable String type, @Nullable String key, WorkId id)
            throws SearchTooLongException {
        return lookup.find(queues(type), Lookup.partition(key), id);
    }

    @Override
    public Page list(Filter filter, @Nullable String after, int limit) {
        return listing.list(queues(filter.type()), filter.states(), after, limit);
    }

    @Override
    public Retried retry(String type, WorkId id) {
        for (TypeQueue queue : queues(type)) {
            boolean isDue = transactions.run(
                    "could not make work " + id + " due",
                    connection -> items.makeDue(connection, queue.id(), id.value()));
            if (isDue) {
                here.due().accept(queue.name());
                return new Retried(Retry.DUE, id);
            }
            Optional<UUID> replay = replay(queue, id);
            if (replay.isPresent()) {
                here.due().accept(queue.name());
                return new Retried(Retry.REPLAYED, new WorkId(replay.get()));
            }
        }
        return new Retried(Retry.NONE, id);
    }

    /** Moves a dead letter back to its queue. Returns the new work. */
    private Optional<UUID> replay(TypeQueue queue, WorkId id) {
        Optional<Long> letter = transactions
                .run(
                        "could not look for the dead letter of work " + id,
                        connection -> finds.rows(connection, List.of(queue), id.value()))
                .stream()
                .map(FindRows.Found::letter)
                .filter(Objects::nonNull)
                .findFirst();
        if (letter.isEmpty()) {
            return Optional.empty();
        }
        UUID work;
        try {
            work = redrive.run(List.of(letter.get())).messages().get(letter.get());
        } finally {
            redrive.close(); // Returns the connection to the pool.
        }
        if (work == null) { // Somebody else has moved the letter.
            return Optional.empty();
        }
        if (!work.equals(id.value())) {
            transactions.run("could not store that work " + id + " was replayed as " + work, connection -> {
                ends.add(connection, List.of(new EndRows.End(queue.id(), id.value(), work)));
                return true;
            });
        }
        return Optional.of(work);
    }

    @Override
    public List<TypeInfo> types() {
        var infos = new TreeMap<String, TypeInfo>();
        Map<String, WorkStats.Breaker> breakers = here.breakers().get();
        here.handlers()
                .forEach((type, settings) -> infos.put(
                        type,
                        new TypeInfo(type, false, null, null, settings.limits(), false, breakers.get(type), settings)));
        List<TypeQueue> queues = queues(null);
        Map<String, LimitRules> rules = transactions.run(
                "could not read the limits of types",
                connection -> limits.rules(
                        connection, queues.stream().map(TypeQueue::name).toList()));
        for (TypeQueue queue : queues) {
            String type = Types.ofQueue(queue.name());
            infos.put(
                    type,
                    new TypeInfo(
                            type,
                            queue.isEncrypted(),
                            queue.pausedSince(),
                            queue.concurrency(),
                            limits(queue, rules.getOrDefault(queue.name(), LimitRules.NONE)),
                            queue.isBreakerForced(),
                            breakers.get(type),
                            here.handlers().get(type)));
        }
        return List.copyOf(infos.values());
    }

    private static WorkLimits limits(TypeQueue queue, LimitRules rules) {
        LimitKey key = LimitKey.ofStored(queue.limitKey());
        return new WorkLimits(key == null ? null : key.toString(), limit(rules.ofType()), limit(rules.ofEachKey()));
    }

    private static Limit limit(LimitRules.Rule rule) {
        return new Limit(
                rule.concurrency(), rule.rate(), Duration.ofMillis(rule.periodMs()), rule.burst(), rule.weight());
    }

    @Override
    public Stats stats(Duration window) {
        if (window.isNegative() || window.isZero() || window.compareTo(LONGEST_WINDOW) > 0) {
            throw new IllegalArgumentException(
                    "window must be more than 0 and at most " + LONGEST_WINDOW + ", was " + window);
        }
        List<TypeQueue> queues = queues(null);
        return transactions.run("could not count works", connection -> {
            List<Long> ids = queues.stream().map(TypeQueue::id).toList();
            Map<Long, Done> done = counts.done(connection, ids, window);
            var held = new LinkedHashMap<Long, Held>();
            counts.held(connection, ids).forEach(each -> held.put(each.queueId(), each));
            var byType = new LinkedHashMap<String, Numbers>();
            var all = new ArrayList<Done>();
            for (TypeQueue queue : queues) {
                Held now = held.get(queue.id());
                if (now == null) {
                    continue;
                }
                Done then = done.getOrDefault(queue.id(), new Done(queue.id(), 0, 0, 0, 0, 0, Map.of()));
                all.add(then);
                String type = Types.ofQueue(queue.name());
                long pending = types.inPartitions(connection, queue.name()) + now.waiting();
                byType.put(type, numbers(pending, now, here.active().applyAsLong(type), then));
            }
            return new Stats(window, total(byType, sum(all)), byType);
        });
    }

    private static Numbers numbers(long pending, Held now, long active, Done done) {
        return new Numbers(
                pending,
                now.scheduled(),
                now.processing(),
                now.retrying(),
                now.snoozed(),
                now.dead(),
                active,
                done.completed(),
                done.failed(),
                done.deadLettered(),
                done.runs() == 0 ? Duration.ZERO : Duration.ofNanos(done.nanos() / done.runs()),
                DurationClasses.quantile(done.durations(), P95));
    }

    private static Done sum(List<Done> all) {
        var durations = new TreeMap<Integer, Long>();
        all.forEach(done -> done.durations().forEach((each, count) -> durations.merge(each, count, Long::sum)));
        return new Done(
                0,
                all.stream().mapToLong(Done::completed).sum(),
                all.stream().mapToLong(Done::failed).sum(),
                all.stream().mapToLong(Done::deadLettered).sum(),
                all.stream().mapToLong(Done::runs).sum(),
                all.stream().mapToLong(Done::nanos).sum(),
                durations);
    }

    private static Numbers total(Map<String, Numbers> byType, Done done) {
        var held = new Held(
                0,
                sum(byType, Numbers::processing),
                0,
                sum(byType, Numbers::retrying),
                sum(byType, Numbers::snoozed),
                sum(byType, Numbers::scheduled),
                sum(byType, Numbers::deadLetters));
        return numbers(sum(byType, Numbers::pending), held, sum(byType, Numbers::activeWorkers), done);
    }

    private static long sum(Map<String, Numbers> byType, ToLongFunction<Numbers> number) {
        return byType.values().stream().mapToLong(number).sum();
    }
}
