package dev.sluice.bridge.config;

import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * One setting: its key, how its text is read, its default and the sentence that explains it. A {@link KeyGroup} makes
 * keys.
 *
 * @param <T> type of the value; {@link Optional} if the key has no default
 * @param name the key, as {@code http.port}
 * @param type {@code int}, {@code long}, {@code boolean}, {@code string}, {@code password} or {@code list}
 * @param range which values are valid, for the reference; empty if the type says it
 * @param byDefault value if the key is not set
 * @param parser reads a text without blanks around it. Throws {@link IllegalArgumentException} if the text is not
 *     valid; the message says what it must be
 * @param shown turns the text of a value into one without secrets
 * @param meaning one or more sentences, in Markdown
 */
record Key<T>(
        String name,
        String type,
        String range,
        T byDefault,
        Function<String, T> parser,
        UnaryOperator<String> shown,
        String meaning) {

    static final String LIST = "list";

    /**
     * Reads a value.
     *
     * @throws IllegalArgumentException if it is not valid; the message begins with the key
     */
    T parse(String text) {
        try {
            return parser.apply(text.trim());
        } catch (IllegalArgumentException e) {
            String problem = String.valueOf(e.getMessage());
            throw new IllegalArgumentException(problem.startsWith(name) ? problem : name + " " + problem, e);
        }
    }

    /** Returns the same key under another name. */
    Key<T> named(String other) {
        return new Key<>(other, type, range, byDefault, parser, shown, meaning);
    }

    /** Returns whether an empty text sets the key. For other keys it counts as not set. */
    boolean takesEmptyText() {
        return type.equals(LIST);
    }

    /** Returns a value as text, without secrets. */
    String show(Object value) {
        String text = text(value);
        return text.isEmpty() ? text : shown.apply(text);
    }

    /** Returns the default as text; empty if there is none. */
    String defaultText() {
        return text(byDefault);
    }

    private static String text(Object value) {
        if (value instanceof Optional<?> optional) {
            return optional.map(String::valueOf).orElse("");
        }
        return value instanceof Duration duration ? String.valueOf(duration.toMillis()) : value.toString();
    }
}
