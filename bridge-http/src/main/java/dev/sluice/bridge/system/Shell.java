package dev.sluice.bridge.system;

/** Words of commands that are printed to be pasted into a shell. */
public final class Shell {
    private Shell() {}

    /** Returns a word in quotes if it needs them. */
    public static String quoted(String word) {
        return word.matches("[\\p{L}\\p{N}_./:@%+=,-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
