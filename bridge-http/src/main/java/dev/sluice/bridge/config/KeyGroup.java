package dev.sluice.bridge.config;

import dev.sluice.bridge.system.NativeLocale;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * The keys of one part of the service: a section of {@code docs/configuration.md}. A {@code *Settings} class declares
 * each key as a constant. Each method here makes a key of one type and appends it, so the order of the constants is the
 * order of the section.
 */
final class KeyGroup {
    static final int HOUR_MS = 3_600_000;
    static final int MAX_PORT = 65_535;

    private static final String INT = "int";
    private static final String LONG = "long";
    private static final String STRING = "string";
    private static final String PASSWORD = "password";
    private static final Pattern COMMA = Pattern.compile("\\s*,\\s*");

    private final String title;
    private final List<Key<?>> keys = new ArrayList<>();

    KeyGroup(String title) {
        this.title = title;
    }

    String title() {
        return title;
    }

    /** Returns the keys, in the order in which they were declared. */
    List<Key<?>> keys() {
        return Collections.unmodifiableList(keys);
    }

    Key<Integer> integer(String name, int byDefault, int least, int most, String meaning) {
        return add(number(name, INT, byDefault, least, most, Integer::parseInt, meaning));
    }

    Key<Long> number(String name, long byDefault, long least, long most, String meaning) {
        return add(number(name, LONG, byDefault, least, most, Long::parseLong, meaning));
    }

    /** Makes a key for a time in milliseconds, of type {@code int}. */
    Key<Duration> millis(String name, int byDefault, int least, int most, String meaning) {
        return add(duration(number(name, INT, byDefault, least, most, Integer::parseInt, meaning)));
    }

    /** Makes a key for a time in milliseconds, of type {@code long}. */
    Key<Duration> longMillis(String name, long byDefault, long least, long most, String meaning) {
        return add(duration(number(name, LONG, byDefault, least, most, Long::parseLong, meaning)));
    }

    private static <N extends Number> Key<N> number(
            String name, String type, N byDefault, long least, long most, Function<String, N> parser, String meaning) {
        String range = least + " to " + most;
        Function<String, N> inRange = text -> {
            N value = whole(text, parser, range);
            if (value.longValue() < least || value.longValue() > most) {
                throw new IllegalArgumentException("must be " + range + ", was " + text);
            }
            return value;
        };
        return new Key<>(name, type, range, byDefault, inRange, Secrets::hidden, meaning);
    }

    private static <N> N whole(String text, Function<String, N> parser, String range) {
        try {
            return parser.apply(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("must be a whole number, " + range + ", was " + text, e);
        }
    }

    private static Key<Duration> duration(Key<? extends Number> millis) {
        return new Key<>(
                millis.name(),
                millis.type(),
                millis.range(),
                Duration.ofMillis(millis.byDefault().longValue()),
                text -> Duration.ofMillis(millis.parser().apply(text).longValue()),
                millis.shown(),
                millis.meaning());
    }

    Key<Boolean> flag(String name, boolean byDefault, String meaning) {
        return add(new Key<>(name, "boolean", "", byDefault, KeyGroup::flag, Secrets::hidden, meaning));
    }

    private static boolean flag(String text) {
        if (text.equalsIgnoreCase("true")) {
            return true;
        }
        if (text.equalsIgnoreCase("false")) {
            return false;
        }
        throw new IllegalArgumentException("must be true or false, was " + text);
    }

    Key<String> text(String name, String byDefault, String meaning) {
        return parsed(name, byDefault, text -> text, meaning);
    }

    /** Makes a key whose text {@code check} refuses with an {@link IllegalArgumentException} if it is not valid. */
    Key<String> text(String name, String byDefault, Consumer<String> check, String meaning) {
        return parsed(name, byDefault, checked(check), meaning);
    }

    <T> Key<T> parsed(String name, String byDefault, Function<String, T> parser, String meaning) {
        return add(new Key<>(name, STRING, "", parser.apply(byDefault), parser, Secrets::hidden, meaning));
    }

    Key<String> choice(String name, String byDefault, List<String> values, String meaning) {
        String range = String.join(", ", values);
        return add(new Key<>(
                name,
                STRING,
                range,
                byDefault,
                checked(text -> {
                    if (!values.contains(text)) {
                        throw new IllegalArgumentException("must be one of " + range + ", was " + text);
                    }
                }),
                Secrets::hidden,
                meaning));
    }

    Key<Optional<String>> optional(String name, String meaning) {
        return optional(name, text -> {}, Secrets::hidden, meaning);
    }

    /** Makes a key without a default. {@code shown} turns a value into one without secrets. */
    Key<Optional<String>> optional(String name, Consumer<String> check, UnaryOperator<String> shown, String meaning) {
        return add(new Key<>(name, STRING, "", Optional.empty(), checked(check).andThen(Optional::of), shown, meaning));
    }

    Key<Optional<String>> secret(String name, String meaning) {
        return add(new Key<>(name, PASSWORD, "", Optional.empty(), Optional::of, secret -> Secrets.HIDDEN, meaning));
    }

    Key<Path> path(String name, String byDefault, String meaning) {
        return parsed(name, byDefault, KeyGroup::path, meaning);
    }

    Key<Optional<Path>> optionalPath(String name, String meaning) {
        return add(new Key<>(
                name, STRING, "", Optional.empty(), text -> Optional.of(path(text)), Secrets::hidden, meaning));
    }

    private static Path path(String text) {
        String problem = NativeLocale.of(System.getenv()).problemOfPath(text);
        if (problem != null) {
            throw new IllegalArgumentException(problem);
        }
        return Path.of(text);
    }

    /** Makes a key for a list of texts, separated by commas. An empty text is the empty list. */
    Key<List<String>> list(String name, String byDefault, String meaning) {
        return add(new Key<>(name, Key.LIST, "", KeyGroup.list(byDefault), KeyGroup::list, Secrets::hidden, meaning));
    }

    private static List<String> list(String text) {
        return text.isEmpty() ? List.of() : List.of(COMMA.split(text, -1));
    }

    private static Function<String, String> checked(Consumer<String> check) {
        return text -> {
            check.accept(text);
            return text;
        };
    }

    private <T> Key<T> add(Key<T> key) {
        keys.add(key);
        return key;
    }
}
