package dev.sluice.bridge.api.endpoint;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as clients write them: {@code 500ms}, {@code 5s}, {@code 30m}, {@code 2h}, {@code 1d}. */
final class Waits {
    private static final Pattern WAIT = Pattern.compile("(\\d{1,9})(ms|s|m|h|d)");

    private Waits() {}

    static Duration parse(String what, String text) {
        Matcher wait = WAIT.matcher(text);
        if (!wait.matches()) {
            throw badRequest(what + " must be durations such as 500ms, 5s, 30m, 2h or 1d");
        }
        long number = Long.parseLong(wait.group(1));
        return switch (wait.group(2)) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> Duration.ofDays(number);
        };
    }

    /** Returns a duration as a whole number of the largest unit that fits, up to hours. */
    static String text(Duration wait) {
        long ms = wait.toMillis();
        if (ms % 1000 != 0) {
            return ms + "ms";
        }
        long s = wait.toSeconds();
        if (s == 0 || s % 60 != 0) {
            return s + "s";
        }
        return s % 3600 == 0 ? s / 3600 + "h" : s / 60 + "m";
    }
}
