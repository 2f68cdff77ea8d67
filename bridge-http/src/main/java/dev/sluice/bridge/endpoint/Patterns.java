package dev.sluice.bridge.endpoint;

import java.util.Collection;
import java.util.List;

/**
 * Names and patterns of names. In a pattern, {@code *} stands for any characters, also for none and for dots. Any other
 * character stands for itself. Immutable.
 */
final class Patterns {
    private static final char STAR = '*';

    private final List<String> texts;

    Patterns(Collection<String> texts) {
        this.texts = List.copyOf(texts);
    }

    /** Returns whether one of them is the name, or a pattern of it. */
    boolean match(String name) {
        return matchFrom("", name);
    }

    /** Returns whether one of those that begin with {@code beginning} is the name, or a pattern of it. */
    boolean matchFrom(String beginning, String name) {
        return texts.stream().anyMatch(text -> text.startsWith(beginning) && matches(text, name));
    }

    /** Returns whether one of them is exactly the name. */
    boolean have(String name) {
        return texts.contains(name);
    }

    /** Goes back to the last asterisk only, so the time is bounded by the product of the lengths. */
    private static boolean matches(String pattern, String name) {
        int at = 0;
        int star = -1;
        int resume = 0;
        int i = 0;
        while (i < name.length()) {
            if (at < pattern.length() && pattern.charAt(at) == STAR) {
                star = at++;
                resume = i;
            } else if (at < pattern.length() && pattern.charAt(at) == name.charAt(i)) {
                at++;
                i++;
            } else if (star >= 0) {
                at = star + 1;
                i = ++resume;
            } else {
                return false;
            }
        }
        while (at < pattern.length() && pattern.charAt(at) == STAR) {
            at++;
        }
        return at == pattern.length();
    }

    @Override
    public String toString() {
        return texts.toString();
    }
}
