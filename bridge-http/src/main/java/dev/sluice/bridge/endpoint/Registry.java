package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.endpoint.Delivery.Ended;
import dev.sluice.bridge.endpoint.Delivery.Signature;
import dev.sluice.bridge.endpoint.Endpoint.State;
import dev.sluice.bridge.endpoint.EndpointConfig.Limits;
import dev.sluice.bridge.endpoint.EndpointRows.StoredSecret;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Transactions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Makes, changes, shows and deletes endpoints. Each call that changes something tells the other processes. Every method
 * throws {@link QueueException} if PostgreSQL failed, and {@link IllegalArgumentException} if a value breaks a limit.
 * Safe for use by many threads.
 */
public final class Registry {
    /** Longest overlap of two secrets. */
    public static final Duration MAX_OVERLAP = Duration.ofDays(30);

    /** Longest description. */
    public static final int MAX_DESCRIPTION = 1_000;

    /** Longest URL. */
    public static final int MAX_URL = 2_048;

    /** Longest type or pattern of events. */
    public static final int MAX_EVENT_TYPE = 255;

    private final Transactions transactions;
    private final Tables tables;
    private final Groups groups;
    private final Delivery delivery;
    private final Limits limits;
    private final Runnable changed;
    private final MessageIds ids = new MessageIds();

    /** The tables of endpoints. */
    record Tables(EndpointRows endpoints, AttemptRows attempts, FanOutRows fanOut, Sealing sealing) {}

    Registry(
            Transactions transactions,
            Tables tables,
            Groups groups,
            Delivery delivery,
            Limits limits,
            Runnable changed) {
        this.transactions = transactions;
        this.tables = tables;
        this.groups = groups;
        this.delivery = delivery;
        this.limits = limits;
        this.changed = changed;
    }

    /** The registry refuses a request because of a limit, or of how the endpoint is stored. */
    public static final class ConflictException extends Exception {
        private static final long serialVersionUID = 1L;

        ConflictException(String message) {
            super(message);
        }
    }

    /**
     * A secret as a client sees it.
     *
     * @param publicKey the key with which receivers verify Ed25519; null: HMAC, or no key of this service decrypts it
     * @param expiresAt null: it is the newest
     */
    public record ShownSecret(
            @Nullable String publicKey,
            Instant createdAt,
            @Nullable Instant expiresAt) {}

    /**
     * An endpoint with a secret of it.
     *
     * @param secret in clear: for the one answer that shows it
     */
    public record WithSecret(Endpoint endpoint, String secret, String verificationKey) {}

    /** Returns a random id. */
    public String newId() {
        return EndpointNames.random();
    }

    /** Returns whether secrets and headers are encrypted in the database. */
    public boolean encrypts() {
        return tables.sealing().encrypts();
    }

    /**
     * Makes an endpoint.
     *
     * @param signature how to sign with a secret that is made; without effect if one is given
     * @param secret null: one is made
     * @param startsAt from when on it gets messages; null: from now on
     * @throws ConflictException if there is an endpoint with its id, or if there are too many
     */
    public WithSecret create(
            EndpointSpec spec, Signature signature, @Nullable String secret, @Nullable Instant startsAt)
            throws ConflictException {
        EndpointNames.check(spec.id());
        check(spec);
        String made = secret == null ? delivery.newSecret(signature) : secret;
        String verificationKey = delivery.verificationKey(made);
        Optional<Endpoint> created = transactions.run("could not make an endpoint", connection -> {
            if (tables.endpoints().lockCount(connection) >= limits.endpoints()) {
                return Optional.empty();
            }
            Optional<Endpoint> inserted = tables.endpoints().insert(connection, spec, startsAt);
            if (inserted.isPresent()) {
                tables.endpoints().addSecret(connection, spec.id(), made);
            }
            return inserted;
        });
        if (created.isEmpty()) {
            throw new ConflictException(whyNot(spec.id()));
        }
        register(created.get());
        return new WithSecret(created.get(), made, verificationKey);
    }

    private String whyNot(String id) {
        return find(id).isPresent()
                ? "there is an endpoint " + id + " already"
                : "there are " + limits.endpoints() + " endpoints, and endpoints.max allows no more, or one of this id"
                        + " is being deleted";
    }

