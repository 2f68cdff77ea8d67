package dev.sluice.queue;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * The form of an encrypted payload: a JSON object of strings, in any order. All but the key id are base64.
 *
 * <pre>{@code
 * {"encrypted": "…", "iv": "…", "authTag": "…", "keyId": "2026-05"}   made by Sluice; the IV has 12 bytes
 * {"encrypted": "…", "iv": "…", "authTag": "…"}                       names no key; the IV has 12 or 16 bytes
 * }</pre>
 *
 * <p>Any client can push an object of this form. Only the tag proves that Sluice encrypted it.
 *
 * @param encrypted the ciphertext
 * @param iv 12 or 16 bytes
 * @param tag 16 bytes
 * @param keyId id of the key that encrypted it; null if it names none
 */
@SuppressWarnings("ArrayRecordComponent") // Nothing compares sealed payloads.
record SealedPayload(
        byte[] encrypted, byte[] iv, byte[] tag, @Nullable String keyId) {
    static final int IV_BYTES = 12;
    static final int TAG_BYTES = 16;

    private static final int LONG_IV_BYTES = 16;
    private static final int MAX_KEY_ID_LENGTH = 64;
    private static final int ENCRYPTED = 0;
    private static final int IV = 1;
    private static final int AUTH_TAG = 2;
    private static final int KEY_ID = 3;
    private static final ByteBuffer[] NAMES = {
        ISO_8859_1.encode("encrypted"),
        ISO_8859_1.encode("iv"),
        ISO_8859_1.encode("authTag"),
        ISO_8859_1.encode("keyId")
    };

    /** Returns whether a text can be the id of a key: 1 to 64 ASCII letters, digits, {@code . _ -}. */
    static boolean isKeyId(String text) {
        return !text.isEmpty()
                && text.length() <= MAX_KEY_ID_LENGTH
                && text.chars().allMatch(SealedPayload::isKeyIdCharacter);
    }

    private static boolean isKeyIdCharacter(int c) {
        return c >= 0 && c < 0x80 && (Character.isLetterOrDigit(c) || c == '.' || c == '_' || c == '-');
    }

    /** Returns the JSON text without spaces, its names in the order of the record. */
    String toJson() {
        Base64.Encoder base64 = Base64.getEncoder();
        return "{\"encrypted\":\"" + base64.encodeToString(encrypted) + "\",\"iv\":\"" + base64.encodeToString(iv)
                + "\",\"authTag\":\"" + base64.encodeToString(tag) + (keyId == null ? "" : "\",\"keyId\":\"" + keyId)
                + "\"}";
    }

    /**
     * Parses a JSON text in UTF-8; returns null if it does not have the form. The first name of most other texts
     * already tells them apart, so parsing every payload is cheap.
     */
    static @Nullable SealedPayload parse(byte[] json) {
        ByteBuffer[] values = new Scan(json).values();
        if (values == null || values[ENCRYPTED] == null || values[IV] == null || values[AUTH_TAG] == null) {
            return null;
        }
        String keyId = values[KEY_ID] == null
                ? null
                : ISO_8859_1.decode(values[KEY_ID]).toString();
        if (keyId != null && !isKeyId(keyId)) {
            return null;
        }
        try {
            Base64.Decoder base64 = Base64.getDecoder();
            byte[] iv = base64.decode(values[IV]).array();
            byte[] tag = base64.decode(values[AUTH_TAG]).array();
            boolean fits = (iv.length == IV_BYTES || iv.length == LONG_IV_BYTES) && tag.length == TAG_BYTES;
            return fits ? new SealedPayload(base64.decode(values[ENCRYPTED]).array(), iv, tag, keyId) : null;
        } catch (IllegalArgumentException e) {
            return null; // Not base64.
        }
    }

    /** Parses an object of known names and plain strings, and nothing else. */
    private static final class Scan {
        private final byte[] json;
        private int at;

        Scan(byte[] json) {
            this.json = json;
        }

        /** Returns the values in the order of {@link #NAMES}, or null if the text is anything else. */
        @Nullable
        ByteBuffer @Nullable [] values() {
            if (!take('{')) {
                return null;
            }
            @Nullable ByteBuffer[] values = new ByteBuffer[NAMES.length];
            do {
                ByteBuffer name = string();
                int index = Arrays.asList(NAMES).indexOf(name);
                if (index < 0 || values[index] != null || !take(':')) {
                    return null;
                }
                values[index] = string();
                if (values[index] == null) {
                    return null;
                }
            } while (take(','));
            boolean ends = take('}');
            skipSpace();
            return ends && at == json.length ? values : null;
        }

        private void skipSpace() {
            while (at < json.length && " \t\r\n".indexOf(json[at]) >= 0) {
                at++;
            }
        }

        private boolean take(char expected) {
            skipSpace();
            boolean found = at < json.length && json[at] == expected;
            at += found ? 1 : 0;
            return found;
        }

        private @Nullable ByteBuffer string() {
            if (!take('"')) {
                return null;
            }
            int start = at;
            while (at < json.length) {
                byte c = json[at++];
                if (c == '"') {
                    return ByteBuffer.wrap(json, start, at - 1 - start);
                }
                if (c != '/' && c != '+' && c != '=' && !isKeyIdCharacter(c)) {
                    return null;
                }
            }
            return null;
        }
    }
}
