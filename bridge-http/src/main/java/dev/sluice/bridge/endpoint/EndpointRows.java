package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.endpoint.Endpoint.Condition;
import dev.sluice.bridge.endpoint.Endpoint.State;
import dev.sluice.bridge.endpoint.Endpoint.Times;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The tables {@code endpoints} and {@code endpoint_secrets}. Safe for use by many threads. */
final class EndpointRows {
    private final Statements statements;
    private final Sealing sealing;

    EndpointRows(String schema, Sealing sealing) {
        this.statements = Statements.read(EndpointRows.class, "endpoints.sql", schema);
        this.sealing = sealing;
    }

    /**
     * A secret, and until when it signs.
     *
     * @param stored its stored form
     * @param expiresAt null: it is the newest
     */
    record StoredSecret(
            String endpoint,
            String stored,
            Instant createdAt,
            @Nullable Instant expiresAt) {}

    /**
     * How the attempts of an endpoint went that ended within a moment.
     *
     * @param succeeded whether one has succeeded
     * @param failedLast whether the last one has failed
     */
    record Noted(String endpoint, boolean succeeded, boolean failedLast) {}

    long lockCount(Connection connection) throws SQLException {
        return statements
                .on(connection, "lock-count")
                .first(row -> row.getLong("endpoints"))
                .orElseThrow();
    }

    /** Returns the new endpoint; empty: there is one with its id. */
    Optional<Endpoint> insert(Connection connection, EndpointSpec spec, @Nullable Instant startsAt)
            throws SQLException {
        return bind(statements.on(connection, "insert"), spec)
                .set("starts_at", startsAt)
                .first(this::read);
    }

    Optional<Endpoint> update(Connection connection, EndpointSpec spec) throws SQLException {
        return bind(statements.on(connection, "update"), spec).first(this::read);
    }

    private BoundStatement bind(BoundStatement statement, EndpointSpec spec) throws SQLException {
        Target target = spec.target();
        return statement
                .set("id", spec.id())
                .set("description", spec.description())
                .set("url", target.url())
                .set("queues", spec.selection().queues().toArray(String[]::new))
                .set("event_types", spec.selection().eventTypes().toArray(String[]::new))
                .set("event_type_at", spec.selection().eventTypeAt())
                .set("headers", sealing.headers(spec.id(), target.headers()))
                .set("format", target.format().text())
                .set("concurrency", target.concurrency())
                .set("rate", target.rate())
                .set("timeout_ms", (int) target.timeout().toMillis())
                .set("retry_waits_ms", target.retries(), Duration::toMillis);
    }

    Optional<Endpoint> lock(Connection connection, String id) throws SQLException {
        return statements.on(connection, "lock").set("id", id).first(this::read);
    }

    Optional<Endpoint> get(Connection connection, String id) throws SQLException {
        return statements.on(connection, "get").set("id", id).first(this::read);
    }

    List<Endpoint> list(Connection connection, @Nullable String after, int limit) throws SQLException {
        return statements
                .on(connection, "list")
                .set("after", after)
                .set("limit", limit)
                .list(this::read);
    }

    /** Returns all, also those that are being deleted. */
    List<Endpoint> all(Connection connection) throws SQLException {
        return statements.on(connection, "all").list(this::read);
    }

    /** Returns a number that changes with the endpoints and with their secrets that have not expired. */
    long fingerprint(Connection connection) throws SQLException {
        return statements
                .on(connection, "fingerprint")
                .first(row -> row.getLong("fingerprint"))
                .orElseThrow();
    }

    /** Makes bridges load an endpoint again. */
    Optional<Endpoint> touch(Connection connection, String id) throws SQLException {
        return statements.on(connection, "touch").set("id", id).first(this::read);
    }

    /** Hides an endpoint. Returns it if it was not hidden. */
    Optional<Endpoint> beginDelete(Connection connection, String id) throws SQLException {
        return statements.on(connection, "begin-delete").set("id", id).first(this::read);
    }

    /** Returns the endpoint if its state has changed. */
    Optional<Endpoint> setState(Connection connection, String id, State state, @Nullable String reason)
            throws SQLException {
        return statements
                .on(connection, "set-state")
                .set("id", id)
                .set("state", state.text())
                .set("reason", reason)
                .first(this::read);
    }