    /** Checks what a client said against the limits. */
    private void check(EndpointSpec spec) {
        Selection selection = spec.selection();
        requireCount("queues", selection.queues().size(), 1, limits.queues(), "endpoints.max.queues");
        requireCount("eventTypes", selection.eventTypes().size(), 0, limits.eventTypes(), "endpoints.max.event.types");
        requireCount("headers", spec.target().headers().size(), 0, limits.headers(), "endpoints.max.headers");
        requireLength("description", spec.description(), 0, MAX_DESCRIPTION);
        requireLength("url", spec.target().url(), 1, MAX_URL);
        selection.queues().forEach(queue -> requireLength("queues", queue, 1, MAX_EVENT_TYPE));
        selection.eventTypes().forEach(type -> requireLength("eventTypes", type, 1, MAX_EVENT_TYPE));
        for (String queue : selection.queues()) {
            if (queue.startsWith(EndpointNames.QUEUE_PREFIX)) {
                throw new IllegalArgumentException(
                        "queues must not have the deliveries of endpoints, " + EndpointNames.QUEUE_PREFIX + "…");
            }
        }
        delivery.check(spec.target());
    }

    private static void requireCount(String what, int count, int least, int most, String key) {
        if (count < least || count > most) {
            throw new IllegalArgumentException(
                    what + " must have " + least + " to " + most + " entries (" + key + "), has " + count);
        }
    }

    private static void requireLength(String what, String text, int least, int most) {
        if (text.length() < least || text.length() > most || text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(what + " must have " + least + " to " + most + " characters each");
        }
    }

    /** Registers an endpoint on the queues that it matches. If that fails, the fan-out does it soon. */
    private void register(Endpoint endpoint) {
        try {
            groups.register(List.of(endpoint));
        } finally {
            changed.run();
        }
    }

    /** Returns an endpoint. */
    public Optional<Endpoint> find(String id) {
        return transactions.run(
                "could not read an endpoint", connection -> tables.endpoints().get(connection, id));
    }

    /** Returns endpoints in the order of their ids. {@code after} is the last id of the page before, or null. */
    public List<Endpoint> list(@Nullable String after, int limit) {
        return transactions.run(
                "could not list endpoints", connection -> tables.endpoints().list(connection, after, limit));
    }

    /** Returns the secrets of an endpoint without what they are, the newest first. */
    public List<ShownSecret> secrets(String id) {
        return transactions
                .run(
                        "could not read an endpoint",
                        connection -> tables.endpoints().secrets(connection, List.of(id)))
                .stream()
                .map(this::shown)
                .toList();
    }

    private ShownSecret shown(StoredSecret secret) {
        String key = tables.sealing().canOpen(secret.endpoint(), secret.stored())
                ? delivery.verificationKey(tables.sealing().openSecret(secret.endpoint(), secret.stored()))
                : null;
        return new ShownSecret(
                key != null && key.startsWith("whpk_") ? key : null, secret.createdAt(), secret.expiresAt());
    }

    /**
     * Changes an endpoint.
     *
     * @param change gets the endpoint as it is stored
     * @return empty: there is no such endpoint
     * @throws ConflictException if its headers cannot be decrypted and are not replaced
     */
    public Optional<Endpoint> update(String id, UnaryOperator<EndpointSpec> change) throws ConflictException {
        Optional<Endpoint> before = find(id);
        if (before.isEmpty()) {
            return Optional.empty();
        }
        register(before.get()); // On queues that have just come, from the old time on.
        Optional<Endpoint> updated = transactions.run("could not change an endpoint", connection -> {
            Optional<Endpoint> locked = tables.endpoints().lock(connection, id);
            if (locked.isEmpty()) {
                return Optional.empty();
            }
            EndpointSpec spec = change.apply(EndpointSpec.of(locked.get()));
            check(spec);
            return spec.target().headers().containsKey(Target.UNREADABLE)
                    ? locked
                    : tables.endpoints().update(connection, spec);
        });
        if (updated.isPresent() && updated.get().target().headers().containsKey(Target.UNREADABLE)) {
            throw new ConflictException("the headers of the endpoint cannot be decrypted: give them again, or configure"
                    + " the key that encrypted them in encryption.keys");
        }
        if (updated.isPresent()) {
            register(updated.get());
            groups.deleteUnmatched(updated.get());
        }
        return updated;
    }

