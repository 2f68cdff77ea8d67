package dev.sluice.bridge.notice;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The tables {@code notices} and {@code notice_checks}. Safe for use by many threads. */
final class NoticeRows {
    private static final String SUBJECT = "subject";
    private static final String SUBJECTS = "subjects";
    private static final String KIND = "kind";

    private final Statements statements;

    NoticeRows(String schema) {
        this.statements = Statements.read(NoticeRows.class, "notices.sql", schema);
    }

    /** Returns whether the caller is to check: no process has checked within the interval. */
    boolean beginCheck(Connection connection, String kind, Duration interval) throws SQLException {
        return statements
                .on(connection, "begin-check")
                .set(KIND, kind)
                .set("interval_ms", interval.toMillis())
                .first(row -> true)
                .isPresent();
    }

    Set<String> raised(Connection connection, String kind) throws SQLException {
        return new HashSet<>(statements.on(connection, "raised").set(KIND, kind).list(row -> row.getString(SUBJECT)));
    }

    /** Returns the subjects that were not raised before. */
    List<String> raise(Connection connection, String kind, Collection<String> subjects) throws SQLException {
        return statements
                .on(connection, "raise")
                .set(KIND, kind)
                .setTexts(SUBJECTS, subjects, subject -> subject)
                .list(row -> row.getString(SUBJECT));
    }

    /** Returns whether the subject was not raised within a time. */
    boolean raiseAgain(Connection connection, String kind, String subject, Duration after) throws SQLException {
        return statements
                .on(connection, "raise-again")
                .set(KIND, kind)
                .set(SUBJECT, subject)
                .set("after_ms", after.toMillis())
                .first(row -> true)
                .isPresent();
    }

    /** Returns the subjects that were raised. */
    List<String> end(Connection connection, String kind, Collection<String> subjects) throws SQLException {
        return statements
                .on(connection, "end")
                .set(KIND, kind)
                .setTexts(SUBJECTS, subjects, subject -> subject)
                .list(row -> row.getString(SUBJECT));
    }

    /** Returns the numbers of dead letters by queue, at most {@code most} of each. */
    Map<String, Long> deadLetters(Connection connection, long most) throws SQLException {
        var letters = new HashMap<String, Long>();
        statements
                .on(connection, "dead-letters")
                .set("most", most)
                .forEach(row -> letters.put(row.getString("queue"), row.getLong("letters")));
        return letters;
    }
}
