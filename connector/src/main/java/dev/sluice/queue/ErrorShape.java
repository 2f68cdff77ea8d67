package dev.sluice.queue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * The shape of an error text: the text with everything folded that differs from one failure to the next. Errors of one
 * cause have one shape, so that a million dead letters are a few groups.
 *
 * <ul>
 *   <li>Numbers, times, addresses and versions become {@code #}: {@code Timeout after 5000 ms} has the shape
 *       {@code Timeout after # ms}, and {@code user17} has {@code user#}.
 *   <li>UUIDs, hexadecimal ids of {@value #HEX_ID} and more digits, and words of {@value #LONG_ID} and more letters and
 *       digits, in which these alternate, become {@code #}.
 *   <li>A quoted value becomes {@code #} in its quotes. An apostrophe within a word is no quote.
 *   <li>White space becomes one space, and a list of folded values one of them.
 *   <li>The shape is cut after {@value #MAX_LENGTH} characters. What comes after {@value #READ} characters of the text
 *       is not looked at.
 * </ul>
 *
 * <p>A shape contains no value of the text that is folded, and nothing that the text does not contain. It is computed
 * when a dead letter is stored, in one pass.
 *
 * @param text the shape
 * @param id a hash of the shape: the beginning of its SHA-256
 */
public record ErrorShape(String text, long id) {
    /** Most characters of a shape. */
    public static final int MAX_LENGTH = 200;

    /** Most characters of an error that are looked at. */
    public static final int READ = 2_000;

    /** A word of so many hexadecimal digits, one of them a decimal digit, is an id. */
    static final int HEX_ID = 8;

    /** A word of so many letters and digits is an id, if they alternate as in random text. */
    static final int LONG_ID = 16;

    /** How often letters and digits alternate in an id. {@code Http2ConnectionException} has two changes. */
    private static final int CHANGES = 4;

    /** Returns the shape of an error. */
    public static ErrorShape of(String error) {
        String shape = new Folding(error.substring(0, Math.min(error.length(), READ))).run();
        return new ErrorShape(shape, hash(shape));
    }

    private static long hash(String shape) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(shape.getBytes(StandardCharsets.UTF_8));
            return ByteBuffer.wrap(digest).getLong();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** Returns the id as clients see it: 16 hexadecimal digits. */
    public static String idText(long id) {
        return String.format("%016x", id);
    }

    /**
     * Parses {@link #idText}.
     *
     * @throws IllegalArgumentException if the text is anything else
     */
    public static long parseId(String text) {
        if (!text.matches("[0-9a-f]{16}")) {
            throw new IllegalArgumentException("shape must be 16 hexadecimal digits, was " + text);
        }
        return Long.parseUnsignedLong(text, 16);
    }

    /** Folds one text, from left to right. */
    private static final class Folding {
        private static final String FOLDED = "#";
        private static final String QUOTES = "'\"`";
        private static final int UUID_LENGTH = 36;

        private final String text;
        private final StringBuilder shape = new StringBuilder();
        private int at;

        Folding(String text) {
            this.text = text;
        }

        String run() {
            while (at < text.length() && shape.length() <= MAX_LENGTH) {
                char c = text.charAt(at);
                if (Character.isWhitespace(c) || Character.isISOControl(c)) {
                    at++;
                    if (!shape.isEmpty() && shape.charAt(shape.length() - 1) != ' ') {
                        shape.append(' ');
                    }
                } else if (QUOTES.indexOf(c) >= 0 && isAtWordStart()) {
                    quoted(c);
                } else if (isAscii(c) && isAtWordStart()) {
                    word();
                } else if (isDigit(c)) {
                    number();
                } else {
                    shape.append(c);
                    at++;
                }
            }
            return cut(shape.toString().strip());
        }

        private static String cut(String whole) {
            if (whole.length() <= MAX_LENGTH) {
                return whole;
            }
            boolean splitsPair = Character.isHighSurrogate(whole.charAt(MAX_LENGTH - 2));
            return whole.substring(0, MAX_LENGTH - (splitsPair ? 2 : 1)) + "…";
        }

        private boolean isAtWordStart() {
            return at == 0 || !Character.isLetterOrDigit(text.charAt(at - 1));
        }

        /** Folds a quoted value. A quote without an end stays as it is. */
        private void quoted(char quote) {
            int end = text.indexOf(quote, at + 1);
            while (end >= 0 && end + 1 < text.length() && Character.isLetterOrDigit(text.charAt(end + 1))) {
                end = text.indexOf(quote, end + 1);
            }
            shape.append(quote);
            at++;
            if (end > at) {
                shape.append(FOLDED).append(quote);
                at = end + 1;
            }
        }

        /** Folds a word that is an id, or the numbers in it. */
        private void word() {
            int end = wordEnd();
            if (isUuid()) {
                at += UUID_LENGTH;
                fold();
            } else if (isId(text.substring(at, end))) {
                at = end;
                skipRestOfNumber();
                fold();
            } else {
                while (at < end) {
                    if (isDigit(text.charAt(at))) {
                        number();
                        return;
                    }
                    shape.append(text.charAt(at++));
                }
            }
        }

        private int wordEnd() {
            int end = at;
            while (end < text.length() && (isAscii(text.charAt(end)) || text.charAt(end) == '_')) {
                end++;
            }
            return end;
        }

        private boolean isUuid() {
            if (at + UUID_LENGTH > text.length()
                    || (at + UUID_LENGTH < text.length() && isAscii(text.charAt(at + UUID_LENGTH)))) {
                return false;
            }
            for (int i = 0; i < UUID_LENGTH; i++) {
                boolean isHyphen = i == 8 || i == 13 || i == 18 || i == 23;
                char c = text.charAt(at + i);
                if (isHyphen ? c != '-' : Character.digit(c, 16) < 0) {
                    return false;
                }
            }
            return true;
        }

        private static boolean isId(String word) {
            boolean hasDigit = false;
            boolean isHex = true;
            int changes = 0;
            for (int i = 0; i < word.length(); i++) {
                char c = word.charAt(i);
                hasDigit |= isDigit(c);
                changes += i > 0 && isDigit(c) != isDigit(word.charAt(i - 1)) ? 1 : 0;
                isHex &= Character.digit(c, 16) >= 0 || (i == 1 && c == 'x' && word.charAt(0) == '0');
            }
            boolean isLong = word.length() >= LONG_ID && changes >= CHANGES;
            return isLong || (hasDigit && isHex && (word.length() >= HEX_ID || word.startsWith("0x")));
        }

        /** Folds a number, with what continues it: 12.5, 2026-11-30T22:48:00, 10.0.0.1:5432. */
        private void number() {
            int length = shape.length();
            boolean isSigned = length > 0
                    && shape.charAt(length - 1) == '-'
                    && (length == 1 || !Character.isLetterOrDigit(shape.charAt(length - 2)));
            if (isSigned) {
                shape.setLength(length - 1);
            }
            skipDigits();
            skipRestOfNumber();
            fold();
        }

        private void skipDigits() {
            while (at < text.length() && isDigit(text.charAt(at))) {
                at++;
            }
        }

        private void skipRestOfNumber() {
            while (at + 1 < text.length() && ".,:-/T".indexOf(text.charAt(at)) >= 0 && isDigit(text.charAt(at + 1))) {
                at++;
                skipDigits();
            }
        }

        /** Appends a folded value, unless it continues a list of them. */
        private void fold() {
            int length = shape.length();
            if (length >= 3 && shape.substring(length - 3).equals("#, ")) {
                shape.setLength(length - 2);
            } else if (length >= 2 && shape.substring(length - 2).equals("#,")) {
                shape.setLength(length - 1);
            } else {
                shape.append(FOLDED);
            }
        }

        private static boolean isAscii(char c) {
            return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        }

        private static boolean isDigit(char c) {
            return c >= '0' && c <= '9';
        }
    }
}
