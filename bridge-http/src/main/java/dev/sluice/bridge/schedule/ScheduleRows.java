package dev.sluice.bridge.schedule;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The table {@code schedules}. Safe for use by many threads. */
final class ScheduleRows {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ObjectReader HEADERS = JSON.readerFor(new TypeReference<TreeMap<String, String>>() {});

    private final Statements statements;
    private final PayloadCipher cipher;

    ScheduleRows(String schema, PayloadCipher cipher) {
        this.statements = Statements.read(ScheduleRows.class, "schedules.sql", schema);
        this.cipher = cipher;
    }

    /** Returns the time of the database. */
    Instant now(Connection connection) throws SQLException {
        return statements
                .on(connection, "now")
                .first(row -> row.getTimestamp("now").toInstant())
                .orElseThrow();
    }

    /** Counts the schedules. Until the commit no other transaction counts them. */
    long count(Connection connection) throws SQLException {
        boolean unused =
                statements.on(connection, "lock-all").first(row -> true).isPresent();
        return statements
                .on(connection, "count")
                .first(row -> row.getLong("schedules"))
                .orElseThrow();
    }

    /** Returns the new schedule; empty: there is one of this name. */
    Optional<Schedule> insert(Connection connection, ScheduleSpec spec, boolean isFromFile, @Nullable Instant nextAt)
            throws SQLException {
        return bind(statements.on(connection, "insert"), spec, nextAt)
                .set("from_file", isFromFile)
                .first(this::read);
    }

    Optional<Schedule> update(Connection connection, ScheduleSpec spec, @Nullable Instant nextAt) throws SQLException {
        return bind(statements.on(connection, "update"), spec, nextAt).first(this::read);
    }

    private BoundStatement bind(BoundStatement statement, ScheduleSpec spec, @Nullable Instant nextAt)
            throws SQLException {
        ScheduleTarget target = spec.target();
        return statement
                .set("name", spec.name())
                .set("description", spec.description())
                .set("kind", spec.timetable().kind())
                .set("expression", spec.timetable().expression())
                .set("zone", spec.timetable().zone())
                .set("starts_at", spec.startsAt())
                .set("ends_at", spec.endsAt())
                .set("missed", spec.missed().text())
                .set("queue", target.queue())
                .set("partition", target.partition())
                .set("is_work", target.isWork())
                .set("lane", target.lane().number())
                .set("payload", sealed(target.queue(), target.payload()))
                .set("headers", target.headers().isEmpty() ? "{}" : sealed(target.queue(), json(target.headers())))
                .set("next_at", nextAt);
    }

    private static String json(Map<String, String> headers) {
        try {
            return JSON.writeValueAsString(headers);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("headers cannot be written", e);
        }
    }

    private String sealed(String queue, String json) {
        return cipher.hasKey() ? cipher.seal(queue, json) : json;
    }

    Optional<Schedule> get(Connection connection, String name) throws SQLException {
        return statements.on(connection, "get").set("name", name).first(this::read);
    }

    Optional<Schedule> lock(Connection connection, String name) throws SQLException {
        return statements.on(connection, "lock").set("name", name).first(this::read);
    }

    /** Returns schedules in the order of their names, after a name. */
    List<Schedule> list(Connection connection, @Nullable String after, int limit) throws SQLException {
        return statements
                .on(connection, "list")
                .set("after", after)
                .set("limit", limit)
                .list(this::read);
    }

    /** Returns the names of those that files have declared. */
    List<String> ofFile(Connection connection) throws SQLException {
        return statements.on(connection, "of-file").list(row -> row.getString("name"));
    }

    boolean delete(Connection connection, String name) throws SQLException {
        return statements
                .on(connection, "delete")
                .set("name", name)
                .first(row -> true)
                .isPresent();
    }

    Optional<Schedule> pause(Connection connection, String name) throws SQLException {
        return statements.on(connection, "pause").set("name", name).first(this::read);
    }

    Optional<Schedule> resume(Connection connection, String name, @Nullable Instant nextAt) throws SQLException {
        return statements
                .on(connection, "resume")
                .set("name", name)
                .set("next_at", nextAt)
                .first(this::read);
    }

    /** Returns how long until a schedule is due; empty: none will be. */
    Optional<Duration> untilDue(Connection connection) throws SQLException {
        return statements.on(connection, "wait").first(row -> Duration.ofNanos(1_000 * row.getLong("micros")));
    }

