package dev.sluice.bridge.system;

/** Quotes words of commands that a user pastes into a shell. */
public final class Shell {
    private Shell() {}

    /** Returns a word in quotes if it needs them. */
    public static String quoted(String word) {
        return word.matches("[\\p{L}\\p{N}_./:@%+=,-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
