package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.endpoint.Endpoint.State;
import dev.sluice.bridge.endpoint.EndpointRows.StoredSecret;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Transactions;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The endpoints as this process knows them. Reads the rows, and tells {@link Delivery} what has changed. Owned by one
 * thread, except where a method says otherwise.
 */
final class Directory {
    private static final Logger log = LoggerFactory.getLogger(Directory.class);

    /** Most queues that are remembered, each with whether an endpoint reads it. */
    private static final int MAX_REMEMBERED = 10_000;

    private final Transactions transactions;
    private final EndpointRows rows;
    private final Sealing sealing;
    private final Delivery delivery;

    /** What {@link Delivery} knows of an endpoint: a new version, or other secrets, are to be told. */
    private record Known(long version, List<String> secrets) {}

    private final Map<String, Known> delivered = new HashMap<>();
    private final Map<String, String> problems = new ConcurrentHashMap<>();
    private final Map<String, Boolean> reads = new ConcurrentHashMap<>();
    private boolean isRead;
    private long fingerprint;
    private volatile Map<String, Endpoint> all = Map.of();
    private volatile Map<String, Selection.Matcher> active = Map.of();

    Directory(Transactions transactions, EndpointRows rows, Sealing sealing, Delivery delivery) {
        this.transactions = transactions;
        this.rows = rows;
        this.sealing = sealing;
        this.delivery = delivery;
    }

    /** What the database has. */
    private record Loaded(long fingerprint, List<Endpoint> endpoints, Map<String, List<StoredSecret>> secrets) {}

    /**
     * Reads the endpoints if they have changed, and begins and ends deliveries.
     *
     * @return whether they have changed
     * @throws QueueException if PostgreSQL failed; deliveries go on as before
     */
    boolean refresh() {
        Loaded loaded = transactions.run("could not read the endpoints", connection -> {
            long now = rows.fingerprint(connection);
            if (isRead && now == fingerprint) {
                return new Loaded(now, List.of(), Map.of());
            }
            List<Endpoint> endpoints = rows.all(connection);
            List<String> ids = endpoints.stream()
                    .filter(Endpoint::isActive)
                    .map(Endpoint::id)
                    .toList();
            return new Loaded(
                    now,
                    endpoints,
                    rows.secrets(connection, ids).stream().collect(Collectors.groupingBy(StoredSecret::endpoint)));
        });
        if (isRead && loaded.fingerprint() == fingerprint) {
            return false;
        }
        take(loaded);
        fingerprint = loaded.fingerprint();
        isRead = problems.isEmpty(); // Else the next call tries again.
        return true;
    }

    private void take(Loaded loaded) {
        var byId = new TreeMap<String, Endpoint>();
        var matchers = new HashMap<String, Selection.Matcher>();
        for (Endpoint endpoint : loaded.endpoints()) {
            byId.put(endpoint.id(), endpoint);
            if (endpoint.isActive()) {
                matchers.put(EndpointNames.type(endpoint.id()), new Selection.Matcher(endpoint.selection()));
                deliver(endpoint, loaded.secrets().getOrDefault(endpoint.id(), List.of()));
            }
        }
        all = byId;
        active = Map.copyOf(matchers);
        reads.clear();
        List.copyOf(delivered.keySet()).stream()
                .filter(id -> !matchers.containsKey(EndpointNames.type(id)))
                .forEach(this::end);
        problems.keySet().removeIf(id -> !matchers.containsKey(EndpointNames.type(id)));
    }

    private void deliver(Endpoint endpoint, List<StoredSecret> stored) {
        var known = new Known(
                endpoint.version(), stored.stream().map(StoredSecret::stored).toList());
        if (known.equals(delivered.get(endpoint.id()))) {
            return;
        }
        try {
            Sealing.requireSecret(endpoint.id(), stored);
            List<String> secrets = stored.stream()
                    .map(each -> sealing.openSecret(endpoint.id(), each.stored()))
                    .toList();
            if (endpoint.target().headers().containsKey(Target.UNREADABLE)) {
                throw new IllegalStateException("its headers cannot be decrypted: encryption.keys lacks the key");
            }
            delivery.deliver(endpoint, secrets);
            delivered.put(endpoint.id(), known);
            problems.remove(endpoint.id());
        } catch (RuntimeException e) { // One endpoint must not keep the others from being delivered to.
            String reason = String.valueOf(e.getMessage());
            if (!reason.equals(problems.put(endpoint.id(), reason))) {
                log.warn("This process cannot deliver to an endpoint endpoint={} reason={}", endpoint.id(), reason);
            }
            end(endpoint.id());
        }
    }

    private void end(String id) {
        if (delivered.remove(id) != null) {
            delivery.end(id);
        }
    }

    /** Returns all endpoints, also those that are being deleted. Any thread. */
    Collection<Endpoint> all() {
        return all.values();
    }

    /** Returns the endpoints whose deletion is to be completed. */
    List<String> deleting() {
        var deleting = new ArrayList<String>();
        for (Endpoint endpoint : all.values()) {
            if (endpoint.condition().state() == State.DELETING) {
                deleting.add(endpoint.id());
            }
        }
        return deleting;
    }

    /** Returns the active endpoints, by their groups. Any thread. */
    Map<String, Selection.Matcher> active() {
        return active;
    }

    /** Returns whether an active endpoint reads a queue. Any thread. */
    boolean reads(String queue) {
        if (reads.size() > MAX_REMEMBERED) {
            reads.clear();
        }
        return reads.computeIfAbsent(queue, name -> active.values().stream().anyMatch(matcher -> matcher.reads(name)));
    }

    /** Returns why this process cannot deliver to endpoints, by endpoint. Any thread. */
    Map<String, String> problems() {
        return Map.copyOf(problems);
    }

    /** Ends all deliveries. */
    void endAll() {
        Set.copyOf(delivered.keySet()).forEach(this::end);
    }
}
