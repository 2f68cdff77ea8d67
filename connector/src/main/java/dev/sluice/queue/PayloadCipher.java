package dev.sluice.queue;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Encrypts payloads of queues that want it, and decrypts what consumers get: AES-256 in GCM (NIST SP 800-38D), in the
 * shape of {@link SealedPayload}. Each key has a name that is stored with what it encrypted, so keys can be replaced: a
 * new one encrypts from now on, the old ones go on to decrypt.
 *
 * <p><b>What is bound.</b> The tag covers the name of the queue beside the ciphertext (as additional data, UTF-8), so a
 * ciphertext that somebody copies into another queue, whose readers may be others, is not decrypted there. It covers
 * neither partition nor transaction id nor message id: a message that is redriven from the dead letters gets new ids,
 * and its payload moves as it is. The queue is what a message never leaves.
 *
 * <p><b>Which payloads are ours.</b> Clients may push objects of the same shape. One whose tag verifies was made with
 * our key for this queue; any other is the client's own, or damaged, or made with a key that is not here, and is
 * delivered as it is stored. By the same test {@link #seal} leaves alone what is sealed already, as messages are that
 * were encrypted on their way in, wait for their time, or are redriven. Nothing is marked, so no mark can be wrong or
 * lost.
 *
 * <p><b>Payloads that name no key</b> are decrypted with the key that encrypts, and with no additional data: so Queen
 * stores them.
 *
 * <p><b>IVs</b> must not repeat under a key. They are 8 random bytes, drawn anew for each instance and after every 2^32
 * messages, and a 4-byte counter: at a thousand restarts and a thousand times 2^32 messages under one key, a repetition
 * has a chance below one in 10^12. Random IVs alone would ask for a new key every 2^32 messages.
 *
 * <p>Safe for use by many threads.
 */
public final class PayloadCipher {
    private static final Logger log = LoggerFactory.getLogger(PayloadCipher.class);

    /** Has no key: encrypts nothing, and delivers as stored. */
    public static final PayloadCipher NONE = new PayloadCipher(Map.of(), null);

    private static final String TRANSFORMATION = "AES/GCM/NoPadding";
    private static final int KEY_BYTES = 32;
    private static final int TAG_BITS = SealedPayload.TAG_BYTES * Byte.SIZE;
    private static final int PREFIX_BYTES = Long.BYTES;
    private static final int MAX_KEYS_WARNED_OF = 100;
    /** What {@link SealedPayload#toJson} begins with. */
    private static final byte[] BEGINNING = "{\"encrypted\":".getBytes(UTF_8);

    private final Map<String, SecretKey> keys;
    /** Which key encrypts; null if there is none. */
    private final @Nullable String keyId;

    private final SecureRandom random = new SecureRandom();
    private final byte[] ivPrefix = new byte[PREFIX_BYTES];
    private int ivCount;
    private final LongAdder unopened = new LongAdder();
    private final Set<String> warnedOf = ConcurrentHashMap.newKeySet();

    private PayloadCipher(Map<String, SecretKey> keys, @Nullable String keyId) {
        this.keys = keys;
        this.keyId = keyId;
    }

    /**
     * Reads keys as they are configured.
     *
     * @param keys {@code id:key} separated by commas, the key as 64 hexadecimal digits; null or blank: no key
     * @param keyId which of them encrypts; null or empty: the first
     * @throws IllegalArgumentException if they are not as described; the message holds no part of a key
     */
    public static PayloadCipher of(@Nullable String keys, @Nullable String keyId) {
        boolean named = keyId != null && !keyId.isEmpty();
        if (named && !SealedPayload.isKeyId(keyId)) {
            throw new IllegalArgumentException(
                    "encryption.key.id must be 1 to 64 letters, digits, dots, underscores and hyphens");
        }
        if (keys == null || keys.isBlank()) {
            if (named) {
                throw new IllegalArgumentException("encryption.key.id has no use without encryption.keys");
            }
            return NONE;
        }
        var byId = new LinkedHashMap<String, SecretKey>();
        int number = 0;
        for (String entry : keys.split(",", -1)) {
            number++;
            String[] parts = entry.strip().split(":", -1);
            if (parts.length != 2 || !SealedPayload.isKeyId(parts[0])) {
                throw new IllegalArgumentException(
                        "encryption.keys must be id:key entries separated by commas, an id being 1"
                                + " to 64 letters, digits, dots, underscores and hyphens; entry " + number + " is not");
            }
            if (looksLikeKey(parts[0])) {
                throw new IllegalArgumentException(
                        "encryption.keys must be id:key entries, but the id of entry " + number + " looks like a key");
            }
            if (byId.putIfAbsent(parts[0], key(parts[0], parts[1])) != null) {
                throw new IllegalArgumentException("encryption.keys has two keys of the id " + parts[0]);
            }
        }
        String encrypting = named ? keyId : byId.keySet().iterator().next();
        if (!byId.containsKey(encrypting)) {
            throw new IllegalArgumentException("encryption.key.id must be one of " + byId.keySet()
                    + (looksLikeKey(encrypting) ? "" : ", was " + encrypting));
        }
        return new PayloadCipher(byId, encrypting);
    }

    /** An id of so many hexadecimal digits is more likely a key in the wrong place, and must not be shown. */
    private static boolean looksLikeKey(String id) {
        return id.matches("[0-9a-fA-F]{" + 2 * KEY_BYTES + "}");
    }

    private static SecretKey key(String id, String hex) {
        try {
            byte[] key = HexFormat.of().parseHex(hex);
            if (key.length == KEY_BYTES) {
                return new SecretKeySpec(key, "AES");
            }
        } catch (IllegalArgumentException e) {
            // Said below, without what it says of the text.
        }
        throw new IllegalArgumentException("encryption.keys: the key " + id + " must be " + 2 * KEY_BYTES
                + " hexadecimal digits, has " + hex.length() + " characters");
    }

    /** Returns whether {@link #seal} may be asked. */
    public boolean hasKey() {
        return keyId != null;
    }

    /**
     * Refuses what is to be written to an encrypted queue if it cannot be encrypted.
     *
     * @throws QueueException of the transient kind if there is no key: nothing is lost, and nothing stored in clear
     */
    public void requireKey(String queue) {
        if (!hasKey()) {
            throw new QueueException(
                    "queue " + queue + " is encrypted and there is no key to encrypt with: set encryption.keys",
                    QueueException.OBJECT_NOT_IN_PREREQUISITE_STATE,
                    null);
        }
    }

    /** Returns the bytes a payload of {@code bytes} has at most when it is sealed. */
    public static long sealedBytes(long bytes) {
        return (bytes + 2) / 3 * 4 + 256;
    }

    /**
     * Encrypts the payload of a message for its queue.
     *
     * @return the message with its payload sealed; the same one if it already is, with any key that is here
     * @throws IllegalStateException if there is no key
     */
    public NewMessage seal(NewMessage message) {
        if (keyId == null) {
            throw new IllegalStateException("there is no key to encrypt with");
        }
        byte[] payload = message.payload();
        return isSealed(message.queue(), payload)
                ? message
                : message.withPayload(
                        encrypt(keyId, message.queue(), payload).toJson().getBytes(UTF_8));
    }

    /**
     * Encrypts a text that is not a payload, but made of payloads, for its queue. {@link #open} decrypts it.
     *
     * @throws IllegalStateException if there is no key
     */
    public String seal(String queue, String json) {
        if (keyId == null) {
            throw new IllegalStateException("there is no key to encrypt with");
        }
        return encrypt(keyId, queue, json.getBytes(UTF_8)).toJson();
    }

    private boolean isSealed(String queue, byte[] payload) {
        boolean begins = payload.length > BEGINNING.length
                && Arrays.equals(payload, 0, BEGINNING.length, BEGINNING, 0, BEGINNING.length);
        SealedPayload sealed = begins ? SealedPayload.parse(new String(payload, UTF_8)) : null;
        SecretKey key = sealed == null || sealed.keyId() == null ? null : keys.get(sealed.keyId());
        return key != null && decrypt(key, queue, sealed) != null;
    }

    private SealedPayload encrypt(String id, String queue, byte[] payload) {
        byte[] iv = nextIv();
        try {
            var cipher = Cipher.getInstance(TRANSFORMATION);
            cipher.init(Cipher.ENCRYPT_MODE, keys.get(id), new GCMParameterSpec(TAG_BITS, iv));
            cipher.updateAAD(queue.getBytes(UTF_8));
            byte[] out = cipher.doFinal(payload);
            int length = out.length - SealedPayload.TAG_BYTES;
            return new SealedPayload(Arrays.copyOf(out, length), iv, Arrays.copyOfRange(out, length, out.length), id);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java cannot encrypt with " + TRANSFORMATION, e);
        }
    }

    private synchronized byte[] nextIv() {
        if (ivCount == 0) {
            random.nextBytes(ivPrefix);
        }
        return ByteBuffer.allocate(SealedPayload.IV_BYTES)
                .put(ivPrefix)
                .putInt(ivCount++) // Comes back to 0 after 2^32.
                .array();
    }

    /**
     * Decrypts a payload if it is sealed for the queue, and was not tampered with.
     *
     * @param stored JSON text
     * @return the payload as it was pushed; {@code stored} itself if it is not sealed, or cannot be decrypted with any
     *     key that is here
     */
    public String open(String queue, String stored) {
        String payload = stored;
        // More than once where one bridge did not have the key of another and sealed what was sealed.
        for (SealedPayload sealed = SealedPayload.parse(payload); sealed != null; ) {
            String opened = open(queue, sealed);
            if (opened == null) {
                break;
            }
            payload = opened;
            sealed = SealedPayload.parse(payload);
        }
        return payload;
    }

    private @Nullable String open(String queue, SealedPayload sealed) {
        String id = sealed.keyId();
        SecretKey key = keys.get(id == null ? keyId : id);
        byte[] opened = key == null ? null : decrypt(key, id == null ? null : queue, sealed);
        if (opened == null && id != null) {
            unopened.increment();
            warnOnce(queue, id, key == null);
        }
        return opened == null ? null : new String(opened, UTF_8);
    }

    /** Returns null if the tag does not fit. */
    private static byte @Nullable [] decrypt(SecretKey key, @Nullable String queue, SealedPayload sealed) {
        try {
            var cipher = Cipher.getInstance(TRANSFORMATION);
            cipher.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(TAG_BITS, sealed.iv()));
            if (queue != null) {
                cipher.updateAAD(queue.getBytes(UTF_8));
            }
            byte[] in = Arrays.copyOf(sealed.encrypted(), sealed.encrypted().length + SealedPayload.TAG_BYTES);
            System.arraycopy(sealed.tag(), 0, in, sealed.encrypted().length, SealedPayload.TAG_BYTES);
            return cipher.doFinal(in);
        } catch (AEADBadTagException e) {
            return null;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java cannot decrypt with " + TRANSFORMATION, e);
        }
    }

    private void warnOnce(String queue, String id, boolean missing) {
        if (warnedOf.size() < MAX_KEYS_WARNED_OF && warnedOf.add(id)) {
            log.warn(
                    "A payload could not be decrypted and is delivered as stored; said once for each key. queue={} keyId={}"
                            + " reason={}",
                    queue,
                    id,
                    missing
                            ? "encryption.keys has no such key"
                            : "it was changed, is of another queue, or the key is wrong");
        }
    }

    /** Returns how many payloads were delivered as stored that name a key and could not be decrypted. */
    public long unopened() {
        return unopened.sum();
    }
}
