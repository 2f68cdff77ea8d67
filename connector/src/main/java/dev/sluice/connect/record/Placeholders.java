package dev.sluice.connect.record;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Checks the placeholders of a format such as {@code kafka.${topic}}. A format has one that it replaces. */
public final class Placeholders {
    /** A placeholder, also one that is not closed. */
    private static final Pattern PLACEHOLDER = Pattern.compile("\\$\\{[^}]*}?");

    private Placeholders() {}

    /**
     * Checks that a format has no placeholder but {@code known}: no code would replace another one.
     *
     * @throws IllegalArgumentException if it has another; the message names both
     */
    public static void check(String setting, String format, String known) {
        Matcher other = PLACEHOLDER.matcher(format.replace(known, ""));
        if (other.find()) {
            throw new IllegalArgumentException(
                    setting + " must not contain " + other.group() + ": its only placeholder is " + known);
        }
    }
}