    /** Returns the endpoint if it was active. */
    Optional<Endpoint> disable(Connection connection, String id, String reason) throws SQLException {
        return statements
                .on(connection, "disable")
                .set("id", id)
                .set("reason", reason)
                .first(this::read);
    }

    List<String> failingFor(Connection connection, Duration time) throws SQLException {
        return statements
                .on(connection, "failing-long")
                .set("after_ms", time.toMillis())
                .list(row -> row.getString("id"));
    }

    Set<String> holdActive(Connection connection, Collection<String> ids) throws SQLException {
        return new HashSet<>(statements
                .on(connection, "hold-active")
                .setTexts("ids", ids, id -> id)
                .list(row -> row.getString("id")));
    }

    void note(Connection connection, List<Noted> noted) throws SQLException {
        statements
                .on(connection, "note-attempts")
                .setTexts("ids", noted, Noted::endpoint)
                .setBooleans("succeeded", noted, Noted::succeeded)
                .setBooleans("failed_last", noted, Noted::failedLast)
                .execute();
    }

    void delete(Connection connection, String id) throws SQLException {
        statements.on(connection, "delete").set("id", id).execute();
    }

    void addSecret(Connection connection, String id, String secret) throws SQLException {
        statements
                .on(connection, "add-secret")
                .set("id", id)
                .set("secret", sealing.secret(id, secret))
                .execute();
    }

    /** Ends the secrets of an endpoint after a time at the latest, and deletes those that have ended. */
    void expireSecrets(Connection connection, String id, Duration overlap) throws SQLException {
        statements
                .on(connection, "expire-secrets")
                .set("id", id)
                .set("overlap_ms", overlap.toMillis())
                .execute();
        statements.on(connection, "delete-expired-secrets").set("id", id).execute();
    }

    /** Returns the secrets of endpoints that have not expired, the newest first. */
    List<StoredSecret> secrets(Connection connection, Collection<String> ids) throws SQLException {
        return statements
                .on(connection, "secrets")
                .setTexts("ids", ids, id -> id)
                .list(row -> new StoredSecret(
                        row.getString("endpoint_id"),
                        row.getString("secret"),
                        time(row, "created_at"),
                        timeOrNull(row, "expires_at")));
    }

    /** Headers that no key decrypts are left out: {@link Endpoint} is for people too. */
    private Endpoint read(ResultSet row) throws SQLException {
        String id = row.getString("id");
        String headers = row.getString("headers");
        var target = new Target(
                row.getString("url"),
                sealing.canOpen(id, headers) ? sealing.openHeaders(id, headers) : Map.of(Target.UNREADABLE, ""),
                Target.Format.of(row.getString("format")),
                row.getInt("concurrency"),
                row.getInt("rate"),
                Duration.ofMillis(row.getInt("timeout_ms")),
                Arrays.stream((Long[]) row.getArray("retry_waits_ms").getArray())
                        .map(Duration::ofMillis)
                        .toList());
        return new Endpoint(
                id,
                row.getString("description"),
                new Selection(texts(row, "queues"), texts(row, "event_types"), row.getString("event_type_at")),
                target,
                new Condition(
                        State.valueOf(row.getString("state").toUpperCase(Locale.ROOT)),
                        time(row, "state_since"),
                        row.getString("state_reason"),
                        timeOrNull(row, "failing_since"),
                        timeOrNull(row, "last_failed_at")),
                row.getLong("version"),
                new Times(time(row, "starts_at"), time(row, "created_at"), time(row, "updated_at")));
    }

    private static List<String> texts(ResultSet row, String column) throws SQLException {
        return List.of((String[]) row.getArray(column).getArray());
    }

    private static Instant time(ResultSet row, String column) throws SQLException {
        return row.getTimestamp(column).toInstant();
    }

    private static @Nullable Instant timeOrNull(ResultSet row, String column) throws SQLException {
        Timestamp time = row.getTimestamp(column);
        return time == null ? null : time.toInstant();
    }
}
