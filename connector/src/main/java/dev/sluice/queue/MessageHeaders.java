package dev.sluice.queue;

import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The headers of a message: texts by name, in the order of the producer. They say something about the message, such as
 * the trace that it belongs to, and travel with it unchanged.
 *
 * <p><b>Names</b> are tokens (RFC 9110 §5.6.2) of at most {@value #MAX_NAME_LENGTH} characters. Two names of a message
 * differ in more than their case. The names keep their case. Names that begin with {@value #RESERVED} belong to Sluice:
 * {@link #of} refuses them, because the record of a message on Kafka has its own fields under such names.
 *
 * <p><b>Values</b> are Unicode texts. A value has no control character except the tab, and no half of a surrogate pair,
 * so it fits into JSON, into a header on Kafka and into a text of PostgreSQL. A value may be empty.
 *
 * <p><b>Stored form.</b> The log, the tables and the answers hold headers as the text of a JSON object without spaces:
 * {@link #json}. A message without headers has no such text there.
 *
 * <p>Immutable.
 */
public final class MessageHeaders {
    /** Longest name, in characters. */
    public static final int MAX_NAME_LENGTH = 256;

    /** Beginning of the names that producers may not use, in any case. */
    public static final String RESERVED = "sluice.";

    /** Name of a header that has the stored text of headers if that text is damaged. */
    public static final String UNREADABLE = "sluice.unreadable-headers";

    /** No headers. */
    public static final MessageHeaders NONE = new MessageHeaders(Map.of(), "{}");

    private static final String TOKEN_MARKS = "!#$%&'*+-.^_`|~";

    private final Map<String, String> map;
    private final String json;

    private MessageHeaders(Map<String, String> map, String json) {
        this.map = map;
        this.json = json;
    }

    /**
     * Returns the headers of a producer, in the order of the map.
     *
     * @throws IllegalArgumentException if a name or value breaks the rules of this class, or if the headers exceed
     *     {@link HeaderLimits#ABSOLUTE}; the text names the header and the rule
     */
    public static MessageHeaders of(Map<String, String> headers) {
        headers.keySet().forEach(MessageHeaders::checkNotReserved);
        MessageHeaders checked = checked(new LinkedHashMap<>(headers), null);
        HeaderLimits.ABSOLUTE.check(checked);
        return checked;
    }

    /**
     * Parses the stored form. Accepts any text of a JSON object of strings whose names and values keep the rules, also
     * with reserved names and with any size.
     *
     * @throws IllegalArgumentException if the text is anything else
     */
    public static MessageHeaders parse(String json) {
        var text = new HeaderText(json);
        Map<String, String> parsed = text.parse();
        return checked(parsed, text.isPlain() ? json : null);
    }

    /**
     * Returns these headers with a header that may be one of Sluice's own.
     *
     * @param value null: without the header
     */
    public MessageHeaders with(String name, @Nullable String value) {
        var headers = new LinkedHashMap<>(map);
        if (value == null) {
            headers.remove(name);
        } else {
            headers.put(name, value);
        }
        return checked(headers, null);
    }

    /** Returns these headers without those that are Sluice's own. */
    public MessageHeaders withoutReserved() {
        var headers = new LinkedHashMap<>(map);
        return headers.keySet().removeIf(MessageHeaders::isReserved) ? checked(headers, null) : this;
    }

    private static MessageHeaders checked(Map<String, String> headers, @Nullable String json) {
        if (headers.isEmpty()) {
            return NONE;
        }
        Set<String> names = new HashSet<>();
        headers.forEach((name, value) -> {
            checkName(name);
            if (!names.add(name.toLowerCase(Locale.ROOT))) {
                throw new IllegalArgumentException("headers must have each name once, in any case, have two " + name);
            }
            checkValue(name, value);
        });
        return new MessageHeaders(Collections.unmodifiableMap(headers), json == null ? HeaderText.of(headers) : json);
    }

    private static boolean isReserved(String name) {
        return name.regionMatches(true, 0, RESERVED, 0, RESERVED.length());
    }

    private static void checkNotReserved(String name) {
        if (isReserved(name)) {
            throw new IllegalArgumentException(
                    "header " + shown(name) + " must not begin with " + RESERVED + ", which is reserved");
        }
    }

    private static void checkName(String name) {
        if (name.isEmpty()) {
            throw new IllegalArgumentException("names of headers must not be empty");
        }
        if (name.length() > MAX_NAME_LENGTH) {
            throw new IllegalArgumentException("names of headers must have at most " + MAX_NAME_LENGTH + " characters, "
                    + shown(name) + " has " + name.length());
        }
        for (int i = 0; i < name.length(); i++) {
            if (!isTokenCharacter(name.charAt(i))) {
                throw new IllegalArgumentException("names of headers must consist of letters, digits and " + TOKEN_MARKS
                        + ", " + shown(name) + " has another character at index " + i);
            }
        }
    }

    private static boolean isTokenCharacter(char c) {
        return (c >= 'a' && c <= 'z')
                || (c >= 'A' && c <= 'Z')
                || (c >= '0' && c <= '9')
                || TOKEN_MARKS.indexOf(c) >= 0;
    }

    private static void checkValue(String name, String value) {
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (Character.isISOControl(c) && c != '\t') {
                throw new IllegalArgumentException("header " + name + " must not contain control characters, has U+"
                        + String.format("%04X", (int) c) + " at index " + i);
            }
        }
        NewMessage.checkCharacters("header " + name, value);
    }

    /** Returns the beginning of a name that may be no token, in printable ASCII. */
    private static String shown(String name) {
        String beginning = name.substring(0, Math.min(name.length(), 40)).replaceAll("[^!-~]", "?");
        return beginning + (name.length() > 40 ? "…" : "");
    }

    /** Returns the values by name, in order. The map cannot be changed. */
    public Map<String, String> asMap() {
        return map;
    }

    /** Returns the value of a name in any case; null if there is none. */
    public @Nullable String get(String name) {
        String value = map.get(name);
        if (value != null) {
            return value;
        }
        for (Map.Entry<String, String> header : map.entrySet()) {
            if (header.getKey().equalsIgnoreCase(name)) {
                return header.getValue();
            }
        }
        return null;
    }

    public boolean isEmpty() {
        return map.isEmpty();
    }

    /** Returns the text of a JSON object of strings, without spaces and line breaks. */
    public String json() {
        return json;
    }

    /** Returns {@link #json}; null if there are no headers, as the tables store it. */
    public @Nullable String stored() {
        return map.isEmpty() ? null : json;
    }

    /**
     * Returns the headers of a stored text; {@link #NONE} for null. If somebody changed the text in the database so
     * that it is no stored form, the headers are the text under the name {@value #UNREADABLE}: the message can still be
     * delivered, and the text is not lost.
     */
    public static MessageHeaders ofStored(@Nullable String stored) {
        if (stored == null) {
            return NONE;
        }
        try {
            return parse(stored);
        } catch (IllegalArgumentException e) {
            String text = stored.replaceAll("[\\p{Cntrl}\\x80-\\x9f\\x{d800}-\\x{dfff}&&[^\\t]]", "?");
            return parse(HeaderText.of(Map.of(UNREADABLE, text)));
        }
    }

    /** Returns the bytes of {@link #stored} in UTF-8; 0 if there are no headers. */
    public int storedBytes() {
        return map.isEmpty() ? 0 : Math.toIntExact(utf8Length(json));
    }

    /** Returns the bytes of all names and values in UTF-8, for limits. */
    public int bytes() {
        long bytes = 0;
        for (Map.Entry<String, String> header : map.entrySet()) {
            bytes += header.getKey().length() + utf8Length(header.getValue());
        }
        return Math.toIntExact(bytes);
    }

    private static long utf8Length(String text) {
        long bytes = text.length();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            // Each half of a surrogate pair counts two of the four bytes.
            bytes += c < 0x80 ? 0 : c < 0x800 || Character.isSurrogate(c) ? 1 : 2;
        }
        return bytes;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof MessageHeaders that && map.equals(that.map);
    }

    @Override
    public int hashCode() {
        return map.hashCode();
    }

    @Override
    public String toString() {
        return json;
    }
}
