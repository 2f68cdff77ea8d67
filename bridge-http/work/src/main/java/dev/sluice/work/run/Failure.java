package dev.sluice.work.run;

import dev.sluice.work.rules.JsonText;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A failure of a handler, as the history of a work has it.
 *
 * @param attempt its number, from 1
 * @param type class of the error
 * @param message its message; may be empty
 * @param stack its stack trace, cut
 * @param durationMs how long the handler ran
 * @param worker the engine and thread
 */
public record Failure(int attempt, String type, String message, String stack, long durationMs, String worker) {
    /** Most failures that a history keeps: the newest. */
    public static final int MOST = 10;

    public static final int MAX_MESSAGE = 1_000;
    static final int MAX_STACK = 4_000;

    /** Makes the failure of an error. */
    public static Failure of(int attempt, Throwable error, long durationMs, String worker) {
        String message = messageOf(error);
        return new Failure(
                attempt,
                error.getClass().getName(),
                cut(message, MAX_MESSAGE),
                cut(stackOf(error), MAX_STACK),
                durationMs,
                worker);
    }

    /** Returns the message of an error, whatever its methods do. */
    @SuppressWarnings("CatchingUnchecked")
    private static String messageOf(Throwable error) {
        try {
            String message = error.getMessage();
            return message == null ? "" : message;
        } catch (Throwable e) {
            return "its message cannot be read: " + e.getClass().getName();
        }
    }

    @SuppressWarnings("CatchingUnchecked")
    private static String stackOf(Throwable error) {
        try {
            var stack = new StringWriter();
            error.printStackTrace(new PrintWriter(stack));
            return stack.toString();
        } catch (Throwable e) {
            return "";
        }
    }

    /** Returns the beginning of a text, in characters that PostgreSQL can store. */
    public static String cut(String text, int most) {
        String beginning = text.substring(0, Math.min(text.length(), most));
        return beginning.replace('\0', '\uFFFD').replaceAll("[\\x{d800}-\\x{dfff}]", "\uFFFD");
    }

    /** Returns type and message. */
    public String reason() {
        return message.isEmpty() ? type : type + ": " + message;
    }

    /**
     * Adds this failure to a history. A history is the text of a JSON array with a line for each failure.
     *
     * @param history null: there is none yet
     * @param at when the failure is stored, by the database's clock
     */
    public String addTo(@Nullable String history, Instant at) {
        var lines = new ArrayList<String>();
        if (history != null) {
            List<String> all = history.lines().toList();
            // The first and the last line are the brackets.
            all.subList(1, Math.max(1, all.size() - 1))
                    .forEach(line -> lines.add(line.endsWith(",") ? line.substring(0, line.length() - 1) : line));
        }
        lines.add("{\"attempt\":" + attempt + ",\"type\":" + JsonText.quoted(type) + ",\"message\":"
                + JsonText.quoted(message) + ",\"at\":\"" + at + "\",\"durationMs\":" + durationMs + ",\"worker\":"
                + JsonText.quoted(worker) + ",\"stack\":" + JsonText.quoted(stack) + "}");
        List<String> newest = lines.subList(Math.max(0, lines.size() - MOST), lines.size());
        return "[\n" + String.join(",\n", newest) + "\n]";
    }
}
