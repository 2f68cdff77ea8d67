package dev.sluice.bridge.endpoint;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The table {@code endpoint_attempts}. Safe for use by many threads. */
final class AttemptRows {
    private static final int MAX_ERROR = 2_000;
    private static final int MAX_ANSWER = 16_384;
    private static final int MAX_URL = 2_048;

    private final Statements statements;

    AttemptRows(String schema) {
        this.statements = Statements.read(AttemptRows.class, "attempts.sql", schema);
    }

    /** An attempt to keep. */
    record NewAttempt(String endpoint, Delivery.Ended ended) {}

    /** Which attempts a list has. */
    record Filter(@Nullable String outcome, @Nullable UUID work) {}

    void add(Connection connection, List<NewAttempt> attempts) throws SQLException {
        statements
                .on(connection, "add")
                .setTexts("endpoints", attempts, NewAttempt::endpoint)
                .setUuids("works", attempts, each -> each.ended().work())
                .setInts("numbers", attempts, each -> each.ended().number())
                .set("began_ms", attempts, each -> each.ended().began().toEpochMilli())
                .set("took_ms", attempts, each -> each.ended().took().toMillis())
                .setTexts("urls", attempts, each -> storable(each.ended().url(), MAX_URL))
                .setInts("statuses", attempts, each -> each.ended().status())
                .setTexts("outcomes", attempts, each -> each.ended().outcome().text())
                .setTexts(
                        "errors", attempts, each -> storableOrNull(each.ended().error()))
                .setTexts("answers", attempts, each -> storable(each.ended().answer(), MAX_ANSWER))
                .execute();
    }

    private static @Nullable String storableOrNull(@Nullable String text) {
        return text == null ? null : storable(text, MAX_ERROR);
    }

    /** Replaces what PostgreSQL cannot store, and cuts the text. */
    static String storable(String text, int most) {
        var stored = new StringBuilder(Math.min(text.length(), most));
        for (int i = 0; i < text.length() && stored.length() < most; i++) {
            char c = text.charAt(i);
            boolean isPair = Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1));
            if (isPair) {
                stored.append(c).append(text.charAt(++i));
            } else {
                stored.append(c == '\0' || Character.isSurrogate(c) ? '\uFFFD' : c);
            }
        }
        return stored.toString();
    }

    List<KeptAttempt> list(Connection connection, String endpoint, Filter filter, @Nullable Long before, int limit)
            throws SQLException {
        UUID work = filter.work();
        return statements
                .on(connection, "list")
                .set("endpoint", endpoint)
                .set("before", before)
                .set("outcome", filter.outcome())
                .set("work", work == null ? null : work.toString())
                .set("limit", limit)
                .list(AttemptRows::read);
    }

    private static KeptAttempt read(ResultSet row) throws SQLException {
        return new KeptAttempt(
                row.getLong("id"),
                new Delivery.Ended(
                        row.getObject("work_id", UUID.class),
                        row.getInt("number"),
                        time(row),
                        Duration.ofMillis(row.getLong("took_ms")),
                        row.getString("url"),
                        row.getInt("status"),
                        outcome(row.getString("outcome")),
                        row.getString("error"),
                        row.getString("answer")));
    }

    private static Instant time(ResultSet row) throws SQLException {
        return row.getTimestamp("began_at").toInstant();
    }

    private static Delivery.Outcome outcome(String text) {
        for (Delivery.Outcome outcome : Delivery.Outcome.values()) {
            if (outcome.text().equals(text)) {
                return outcome;
            }
        }
        return Delivery.Outcome.FAILED; // A later version has written it.
    }

    int deleteOld(Connection connection, int days, int limit) throws SQLException {
        return statements
                .on(connection, "delete-old")
                .set("days", days)
                .set("limit", limit)
                .execute();
    }

    int deleteBeyond(Connection connection, String endpoint, int keep, int limit) throws SQLException {
        return statements
                .on(connection, "delete-beyond")
                .set("endpoint", endpoint)
                .set("keep", keep)
                .set("limit", limit)
                .execute();
    }

    int deleteOf(Connection connection, String endpoint, int limit) throws SQLException {
        return statements
                .on(connection, "delete-of")
                .set("endpoint", endpoint)
                .set("limit", limit)
                .execute();
    }
}
