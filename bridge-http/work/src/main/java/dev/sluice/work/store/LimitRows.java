package dev.sluice.work.store;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import dev.sluice.work.store.LimitRules.Rule;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The tables {@code work_limits} and {@code work_limit_rules}: limits of types and of limit keys, and how much of them
 * is used.
 */
public final class LimitRows {
    /** The name of the limits of a type. */
    public static final String TYPE = "";

    /** The name of the rule of each limit key. */
    public static final String EACH_KEY = "*";

    private final Statements statements;

    public LimitRows(String schema) {
        this.statements = Statements.read(LimitRows.class, "limits.sql", schema);
    }

    /** Works that took room and run no more. If the name is not that of the type, they took room of the type too. */
    public record UsedRoom(long queueId, String name, long works) {}

    /**
     * How much of a limit is used.
     *
     * @param tokens how many works might begin at {@code refilled}; null: as many as the burst
     * @param refilled seconds since the epoch; null: never
     * @param turn the turn of a key; of the type, where the keys are
     * @param own the rule that an operator has set for the key; null: none
     * @param hasItems whether items wait in its line
     */
    public record Used(
            String name,
            long running,
            @Nullable Double tokens,
            @Nullable Double refilled,
            double turn,
            @Nullable Rule own,
            boolean hasItems) {}

    /**
     * How much of the limits of a type is used.
     *
     * @param now the database's time, in seconds since the epoch
     */
    public record UsedByType(Used used, double now) {}

    /**
     * What a claim has used.
     *
     * @param begun how many works have begun
     * @param hasRoom whether the concurrency leaves room for another one
     * @param due when the rate lets the next one begin; null: at once
     */
    public record Change(
            String name,
            long begun,
            @Nullable Double tokens,
            @Nullable Double refilled,
            double served,
            boolean hasRoom,
            @Nullable Double due) {}

    /** Locks the row of a type, and makes it if there is none. */
    public UsedByType lock(Connection connection, long queueId) throws SQLException {
        List<UsedByType> found = locked(connection, queueId);
        if (found.isEmpty()) {
            statements.on(connection, "create-type").set("queue", queueId).execute();
            found = locked(connection, queueId);
        }
        return found.get(0);
    }

    private List<UsedByType> locked(Connection connection, long queueId) throws SQLException {
        return statements
                .on(connection, "lock-type")
                .set("queue", queueId)
                .list(row -> new UsedByType(
                        new Used(
                                TYPE,
                                row.getLong("running"),
                                number(row, "tokens"),
                                number(row, "refilled_s"),
                                row.getDouble("served"),
                                null,
                                false),
                        row.getDouble("now_s")));
    }

    private static @Nullable Double number(ResultSet row, String column) throws SQLException {
        double value = row.getDouble(column);
        return row.wasNull() ? null : value;
    }

    /** Gives turns to the keys of lines that have got something. The row of the type is locked, here and below. */
    public void await(Connection connection, long queueId, Collection<String> names, double served)
            throws SQLException {
        if (!names.isEmpty()) {
            statements
                    .on(connection, "wait")
                    .set("queue", queueId)
                    .setTexts("names", names, name -> name)
                    .set("served", Double.valueOf(served))
                    .execute();
        }
    }

    /** Gives turns to the keys whose rates let a work begin. */
    public void due(Connection connection, long queueId, double served) throws SQLException {
        statements
                .on(connection, "due")
                .set("queue", queueId)
                .set("served", Double.valueOf(served))
                .execute();
    }

    /** Returns at most {@code limit} keys whose turns are next. */
    public List<Used> pick(Connection connection, long queueId, String queue, int limit) throws SQLException {
        return statements
                .on(connection, "pick")
                .set("queue", queueId)
                .set("queue_name", queue)
                .set("limit", limit)
                .list(LimitRows::key);
    }

    private static Used key(ResultSet row) throws SQLException {
        return new Used(
                row.getString("name"),
                row.getLong("running"),
                number(row, "tokens"),
                number(row, "refilled_s"),
                row.getDouble("turn"),
                row.getBoolean("has_rule") ? rule(row) : null,
                row.getBoolean("has_items"));
    }

    /** Returns what a key uses. Makes its row if there is none. */
    public Used find(Connection connection, long queueId, String queue, String name, double served)
            throws SQLException {
        Optional<Used> found = find(connection, queueId, queue, name);
        if (found.isEmpty()) {
            await(connection, queueId, List.of(name), served);
            found = find(connection, queueId, queue, name);
        }
        return found.orElseThrow();
    }

    private Optional<Used> find(Connection connection, long queueId, String queue, String name) throws SQLException {
        return statements
                .on(connection, "find")
                .set("queue", queueId)
                .set("queue_name", queue)
                .set("name", name)
                .first(LimitRows::key);
    }

    /** Returns after how long the rate of a key lets its next work begin; null: no key waits for that. */
    public @Nullable Duration nextDue(Connection connection, long queueId) throws SQLException {
        return statements
                .on(connection, "next-due")
                .set("queue", queueId)
                .first(row -> Duration.ofMillis(Math.max(0, row.getLong("due_ms"))))
                .orElse(null);
    }

