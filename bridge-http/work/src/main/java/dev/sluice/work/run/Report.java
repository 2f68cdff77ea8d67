package dev.sluice.work.run;

import dev.sluice.work.rules.JsonText;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the handler of a work reports, over all runs: how far it is, and the newest log lines. Handlers add on their
 * threads; the dispatcher stores it.
 *
 * <p>As it is stored, a report is a JSON object whose first line says how far the work is. Each log line is a line of
 * its own, so that a further run can add to it.
 */
public final class Report {
    /** Most log lines that a report keeps: the newest. */
    public static final int MOST_LINES = 100;

    /** Longest log line and longest text of a progress, in characters. More is cut. */
    public static final int MAX_TEXT = 500;

    private static final String NO_PROGRESS = "{\"percent\":null,\"text\":null,";

    /** A log line that has no time yet. */
    private record Line(int attempt, String text, long atNanos) {}

    private String progress = NO_PROGRESS;
    private final ArrayDeque<String> timed = new ArrayDeque<>();
    private final ArrayDeque<Line> untimed = new ArrayDeque<>();
    private boolean isEmpty = true;
    private boolean mayBeStored;

    /**
     * Makes the report of a run.
     *
     * @param earlier what earlier runs reported, as {@link #json} returned it; null: nothing
     */
    public Report(@Nullable String earlier) {
        if (earlier != null) {
            isEmpty = false;
            mayBeStored = true;
            List<String> lines = earlier.lines().toList();
            progress = lines.get(0);
            // The second line and the last are the brackets.
            lines.subList(Math.min(2, lines.size()), Math.max(2, lines.size() - 1))
                    .forEach(line -> timed.add(line.endsWith(",") ? line.substring(0, line.length() - 1) : line));
        }
    }

    /** Returns a progress as the detail of its event. */
    public static String detail(int percent, String text) {
        return percent + "% " + Failure.cut(text, MAX_TEXT);
    }

    /** Says how far the work is. */
    public synchronized void progress(int percent, String text) {
        if (percent < 0 || percent > 100) {
            throw new IllegalArgumentException("percent must be 0 to 100, was " + percent);
        }
        progress = "{\"percent\":" + percent + ",\"text\":" + JsonText.quoted(Failure.cut(text, MAX_TEXT)) + ",";
        isEmpty = false;
    }

    /** Adds a line to the log. */
    public synchronized void log(int attempt, String text, long atNanos) {
        untimed.add(new Line(attempt, Failure.cut(text, MAX_TEXT), atNanos));
        if (untimed.size() > MOST_LINES) {
            untimed.remove();
        }
        isEmpty = false;
    }

    /** Returns whether there may be a row of the report. */
    public synchronized boolean mayBeStored() {
        return mayBeStored;
    }

    /** Returns whether no run has reported anything. */
    public synchronized boolean isEmpty() {
        return isEmpty;
    }

    /**
     * Returns the report for the row, in clear. Gives the log lines their times by the database's clock.
     *
     * @param now the database's time
     * @param nowNanos the time of this process
     */
    public synchronized String json(Instant now, long nowNanos) {
        for (Line line = untimed.poll(); line != null; line = untimed.poll()) {
            Instant at = now.minus(Duration.ofNanos(Math.max(0, nowNanos - line.atNanos())));
            timed.add("{\"attempt\":" + line.attempt() + ",\"at\":\"" + at + "\",\"text\":"
                    + JsonText.quoted(line.text()) + "}");
        }
        while (timed.size() > MOST_LINES) {
            timed.remove();
        }
        mayBeStored = true;
        return progress + "\n\"log\":[\n" + String.join(",\n", new ArrayList<>(timed)) + "\n]}";
    }
}