    /** Sets the state of an endpoint, {@code ACTIVE} or {@code PAUSED}. Returns it; empty: there is none. */
    public Optional<Endpoint> setState(String id, State state) {
        Optional<Endpoint> now = transactions.run("could not change an endpoint", connection -> {
            Optional<Endpoint> changedTo = tables.endpoints().setState(connection, id, state, null);
            return changedTo.isPresent() ? changedTo : tables.endpoints().get(connection, id);
        });
        changed.run();
        return now;
    }

    /**
     * Gives an endpoint a new secret. The others sign too until the overlap is over.
     *
     * @param secret null: one is made
     * @return empty: there is no such endpoint
     * @throws ConflictException if it has too many secrets that have not expired
     */
    public Optional<WithSecret> rotate(String id, Signature signature, @Nullable String secret, Duration overlap)
            throws ConflictException {
        String made = secret == null ? delivery.newSecret(signature) : secret;
        String verificationKey = delivery.verificationKey(made);
        record Rotated(Optional<Endpoint> endpoint, boolean isFull) {}
        Rotated rotated = transactions.run("could not rotate a secret", connection -> {
            Optional<Endpoint> endpoint = tables.endpoints().lock(connection, id);
            if (endpoint.isEmpty()) {
                return new Rotated(endpoint, false);
            }
            // Count before the change: a refusal commits, and must leave each secret as it was.
            if (!overlap.isZero()
                    && tables.endpoints().secrets(connection, List.of(id)).size() >= limits.secrets()) {
                return new Rotated(endpoint, true);
            }
            tables.endpoints().expireSecrets(connection, id, overlap);
            tables.endpoints().addSecret(connection, id, made);
            return new Rotated(tables.endpoints().touch(connection, id), false);
        });
        if (rotated.isFull()) {
            throw new ConflictException("the endpoint has " + limits.secrets() + " secrets (endpoints.max.secrets); one"
                    + " of them must expire before");
        }
        changed.run();
        return rotated.endpoint().map(endpoint -> new WithSecret(endpoint, made, verificationKey));
    }

    /** Deletes an endpoint with its groups, works, dead letters, attempts and secrets. False: there is none. */
    public boolean delete(String id) {
        boolean found = transactions.run(
                "could not delete an endpoint",
                connection -> tables.endpoints().beginDelete(connection, id).isPresent());
        if (found) {
            changed.run();
            groups.delete(id);
            changed.run();
        }
        return found;
    }

    /**
     * Sends a test message to an endpoint, whatever its state.
     *
     * @return empty: there is no such endpoint
     * @throws QueueException if PostgreSQL failed, or if the endpoint has no secret to sign with
     */
    public Optional<CompletionStage<Ended>> ping(String id) {
        record Pinged(Endpoint endpoint, List<String> secrets) {}
        Optional<Pinged> found = transactions.run(
                "could not read an endpoint",
                connection -> tables.endpoints().get(connection, id).isEmpty()
                        ? Optional.empty()
                        : Optional.of(new Pinged(
                                tables.endpoints().get(connection, id).orElseThrow(),
                                tables.endpoints().secrets(connection, List.of(id)).stream()
                                        .map(each -> tables.sealing().openSecret(id, each.stored()))
                                        .toList())));
        return found.map(each -> {
            Sealing.requireSecret(id, each.secrets());
            UUID message = ids.next();
            String json = "{\"type\":\"sluice.ping\",\"timestamp\":\"" + Instant.now() + "\",\"data\":{\"endpoint\":\""
                    + id + "\"}}";
            return delivery.send(each.endpoint(), each.secrets(), new Delivery.Test(message, "sluice.ping", json));
        });
    }

    /**
     * Returns attempts, the newest first.
     *
     * @param outcome only those with this outcome; null: any
     * @param work only those of this work; null: any
     * @param before only those before this one; null: the newest
     */
    public List<KeptAttempt> attempts(
            String id, @Nullable String outcome, @Nullable UUID work, @Nullable Long before, int limit) {
        return transactions.run(
                "could not list attempts",
                connection ->
                        tables.attempts().list(connection, id, new AttemptRows.Filter(outcome, work), before, limit));
    }

    /** Returns how many messages of queues an endpoint has not got yet, by queue. */
    public Map<String, Long> lag(String id) {
        return transactions.run(
                "could not count messages of an endpoint",
                connection -> tables.fanOut().lag(connection, EndpointNames.type(id)));
    }
}