    /** Notes what has begun, and which keys are served next. */
    public void change(Connection connection, long queueId, Collection<Change> changes) throws SQLException {
        if (changes.isEmpty()) {
            return;
        }
        statements
                .on(connection, "change")
                .set("queue", queueId)
                .setTexts("names", changes, Change::name)
                .set("begun", changes, Change::begun)
                .set("tokens", changes.stream().map(Change::tokens).toArray(Double[]::new))
                .set("refilled_s", changes.stream().map(Change::refilled).toArray(Double[]::new))
                .set("served", changes.stream().map(Change::served).toArray(Double[]::new))
                .setBooleans("rooms", changes, Change::hasRoom)
                .set("due_s", changes.stream().map(Change::due).toArray(Double[]::new))
                .execute();
    }

    /** Gives room back, and turns to the keys that can use it. Locks the rows of the types. */
    public void giveBack(Connection connection, Collection<UsedRoom> ended) throws SQLException {
        if (ended.isEmpty()) {
            return;
        }
        var byQueue = new TreeMap<Long, Map<String, Long>>();
        for (UsedRoom each : ended) {
            Map<String, Long> ofQueue = byQueue.computeIfAbsent(each.queueId(), id -> new TreeMap<>());
            ofQueue.merge(TYPE, each.works(), Long::sum);
            if (!each.name().equals(TYPE)) {
                ofQueue.merge(each.name(), each.works(), Long::sum);
            }
        }
        statements
                .on(connection, "lock-types")
                .set("queues", byQueue.keySet(), Long::longValue)
                .run();
        var sums = new ArrayList<UsedRoom>();
        byQueue.forEach((queue, works) -> works.forEach((name, count) -> sums.add(new UsedRoom(queue, name, count))));
        statements
                .on(connection, "give-back")
                .set("queues", sums, UsedRoom::queueId)
                .setTexts("names", sums, UsedRoom::name)
                .set("works", sums, UsedRoom::works)
                .execute();
    }

    /** Gives turns to all keys with something in their lines. */
    public void turnAll(Connection connection, long queueId) throws SQLException {
        double served = lock(connection, queueId).used().turn();
        statements
                .on(connection, "turn-all")
                .set("queue", queueId)
                .set("served", Double.valueOf(served))
                .execute();
    }

    /** Returns the rules of those of the queues that have any. */
    public Map<String, LimitRules> rules(Connection connection, Collection<String> queues) throws SQLException {
        var rules = new HashMap<String, LimitRules>();
        statements
                .on(connection, "rules")
                .setTexts("queues", queues, queue -> queue)
                .forEach(row -> {
                    String queue = row.getString("queue");
                    LimitRules before = rules.getOrDefault(queue, LimitRules.NONE);
                    rules.put(
                            queue,
                            row.getString("name").equals(TYPE)
                                    ? new LimitRules(rule(row), before.ofEachKey())
                                    : new LimitRules(before.ofType(), rule(row)));
                });
        return rules;
    }

    private static Rule rule(ResultSet row) throws SQLException {
        return new Rule(
                row.getInt("concurrency"),
                row.getInt("rate"),
                row.getInt("rate") == 0 ? Rule.NONE.periodMs() : row.getLong("period_ms"),
                row.getInt("burst"),
                row.getInt("weight"));
    }

    /**
     * Sets a rule, or deletes it.
     *
     * @param name {@link #TYPE}, {@link #EACH_KEY}, or the name of a limit key
     * @param rule null: deletes the rule
     * @return whether anything changed
     */
    public boolean setRule(Connection connection, String queue, String name, boolean byOperator, @Nullable Rule rule)
            throws SQLException {
        BoundStatement statement = statements
                .on(connection, rule == null ? "delete-rule" : "set-rule")
                .set("queue", queue)
                .set("name", name)
                .set("by_operator", byOperator);
        if (rule != null) {
            boolean hasRate = rule.rate() > 0;
            statement
                    .set("concurrency", rule.concurrency() == 0 ? null : Long.valueOf(rule.concurrency()))
                    .set("rate", hasRate ? Long.valueOf(rule.rate()) : null)
                    .set("period_ms", hasRate ? Long.valueOf(rule.periodMs()) : null)
                    .set("burst", hasRate ? Long.valueOf(rule.burst()) : null)
                    .set("weight", rule.weight());
        }
        return statement.execute() > 0;
    }

    /** Sets where the limit keys of works are; null: works have none. Returns whether anything changed. */
    public boolean setLimitKey(Connection connection, String queue, @Nullable String place) throws SQLException {
        BoundStatement statement = statements
                .on(connection, place == null ? "clear-limit-key" : "set-limit-key")
                .set("queue", queue);
        if (place != null) {
            statement.set("limit_key", place);
        }
        return statement.execute() > 0;
    }

    /**
     * Corrects the numbers of running works by the claims and items, in case that they are wrong. Locks the row of the
     * type.
     *
     * @return how many were wrong
     */
    public int count(Connection connection, long queueId) throws SQLException {
        lock(connection, queueId);
        return statements.on(connection, "count").set("queue", queueId).execute();
    }

    /**
     * Deletes at most {@code limit} keys that use nothing, and whose buckets are full again.
     *
     * @param rule the rule of each key
     * @return how many were deleted
     */
    public int deleteIdle(Connection connection, long queueId, String queue, Rule rule, int limit) throws SQLException {
        lock(connection, queueId);
        return statements
                .on(connection, "delete-idle")
                .set("queue", queueId)
                .set("queue_name", queue)
                .set("idle_ms", rule.fillMillis())
                .set("limit", limit)
                .execute();
    }
}
