package dev.sluice.queue.write;

import java.util.HexFormat;

/**
 * A queue's name as bridges tell it to each other: printable ASCII without spaces. Every other character, and the
 * percent sign, is a percent sign and the four hexadecimal digits of its UTF-16 unit. So a name has no character that
 * separates names, its length in bytes is its length in characters, and the encoding of the database does not matter.
 */
final class WireName {
    /** Most characters of a queue's name, as the table of queues checks it. */
    static final int MAX_QUEUE_NAME = 255;

    private static final char ESCAPE = '%';
    private static final int HEX_DIGITS = 4;
    private static final HexFormat HEX = HexFormat.of();

    private WireName() {}

    /** Says whether a queue can have the name. */
    static boolean canBeQueue(String name) {
        return !name.isEmpty() && name.codePointCount(0, name.length()) <= MAX_QUEUE_NAME;
    }

    /** Returns what stands for the name. */
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

    /** Returns the name. An incomplete escape stands for itself: the name is another hint and wakes no consumer. */
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
