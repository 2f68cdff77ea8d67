package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads JSON text into the values that Connect has without a schema: {@code Map}, {@code List}, {@code String},
 * {@code Boolean} and null. The caller decides what a number becomes.
 *
 * <p>The members of an object keep their order. Of two members with one name, the last one counts. Half of a surrogate
 * pair, which JSON can escape, stays half of a pair.
 *
 * <p>{@link JsonSyntax} checks the text first, so this class reads only text that is valid.
 */
public final class JsonValue {
    private static final int MAX_LONG_LENGTH = 20;

    /** Longest number that is compared with a double. The comparison of longer ones would take too long. */
    static final int MAX_DECIMAL_LENGTH = 1000;

    private final String text;
    private final Function<String, Object> numbers;
    private int at;
    private int depth;

    private JsonValue(String text, Function<String, Object> numbers) {
        this.text = text;
        this.numbers = numbers;
    }

    /** A value of a text that is JSON; null stands for JSON's null. */
    public record Parsed(@Nullable Object value) {}

    /** A text has more levels of arrays and objects than {@code JsonConverter} writes. */
    private static final class TooDeepException extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /**
     * Parses a text.
     *
     * @param numbers makes a value of the text of a number
     * @return nothing if the text is no JSON, or has more than {@link JsonText#MAX_DEPTH} levels of arrays and objects
     */
    public static Optional<Parsed> parse(String text, Function<String, Object> numbers) {
        byte[] encoded = text.getBytes(UTF_8);
        if (!JsonSyntax.isValid(encoded)) {
            return Optional.empty();
        }
        var json = new JsonValue(text, numbers);
        json.space();
        try {
            return Optional.of(new Parsed(json.value()));
        } catch (TooDeepException e) {
            return Optional.empty();
        }
    }

    private void enter() {
        if (++depth > JsonText.MAX_DEPTH) {
            throw new TooDeepException();
        }
        at++;
        space();
    }

    private void leave() {
        depth--;
        at++;
    }

    /**
     * Returns a number as the {@code Long} or the {@code Double} that is exactly this number: {@code 7}, {@code 0.5} or
     * {@code 1e3}, but not {@code 12345678901234567890}. A {@code Double} counts as exact if its shortest decimal text
     * is the same number.
     *
     * @return nothing if there is neither
     */
    public static Optional<Number> exact(String number) {
        boolean isWhole = isWhole(number);
        if (isWhole && number.length() <= MAX_LONG_LENGTH && !number.equals("-0")) {
            try {
                return Optional.of(Long.valueOf(number));
            } catch (NumberFormatException e) {
                return Optional.empty(); // More than 64 bits.
            }
        }
        if (number.length() > MAX_DECIMAL_LENGTH || (isWhole && !number.equals("-0"))) {
            return Optional.empty();
        }
        double nearest = Double.parseDouble(number);
        return isSame(nearest, number) ? Optional.of(nearest) : Optional.empty();
    }

    private static boolean isWhole(String number) {
        return number.indexOf('.') < 0 && number.indexOf('e') < 0 && number.indexOf('E') < 0;
    }

    private static boolean isSame(double nearest, String number) {
        if (Double.isInfinite(nearest)) {
            return false;
        }
        try {
            return new BigDecimal(number).compareTo(new BigDecimal(Double.toString(nearest))) == 0;
        } catch (NumberFormatException e) {
            return false; // The exponent has more than 32 bits.
        }
    }

    private @Nullable Object value() {
        return switch (text.charAt(at)) {
            case '{' -> members();
            case '[' -> elements();
            case '"' -> string();
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, @Nullable Object> members() {
        var members = new LinkedHashMap<String, @Nullable Object>();
        enter();
        while (text.charAt(at) != '}') {
            String name = string();
            skip(':');
            members.put(name, value());
            space();
            if (text.charAt(at) == ',') {
                skip(',');
            }
        }
        leave();
        return members;
    }

    private List<@Nullable Object> elements() {
        var elements = new ArrayList<@Nullable Object>();
        enter();
        while (text.charAt(at) != ']') {
            elements.add(value());
            space();
            if (text.charAt(at) == ',') {
                skip(',');
            }
        }
        leave();
        return elements;
    }

    private String string() {
        int start = ++at;
        while (text.charAt(at) != '"' && text.charAt(at) != '\\') {
            at++;
        }
        if (text.charAt(at) == '"') {
            return text.substring(start, at++);
        }
        var characters = new StringBuilder(text.substring(start, at));
        while (text.charAt(at) != '"') {
            char c = text.charAt(at++);
            characters.append(c == '\\' ? escaped() : c);
        }
        at++;
        return characters.toString();
    }

    private char escaped() {
        char c = text.charAt(at++);
        return switch (c) {
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> (char) Integer.parseInt(text, at, at += 4, 16);
            default -> c;
        };
    }

    private Object number() {
        int start = at;
        while (at < text.length() && isOfNumber(text.charAt(at))) {
            at++;
        }
        return numbers.apply(text.substring(start, at));
    }

    private static boolean isOfNumber(char c) {
        return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
    }

    private @Nullable Object word(String word, @Nullable Object value) {
        at += word.length();
        return value;
    }

    /** Skips one character, with the white space around it. */
    private void skip(char c) {
        space();
        if (text.charAt(at) != c) {
            throw new IllegalStateException("expected " + c + " at " + at);
        }
        at++;
        space();
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }
}
