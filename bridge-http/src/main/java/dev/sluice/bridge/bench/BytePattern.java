package dev.sluice.bridge.bench;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Finds a text in bytes without looking at most of them (Horspool's algorithm). Immutable. */
final class BytePattern {
    private static final int BYTE_VALUES = 256;

    private final byte[] pattern;
    private final int[] skips = new int[BYTE_VALUES];

    BytePattern(String ascii) {
        pattern = ascii.getBytes(StandardCharsets.US_ASCII);
        Arrays.fill(skips, pattern.length);
        for (int i = 0; i < pattern.length - 1; i++) {
            skips[pattern[i] & 0xff] = pattern.length - 1 - i;
        }
    }

    int length() {
        return pattern.length;
    }

    /** Returns where the text begins within {@code from} and {@code to}; -1 if it is not there. */
    int find(byte[] bytes, int from, int to) {
        int last = pattern.length - 1;
        int at = from;
        while (at + last < to) {
            int i = last;
            while (i >= 0 && bytes[at + i] == pattern[i]) {
                i--;
            }
            if (i < 0) {
                return at;
            }
            at += skips[bytes[at + last] & 0xff];
        }
        return -1;
    }

    /** Returns how often the text is there. */
    int count(byte[] bytes, int from, int to) {
        int count = 0;
        for (int at = find(bytes, from, to); at >= 0; at = find(bytes, at + pattern.length, to)) {
            count++;
        }
        return count;
    }
}
