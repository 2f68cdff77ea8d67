package dev.sluice.queue.letters;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.sql.Rows;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A job that moves dead letters back or deletes them.
 *
 * @param id its id
 * @param order what it is to do
 * @param lastLetter id of the newest letter when the job was made; later letters are not touched
 * @param total how many letters it was to do when it was made
 * @param state how far it is
 * @param cancelRequested whether it is to end after its step
 * @param isRunning whether a process has it now
 * @param position id of the last letter that is done
 * @param done what became of letters
 * @param errors why letters were refused, of the first {@link DeadLetterJobs#MAX_ERRORS}
 * @param lastFailure why its last step failed, and is tried again; null: it did not fail
 * @param times when it was made, started, and so on
 */
public record DeadLetterJob(
        long id,
        Order order,
        long lastLetter,
        long total,
        State state,
        boolean cancelRequested,
        boolean isRunning,
        long position,
        Done done,
        List<Refusal> errors,
        @Nullable String lastFailure,
        Times times) {

    public DeadLetterJob {
        errors = List.copyOf(errors);
    }

    /** What a job does with letters. */
    public enum Action {
        /** It moves them into a queue. */
        REDRIVE,
        /** It deletes them for good. */
        DELETE
    }

    /** How far a job is. */
    public enum State {
        WAITING,
        RUNNING,
        COMPLETED,
        CANCELLED
    }

    /**
     * What a job is to do.
     *
     * @param letters ids of letters, ascending; null: those that match the filter
     * @param filter selects letters if no ids are given
     * @param target name of the queue that gets the messages; null: each goes back to its own
     * @param rate most letters in a second; null: any number
     * @param createdBy subject of the token of the client; null: it has none
     */
    public record Order(
            Action action,
            @Nullable List<Long> letters,
            DeadLetterFilter filter,
            @Nullable String target,
            @Nullable Integer rate,
            @Nullable String createdBy) {
        public Order {
            letters = letters == null
                    ? null
                    : letters.stream().sorted().distinct().toList();
        }
    }

    /**
     * What became of letters.
     *
     * @param moved they are messages again
     * @param duplicates their messages were there already
     * @param deleted they are deleted
     * @param gone somebody else has moved or deleted them
     * @param refused they stay, because they cannot be moved
     */
    public record Done(long moved, long duplicates, long deleted, long gone, long refused) {
        static final Done NOTHING = new Done(0, 0, 0, 0, 0);

        /** Returns how many letters the job has looked at. */
        public long letters() {
            return moved + duplicates + deleted + gone + refused;
        }
    }

    /** Why a letter was refused. */
    public record Refusal(long letter, String reason) {}

    /** When things happened to a job; null: not yet. */
    public record Times(
            Instant createdAt,
            @Nullable Instant startedAt,
            @Nullable Instant progressAt,
            @Nullable Instant finishedAt) {}

    static DeadLetterJob of(ResultSet row) throws SQLException {
        return new DeadLetterJob(
                row.getLong("id"),
                order(row),
                row.getLong("last_letter"),
                row.getLong("total"),
                State.valueOf(row.getString("state").toUpperCase(Locale.ROOT)),
                row.getBoolean("cancel_requested"),
                row.getBoolean("is_running"),
                row.getLong("position"),
                new Done(
                        row.getLong("moved"),
                        row.getLong("duplicates"),
                        row.getLong("deleted"),
                        row.getLong("gone"),
                        row.getLong("refused")),
                errors(row),
                row.getString("last_failure"),
                new Times(
                        requireNonNull(Rows.instant(row, "created_at")),
                        Rows.instant(row, "started_at"),
                        Rows.instant(row, "progress_at"),
                        Rows.instant(row, "finished_at")));
    }

    private static Order order(ResultSet row) throws SQLException {
        Array letters = row.getArray("letters");
        int rate = row.getInt("rate");
        Integer rateOrNull = row.wasNull() ? null : (Integer) rate;
        long shape = row.getLong("shape_id");
        Long shapeOrNull = row.wasNull() ? null : (Long) shape;
        var filter = new DeadLetterFilter(
                row.getString("queue"),
                row.getString("group_name"),
                row.getString("partition"),
                Rows.instant(row, "failed_from"),
                Rows.instant(row, "failed_to"),
                row.getString("error"),
                row.getString("namespace"),
                shapeOrNull);
        return new Order(
                Action.valueOf(row.getString("action").toUpperCase(Locale.ROOT)),
                letters == null ? null : List.of((Long[]) letters.getArray()),
                filter,
                row.getString("target_queue"),
                rateOrNull,
                row.getString("created_by"));
    }

    private static List<Refusal> errors(ResultSet row) throws SQLException {
        Long[] letters = (Long[]) row.getArray("error_letters").getArray();
        String[] texts = (String[]) row.getArray("error_texts").getArray();
        var errors = new ArrayList<Refusal>();
        for (int i = 0; i < letters.length; i++) {
            errors.add(new Refusal(letters[i], texts[i]));
        }
        return errors;
    }
}
