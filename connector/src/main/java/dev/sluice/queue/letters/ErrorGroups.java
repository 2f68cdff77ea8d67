package dev.sluice.queue.letters;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import dev.sluice.queue.ErrorShape;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Rows;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Counts dead letters by queue, consumer group and shape of error. The counts are of all letters. They come from an
 * index that has the shapes, so no payload and no error is read, except of one letter of each group.
 *
 * <p>A letter of a deleted partition counts until retention has deleted it.
 *
 * <p>Safe for use by many threads.
 */
public final class ErrorGroups {
    /** Most characters of the error of an example. */
    public static final int ERROR_LENGTH = 500;

    /** Most letters that get their shapes in one transaction. */
    static final int FOLDED = 1_000;

    /** Letters without a shape are counted up to here. */
    private static final int MOST_COUNTED = 1_000_000;

    private final Transactions reads;
    private final Transactions writes;
    private final Statements statements;

    /** Makes the counts of a schema that is up to date. Does not ask the database yet. */
    public ErrorGroups(DataSource dataSource, String schema) {
        this.reads = new Transactions(dataSource);
        this.writes = Transactions.byIndex(dataSource);
        this.statements = Statements.read("error_groups.sql", schema);
    }

    /** The order of groups; the greatest comes first. */
    public enum Order {
        /** By the number of letters. */
        COUNT,
        /** The group with the newest failure first. */
        LAST,
        /** The group with the oldest failure first. */
        FIRST
    }

    /**
     * Selects letters and groups. A condition that is null is met by all.
     *
     * @param queue name of the queue
     * @param namespace namespace of the queue
     * @param group the consumer group that gave up
     * @param from the letter failed at this time or later
     * @param to the letter failed before this time
     * @param text the shape contains this text, in upper or lower case
     */
    public record Filter(
            @Nullable String queue,
            @Nullable String namespace,
            @Nullable String group,
            @Nullable Instant from,
            @Nullable Instant to,
            @Nullable String text) {}

    /**
     * The first groups.
     *
     * @param groups in order
     * @param allGroups how many groups match, with those that are not returned
     * @param letters how many letters the groups have, with those that are not returned
     * @param withoutShape how many letters of the schema have no shape yet
     */
    public record Found(List<ErrorGroup> groups, long allGroups, long letters, long withoutShape) {
        public Found {
            groups = List.copyOf(groups);
        }
    }

    private record Row(ErrorGroup group, long allGroups, long letters) {}

    /**
     * Counts.
     *
     * @param byShape whether letters with different shapes are in different groups
     * @param limit most groups returned, 1 or more
     * @throws QueueException if PostgreSQL failed
     */
    public Found find(Filter filter, boolean byShape, Order order, int limit) {
        return reads.run("could not count the dead letters", connection -> {
            List<Row> rows = statements
                    .on(connection, "groups")
                    .set("by_shape", byShape)
                    .set("any_queue", filter.queue() == null && filter.namespace() == null)
                    .set("queue", filter.queue())
                    .set("namespace", filter.namespace())
                    .set("group", filter.group())
                    .set("from", filter.from())
                    .set("to", filter.to())
                    .set("text", filter.text())
                    .set("order", order.name().toLowerCase(Locale.ROOT))
                    .set("limit", limit)
                    .set("error_length", ERROR_LENGTH)
                    .list(row -> row(row, byShape));
            return found(rows, filter, limit, withoutShape(connection));
        });
    }

    private static Found found(List<Row> rows, Filter filter, int limit, long withoutShape) {
        List<ErrorGroup> groups = rows.stream().map(Row::group).limit(limit).toList();
        if (rows.isEmpty()) {
            return new Found(List.of(), 0, 0, withoutShape);
        }
        if (filter.text() == null) {
            return new Found(groups, rows.get(0).allGroups(), rows.get(0).letters(), withoutShape);
        }
        long letters = rows.stream().mapToLong(row -> row.group().letters()).sum();
        return new Found(groups, rows.size(), letters, withoutShape);
    }

    private static Row row(ResultSet row, boolean byShape) throws SQLException {
        long shapeId = row.getLong("shape_id");
        boolean hasShape = !row.wasNull();
        var group = new ErrorGroup(
                row.getString("queue"),
                row.getString("group_name"),
                hasShape ? (Long) shapeId : null,
                hasShape && byShape ? row.getString("error_shape") : null,
                row.getLong("letters"),
                requireNonNull(Rows.instant(row, "first_at")),
                requireNonNull(Rows.instant(row, "last_at")),
                row.getLong("example"),
                requireNonNullElse(row.getString("error"), ""));
        return new Row(group, row.getLong("all_groups"), row.getLong("all_letters"));
    }

    private long withoutShape(Connection connection) throws SQLException {
        return statements
                .on(connection, "count-without-shape")
                .set("most", MOST_COUNTED)
                .first(row -> row.getLong("letters"))
                .orElse(0L);
    }

    /**
     * Computes the shapes of at most a thousand letters that have none: letters that an older version has stored. Any
     * number of processes may call this.
     *
     * @return whether there may be more
     * @throws QueueException if PostgreSQL failed; nothing has changed
     */
    public boolean fold() {
        record Unfolded(long id, ErrorShape shape) {}
        return writes.run("could not compute the shapes of errors", connection -> {
            List<Unfolded> letters = statements
                    .on(connection, "without-shape")
                    .set("limit", FOLDED)
                    .set("length", ErrorShape.READ)
                    .list(row -> new Unfolded(row.getLong("id"), ErrorShape.of(row.getString("error"))));
            if (!letters.isEmpty()) {
                statements
                        .on(connection, "set-shapes")
                        .set("ids", letters, Unfolded::id)
                        .setTexts("shapes", letters, letter -> letter.shape().text())
                        .set("shape_ids", letters, letter -> letter.shape().id())
                        .execute();
            }
            return letters.size() == FOLDED;
        });
    }
}
