package dev.sluice.work.engine;

import dev.sluice.queue.write.Ending;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterSession;
import dev.sluice.work.run.Stop;
import dev.sluice.work.store.LentConnections;
import dev.sluice.work.store.Place;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The works that this engine holds, from their claim until their outcome is stored, and the renewal of their leases. A
 * work is renewed when a third of its lease has passed, so works that end at once cost nothing.
 *
 * <p>If another engine has taken a work over, or the lease may end because PostgreSQL does not answer, the handler is
 * asked to end: another engine may begin the work. What the handler returns is stored if the engine still holds the
 * work then; if the handler returns nothing, the work is given back.
 *
 * <p>The renewal keeps a connection of the pool for itself, so that handlers that use all others do not delay it.
 */
final class Held {
    private static final Logger log = LoggerFactory.getLogger(Held.class);

    private final Tables tables;
    private final WriterSession session;
    private final Duration lease;
    private final UUID owner;
    private final LongSupplier nanos;

    /** When the lease of each work was begun or renewed at the latest. */
    private final Map<Begun, Long> renewed = new ConcurrentHashMap<>();

    private long lastCheckNanos;
    private long waitsUntilNanos;

    Held(DataSource dataSource, Tables tables, EngineSettings settings, UUID owner, LongSupplier nanos) {
        this.tables = tables;
        QueueWriterConfig defaults = QueueWriterConfig.DEFAULTS;
        this.session = new WriterSession(
                new LentConnections(dataSource),
                new QueueWriterConfig(
                        settings.schema(), defaults.dedupWindow(), defaults.dedupMaxIds(), settings.cipher()));
        this.lease = settings.lease();
        this.owner = owner;
        this.nanos = nanos;
        this.lastCheckNanos = nanos.getAsLong();
        this.waitsUntilNanos = lastCheckNanos;
    }

    /**
     * Adds works.
     *
     * @param since when their claim began, by the clock of this process
     */
    void add(Collection<Begun> works, long since) {
        works.forEach(work -> renewed.put(work, since));
    }

    void remove(Collection<Ended> ended) {
        ended.forEach(each -> renewed.remove(each.begun()));
    }

    int size() {
        return renewed.size();
    }

    /** Returns the works of a type that are held. */
    List<Begun> works(HandledType type) {
        return renewed.keySet().stream()
                .filter(work -> work.type().equals(type))
                .toList();
    }

    /** Returns the claims of works that are held. */
    Set<UUID> claims() {
        return renewed.keySet().stream()
                .map(work -> work.history().claim())
                .filter(Objects::nonNull)
                .map(ClaimHold::id)
                .collect(Collectors.toSet());
    }

    /** Returns the leases of items that are held. */
    Set<UUID> items() {
        return renewed.keySet().stream()
                .map(Begun::lease)
                .filter(Objects::nonNull)
                .collect(Collectors.toSet());
    }

    /** Takes the connection. The thread that renews uses it from then on. */
    void connect() {
        session.run("could not take a connection for the renewal of leases", transaction -> Ending.rollBack(true));
    }

    /** Gives the connection back. Only the thread that renews. */
    void close() {
        session.close();
    }

    /** Returns how long to wait before the next call of {@link #renew}. */
    Duration interval() {
        return lease.dividedBy(6);
    }

    /** Renews the leases that have been held for a third of their time. */
    void renew() {
        long now = nanos.getAsLong();
        List<Begun> due = renewed.entrySet().stream()
                .filter(each -> now - each.getValue() >= lease.toNanos() / 3)
                .map(Map.Entry::getKey)
                .toList();
        if (due.isEmpty()) {
            return;
        }
        try {
            Set<Begun> kept = session.run(
                    "could not renew the leases of works",
                    transaction -> Ending.commit(renew(transaction.connection(), due)));
            for (Begun work : due) {
                if (kept.contains(work)) {
                    renewed.computeIfPresent(work, (key, since) -> now);
                } else if (renewed.containsKey(work)) {
                    work.stop(Stop.LOST);
                }
            }
        } catch (RuntimeException e) {
            log.warn("Could not renew the leases of works works={} reason={}", due.size(), e.getMessage());
        }
    }

    private Set<Begun> renew(Connection connection, List<Begun> due) throws SQLException {
        var byClaim = new LinkedHashMap<UUID, List<Begun>>();
        var byLease = new LinkedHashMap<UUID, Begun>();
        var places = new LinkedHashMap<UUID, Place>();
        for (Begun work : due) {
            ClaimHold claim = work.history().claim();
            if (claim == null) {
                UUID id = Objects.requireNonNull(work.lease(), "an item has a lease");
                byLease.put(id, work);
                places.put(id, work.place());
            } else {
                byClaim.computeIfAbsent(claim.id(), key -> new ArrayList<>()).add(work);
            }
        }
        var kept = new HashSet<Begun>();
        tables.claims()
                .renew(connection, byClaim.keySet(), owner, lease)
                .forEach(id -> kept.addAll(byClaim.getOrDefault(id, List.of())));
        tables.items().renew(connection, places, lease).forEach(id -> kept.add(byLease.get(id)));
        return kept;
    }

    /**
     * Asks the handlers to end whose leases have a quarter of their time left. Touches no database, so it is in time
     * when a renewal hangs. If the process was stopped meanwhile, first gives the renewal time to find out what the
     * engine still holds.
     */
    void stopExpiring() {
        long now = nanos.getAsLong();
        if (now - lastCheckNanos >= lease.toNanos() / 4) {
            waitsUntilNanos = now + lease.toNanos() / 4;
        }
        lastCheckNanos = now;
        if (now - waitsUntilNanos < 0) {
            return;
        }
        renewed.forEach((work, since) -> {
            if (now - since >= lease.toNanos() / 4 * 3) {
                work.stop(Stop.LOST);
            }
        });
    }
}
