package dev.sluice.bridge.system;

import java.nio.charset.Charset;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The locale of the process. Java reads variables and arguments, and writes paths, in the encoding of the locale. In
 * the locale C that is ASCII: Java reads every other byte as {@code U+FFFD} and can write no other character.
 *
 * @param name the variable that sets the locale and its value, such as {@code LC_ALL=C}
 * @param encoding the encoding, such as {@code ANSI_X3.4-1968}
 */
public record NativeLocale(String name, String encoding) {
    private static final char UNREADABLE = '\uFFFD';
    private static final String ADVICE = "start with LC_ALL=C.UTF-8";

    /** Returns the locale of this process. */
    public static NativeLocale of(Map<String, String> environment) {
        String encoding =
                System.getProperty("sun.jnu.encoding", Charset.defaultCharset().name());
        for (String variable : List.of("LC_ALL", "LC_CTYPE", "LANG")) {
            String value = environment.getOrDefault(variable, "");
            if (!value.isEmpty()) {
                return new NativeLocale(variable + "=" + value, encoding);
            }
        }
        return new NativeLocale("C (LC_ALL is not set)", encoding);
    }

    /** Returns what is wrong with the text of a variable or an argument; null if it is right. */
    @Nullable
    public String problemOf(String text) {
        return text.indexOf(UNREADABLE) < 0
                ? null
                : "holds characters that cannot be read in the locale " + name + " (" + encoding + "); " + ADVICE;
    }

    /** Returns what is wrong with a path; null if it is right. */
    @Nullable
    public String problemOfPath(String path) {
        try {
            Object unused = Path.of(path);
            return null;
        } catch (InvalidPathException e) {
            return path.indexOf('\0') >= 0
                    ? "must not hold a NUL character"
                    : "holds characters that no path can have in the locale " + name + " (" + encoding + "); " + ADVICE;
        }
    }
}