    List<Schedule> due(Connection connection, int limit) throws SQLException {
        return statements.on(connection, "due").set("limit", limit).list(this::read);
    }

    /** Locks those of these schedules that are due and that no other transaction has locked, and returns them. */
    List<Schedule> lockDue(Connection connection, Collection<String> names) throws SQLException {
        return statements
                .on(connection, "lock-due")
                .setTexts("names", names, name -> name)
                .list(this::read);
    }

    /**
     * What a queue asks of its messages.
     *
     * @param limitKey where the limit key of a work is; null: it has none
     */
    record QueueRule(boolean encrypted, @Nullable String limitKey) {}

    /** Returns the rules of those of these queues that exist. */
    Map<String, QueueRule> queues(Connection connection, Collection<String> queues) throws SQLException {
        var rules = new HashMap<String, QueueRule>();
        statements
                .on(connection, "queues")
                .setTexts("queues", queues, queue -> queue)
                .forEach(row -> rules.put(
                        row.getString("queue"),
                        new QueueRule(row.getBoolean("encrypted"), row.getString("limit_key"))));
        return rules;
    }

    /** Moves schedules on whose ticks were fired. */
    void fired(Connection connection, Map<Schedule, Ticks.Due> fired) throws SQLException {
        statements
                .on(connection, "fired")
                .setTexts("names", fired.keySet(), each -> each.spec().name())
                .setTexts("next_at", fired.values(), each -> text(each.next()))
                .setTexts("last_ticks", fired.values(), each -> text(each.last()))
                .set("fired", fired.values(), each -> (long) each.fire().size())
                .set("skipped", fired.values(), Ticks.Due::skipped)
                .execute();
    }

    private static @Nullable String text(@Nullable Instant time) {
        return time == null ? null : time.toString();
    }

    /** Counts a firing that somebody has asked for. */
    void ran(Connection connection, String name) throws SQLException {
        statements.on(connection, "ran").set("name", name).execute();
    }

    /** Notes why a schedule that is due could not be fired, and lets it wait. */
    void failed(Connection connection, String name, String failure, Duration wait) throws SQLException {
        statements
                .on(connection, "failed")
                .set("name", name)
                .set("failure", failure)
                .set("wait_ms", wait.toMillis())
                .execute();
    }

    private Schedule read(ResultSet row) throws SQLException {
        String queue = row.getString("queue");
        String payload = opened(queue, row.getString("payload"));
        Map<String, String> headers = headers(queue, row.getString("headers"));
        boolean isReadable = payload != null && headers != null;
        var target = new ScheduleTarget(
                queue,
                row.getString("partition"),
                row.getBoolean("is_work"),
                PriorityLane.ofNumber(row.getInt("lane")),
                payload == null || !isReadable ? "null" : payload,
                headers == null || !isReadable ? Map.of() : headers,
                isReadable);
        var spec = new ScheduleSpec(
                row.getString("name"),
                row.getString("description"),
                new Timetable.Text(row.getString("kind"), row.getString("expression"), row.getString("zone")),
                row.getTimestamp("starts_at").toInstant(),
                time(row, "ends_at"),
                Missed.of(row.getString("missed")),
                target);
        return new Schedule(
                spec,
                row.getBoolean("from_file"),
                new Schedule.Times(
                        time(row, "paused_at"),
                        time(row, "next_at"),
                        time(row, "last_tick"),
                        time(row, "last_fired_at"),
                        row.getTimestamp("created_at").toInstant(),
                        row.getTimestamp("updated_at").toInstant()),
                new Schedule.Counts(
                        row.getLong("fired"),
                        row.getLong("skipped"),
                        row.getString("failure"),
                        time(row, "failed_at")));
    }

    /** Returns a stored text in clear; null: this service has not its key. */
    private @Nullable String opened(String queue, String stored) {
        return cipher.cannotOpen(queue, stored.getBytes(UTF_8)) ? null : cipher.open(queue, stored);
    }

    /** Returns stored headers; null: this service cannot read them. */
    private @Nullable Map<String, String> headers(String queue, String stored) {
        String opened = opened(queue, stored);
        try {
            return opened == null ? null : HEADERS.readValue(opened);
        } catch (JsonProcessingException e) {
            return null;
        }
    }

    private static @Nullable Instant time(ResultSet row, String column) throws SQLException {
        Timestamp time = row.getTimestamp(column);
        return time == null ? null : time.toInstant();
    }
}
