package dev.sluice.queue;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where the limit key of a message is, such as its tenant, and how the names of partitions carry limit keys.
 *
 * <p>A limit key is a part of the name of its partition, so that the messages of a key can be limited before they are
 * read. A partition with messages that have no order among them is {@code ~LANE@KEY}; any other partition is
 * {@code ~@KEY/PARTITION}. In {@code KEY}, the characters that would end it are escaped, and a long one is cut and ends
 * with its hash. {@link #nameOf} returns {@code =KEY}.
 *
 * <p>A producer cannot choose the limit key of a work by the name of its partition: whatever takes a message from a
 * producer calls {@link #ofProducer}. Names that only look like these, such as {@code ~@/x}, carry no key.
 *
 * <p>Immutable.
 */
public final class LimitKey {
    /** The name of messages without a limit key. */
    public static final String NO_KEY = "-";

    /** The names of the queues whose messages can have limit keys begin with it. */
    public static final String QUEUES = "work.";

    /** Beginning of the text that names a header. */
    public static final String HEADER = "header:";

    private static final String NAMED = "=";
    private static final String SHARED = "~";
    private static final char MARK = '@';
    private static final String KEYED = SHARED + MARK;
    private static final char END = '/';

    /** Longest limit key in the name of a partition, in characters, with its escapes. */
    private static final int MAX_LENGTH = 100;

    private static final int HASH_LENGTH = 32;
    private static final Pattern ESCAPE = Pattern.compile("%[0-9a-f]{4}");

    private final String text;
    private final @Nullable JsonPointer pointer;
    private final @Nullable String header;

    private LimitKey(String text, @Nullable JsonPointer pointer, @Nullable String header) {
        this.text = text;
        this.pointer = pointer;
        this.header = header;
    }

    /**
     * Parses a place.
     *
     * @param text a JSON pointer to a text, number or boolean of the payload, such as {@code /tenant}, or
     *     {@code header:NAME}
     * @throws IllegalArgumentException if it is neither; the message says why
     */
    public static LimitKey parse(String text) {
        if (text.startsWith(HEADER)) {
            String name = text.substring(HEADER.length());
            MessageHeaders.of(Map.of(name, ""));
            return new LimitKey(text, null, name);
        }
        if (!text.startsWith("/")) {
            throw new IllegalArgumentException(
                    "limitKey must be a JSON pointer such as /tenant, or " + HEADER + "NAME, was " + text);
        }
        return new LimitKey(text, JsonPointer.parse(text), null);
    }

    /** Parses a stored place. Returns null if the text is null, or no place. */
    public static @Nullable LimitKey ofStored(@Nullable String text) {
        try {
            return text == null ? null : parse(text);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** Returns the limit key of a message; null: it has none, or an empty one. */
    public @Nullable String of(byte[] payload, Map<String, String> headers) {
        String found = pointer != null ? pointer.find(payload) : header(headers);
        return found == null || found.isEmpty() ? null : found;
    }

    private @Nullable String header(Map<String, String> headers) {
        for (Map.Entry<String, String> each : headers.entrySet()) {
            if (each.getKey().equalsIgnoreCase(header)) {
                return each.getValue();
            }
        }
        return null;
    }

    /**
     * Returns the message of a producer without the limit key that the name of its partition carries. Only Sluice gives
     * messages limit keys.
     */
    public static NewMessage ofProducer(NewMessage message) {
        String partition = message.partition();
        if (!partition.startsWith(SHARED) || !message.queue().startsWith(QUEUES)) {
            return message;
        }
        while (nameOf(partition) != null) {
            partition = withoutKey(partition);
        }
        return partition.equals(message.partition()) ? message : message.inPartition(partition);
    }

    /**
     * Returns a message with its limit key in the name of its partition, unless that name carries one already: that of
     * a message which Sluice has accepted before.
     */
    public NewMessage in(NewMessage message) {
        if (nameOf(message.partition()) != null) {
            return message;
        }
        String key = of(message.payload(), message.headers().asMap());
        return key == null ? message : message.inPartition(partition(key, message.partition()));
    }

    /**
     * Returns the name of a partition with a limit key.
     *
     * @param partition a name without a limit key
     */
    public static String partition(String key, String partition) {
        String inName = escaped(key);
        if (partition.equals(NewMessage.DEFAULT_PARTITION)) {
            return SHARED + PriorityLane.NORMAL.text() + MARK + inName;
        }
        if (partition.startsWith(SHARED)) {
            String lane = partition.substring(SHARED.length()).split("\\.", 2)[0];
            return SHARED + (isLane(lane) ? lane : PriorityLane.NORMAL.text()) + MARK + inName;
        }
        String beginning = KEYED + inName + END;
        return beginning + cut(partition, NewMessage.MAX_NAME_LENGTH - beginning.length());
    }

    /** Returns the name of a limit key, as {@link #nameOf} does. */
    public static String name(String key) {
        return NAMED + escaped(key);
    }

    /** Returns the name of the limit key of a partition; null: the partition has none. */
    public static @Nullable String nameOf(String partition) {
        if (!partition.startsWith(SHARED)) {
            return null;
        }
        int mark = partition.indexOf(MARK);
        if (mark < 0) {
            return null;
        }
        int end = partition.length();
        if (mark == SHARED.length()) {
            end = partition.indexOf(END, mark);
            if (end == partition.length() - 1) {
                return null; // No partition is behind the key.
            }
        } else if (!isLane(partition.substring(SHARED.length(), mark)) || partition.indexOf(END, mark) > 0) {
            return null;
        }
        return end <= mark + 1 ? null : NAMED + partition.substring(mark + 1, end);
    }

    private static boolean isLane(String text) {
        return Arrays.stream(PriorityLane.values()).anyMatch(each -> each.text().equals(text));
    }

    /** Returns the limit key of a partition, cut if it is long; null: the partition has none. */
    public static @Nullable String keyOf(String partition) {
        String name = nameOf(partition);
        return name == null ? null : unescaped(name.substring(NAMED.length()));
    }

    /** Returns the name of a partition without its limit key. */
    public static String withoutKey(String partition) {
        if (nameOf(partition) == null) {
            return partition;
        }
        return partition.startsWith(KEYED)
                ? partition.substring(partition.indexOf(END) + 1)
                : partition.substring(0, partition.indexOf(MARK));
    }

    private static String escaped(String key) {
        var name = new StringBuilder();
        for (int i = 0; i < key.length(); i++) {
            char c = key.charAt(i);
            boolean isPair =
                    Character.isHighSurrogate(c) && i + 1 < key.length() && Character.isLowSurrogate(key.charAt(i + 1));
            if (isPair) {
                name.append(c).append(key.charAt(++i));
            } else if (c < ' ' || c == '%' || c == END || c == MARK || Character.isSurrogate(c)) {
                name.append(String.format("%%%04x", (int) c));
            } else {
                name.append(c);
            }
        }
        return cut(name.toString(), MAX_LENGTH);
    }

    private static String unescaped(String name) {
        var key = new StringBuilder();
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c == '%' && ESCAPE.matcher(name).region(i, name.length()).lookingAt()) {
                key.append((char) Integer.parseInt(name.substring(i + 1, i + 5), 16));
                i += 4;
            } else {
                key.append(c);
            }
        }
        return key.toString();
    }

    /** Returns a text that is at most so long: a longer one is cut, and ends with its hash. */
    private static String cut(String text, int most) {
        if (text.length() <= most) {
            return text;
        }
        int end = most - HASH_LENGTH - 1;
        if (Character.isHighSurrogate(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(0, end) + "." + hash(text);
    }

    private static String hash(String text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, HASH_LENGTH / 2);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** Returns the text of the place. */
    @Override
    public String toString() {
        return text;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LimitKey key && key.text.equals(text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }
}
