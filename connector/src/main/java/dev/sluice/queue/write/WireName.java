package dev.sluice.queue.write;

import java.util.HexFormat;

/**
 * Encodes a queue's name for notifications: printable ASCII without spaces. A percent sign and the four hexadecimal
 * digits of its UTF-16 unit stand for every other character, and for the percent sign. So a name never holds the
 * character that separates names, has as many bytes as characters, and does not depend on the encoding of the database.
 */
final class WireName {
    /** Most characters of a queue's name, as the table {@code queues} checks. */
    static final int MAX_QUEUE_NAME = 255;

    private static final char ESCAPE = '%';
    private static final int HEX_DIGITS = 4;
    private static final HexFormat HEX = HexFormat.of();

    private WireName() {}

    /** Returns whether a queue can have the name. */
    static boolean canBeQueue(String name) {
        return name.codePointCount(0, name.length()) <= MAX_QUEUE_NAME;
    }

    /** Returns the encoded name. */
    static String of(String name) {
        var wire = new StringBuilder(name.length());
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c > ' ' && c <= '~' && c != ESCAPE) {
                wire.append(c);
            } else {
                wire.append(ESCAPE).append(HEX.toHexDigits(c));
            }
        }
        return wire.toString();
    }

    /**
     * Returns the decoded name. An incomplete escape stays as it is; no queue has such a name, so it wakes no consumer.
     */
    static String read(String wire) {
        var name = new StringBuilder(wire.length());
        int i = 0;
        while (i < wire.length()) {
            char c = wire.charAt(i);
            if (c == ESCAPE && isEscape(wire, i + 1)) {
                name.append((char) HexFormat.fromHexDigits(wire, i + 1, i + 1 + HEX_DIGITS));
                i += 1 + HEX_DIGITS;
            } else {
                name.append(c);
                i++;
            }
        }
        return name.toString();
    }

    private static boolean isEscape(String wire, int from) {
        if (from + HEX_DIGITS > wire.length()) {
            return false;
        }
        return wire.substring(from, from + HEX_DIGITS).chars().allMatch(HexFormat::isHexDigit);
    }
}
