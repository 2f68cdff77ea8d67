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
 * Encrypts the payloads of encrypted queues and decrypts the payloads that consumers get: AES-256 in GCM (NIST SP
 * 800-38D), in the form of {@link SealedPayload}. A payload names the key that encrypted it, so keys can be rotated:
 * one key encrypts, and older keys still decrypt.
 *
 * <p><b>Headers</b> of a message are encrypted in the same way, all of them as one text. The sealed form is an object
 * of strings, so it is the stored form of headers too. Below, what holds for a payload holds for headers.
 *
 * <p><b>Binding to the queue.</b> The tag covers the ciphertext and the name of the queue (as additional data, UTF-8).
 * If somebody copies a ciphertext into another queue, it is not decrypted there. The tag does not cover partition,
 * transaction id and message id, because a message that is redriven from the dead letters gets new ids and keeps its
 * payload. A redrive into another queue decrypts the payload, and encrypts it for that queue.
 *
 * <p><b>Payloads of clients.</b> Clients may push objects of the same form. If the tag verifies, the payload was
 * encrypted with our key for this queue. Otherwise it is the client's own, or damaged, or encrypted with a key that is
 * not configured; it is delivered as it is stored. {@link #seal} uses the same test to leave sealed payloads alone:
 * payloads that were encrypted at the push, that were scheduled, or that are redriven. No flag marks a sealed payload,
 * so no flag can be wrong or lost.
 *
 * <p><b>Payloads that name no key</b> are decrypted with the encrypting key and without additional data, because Queen
 * stores payloads this way.
 *
 * <p><b>IVs</b> must not repeat under a key. An IV is 8 random bytes and a 4-byte counter. Each instance draws the
 * random bytes when it starts and after every 2^32 messages. With a thousand restarts and a thousand times 2^32
 * messages under one key, the probability of a repeated IV is below 10^-12. Purely random IVs would need a new key
 * every 2^32 messages.
 *
 * <p>Safe for use by many threads.
 */
public final class PayloadCipher {
    private static final Logger log = LoggerFactory.getLogger(PayloadCipher.class);

    /** The cipher without a key: encrypts nothing, and delivers payloads as they are stored. */
    public static final PayloadCipher NONE = new PayloadCipher(Map.of(), null);

    private static final String TRANSFORMATION = "AES/GCM/NoPadding";
    private static final int KEY_BYTES = 32;
    private static final int TAG_BITS = SealedPayload.TAG_BYTES * Byte.SIZE;
    private static final int PREFIX_BYTES = Long.BYTES;
    private static final int MAX_WARNED_KEYS = 100;
    /** First bytes of {@link SealedPayload#toJson}. */
    private static final byte[] PREFIX = "{\"encrypted\":".getBytes(UTF_8);

    private final Map<String, SecretKey> keys;
    /** Id of the key that encrypts; null if there is none. */
    private final @Nullable String keyId;

    private final SecureRandom random = new SecureRandom();
    private final byte[] ivPrefix = new byte[PREFIX_BYTES];
    private int ivCount;
    private final LongAdder unopened = new LongAdder();
    private final Set<String> warnedKeys = ConcurrentHashMap.newKeySet();

    private PayloadCipher(Map<String, SecretKey> keys, @Nullable String keyId) {
        this.keys = keys;
        this.keyId = keyId;
    }

    /**
     * Makes a cipher from its configuration.
     *
     * @param keys {@code id:key} entries separated by commas, each key as 64 hexadecimal digits; null or blank: no key
     * @param keyId id of the key that encrypts; null or empty: the first
     * @throws IllegalArgumentException if the configuration is invalid; the message contains no part of a key
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

    /** Returns whether an id has the form of a key. It is probably a key in the wrong place and must not be shown. */
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
            // The exception below leaves out the text, which may be a key.
        }
        throw new IllegalArgumentException("encryption.keys: the key " + id + " must be " + 2 * KEY_BYTES
                + " hexadecimal digits, has " + hex.length() + " characters");
    }

    /** Returns whether there is a key that encrypts. */
    public boolean hasKey() {
        return keyId != null;
    }

    /**
     * Requires a key for a write to an encrypted queue.
     *
     * @throws QueueException if there is no key. The failure is transient: the write is retried, and nothing is lost or
     *     stored in clear
     */
    public void requireKey(String queue) {
        if (!hasKey()) {
            throw new QueueException(
                    "queue " + queue + " is encrypted and there is no key to encrypt with: set encryption.keys",
                    QueueException.OBJECT_NOT_IN_PREREQUISITE_STATE,
                    null);
        }
    }

    /** Returns how many bytes {@link #open(String, byte[])} needs beside a stored payload. */
    public static long openingBytes(byte[] stored) {
        boolean isSealed =
                stored.length > PREFIX.length && Arrays.equals(stored, 0, PREFIX.length, PREFIX, 0, PREFIX.length);
        return isSealed ? 3L * stored.length : 0;
    }

    /** Returns the largest size in bytes of a sealed payload that had {@code bytes} bytes. */
    public static long sealedBytes(long bytes) {
        return (bytes + 2) / 3 * 4 + 256;
    }

    /**
     * Encrypts the payload and the headers of a message for its queue.
     *
     * @return the message with its payload and headers sealed; the same message if a configured key has sealed them
     *     already
     * @throws IllegalStateException if there is no key
     */
    public NewMessage seal(NewMessage message) {
        if (keyId == null) {
            throw new IllegalStateException("there is no key to encrypt with");
        }
        byte[] payload = message.payload();
        MessageHeaders headers = message.headers();
        boolean isPayloadSealed = isSealed(message.queue(), payload);
        boolean areHeadersSealed =
                headers.isEmpty() || isSealed(message.queue(), headers.json().getBytes(UTF_8));
        if (isPayloadSealed && areHeadersSealed) {
            return message;
        }
        NewMessage.Builder sealed = message.toBuilder();
        if (!isPayloadSealed) {
            sealed.payload(encrypt(keyId, message.queue(), payload).toJson().getBytes(UTF_8));
        }
        if (!areHeadersSealed) {
            sealed.headers(MessageHeaders.parse(seal(message.queue(), headers.json())));
        }
        return sealed.build();
    }

    /**
     * Encrypts a text that is derived from payloads, such as the state of a stream, for its queue. {@link #open}
     * decrypts it.
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
        boolean mayBeSealed =
                payload.length > PREFIX.length && Arrays.equals(payload, 0, PREFIX.length, PREFIX, 0, PREFIX.length);
        SealedPayload sealed = mayBeSealed ? SealedPayload.parse(payload) : null;
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
                .putInt(ivCount++) // Overflows to 0 after 2^32.
                .array();
    }

    /**
     * Decrypts a payload if it is sealed for the queue and intact.
     *
     * @param stored JSON text in UTF-8
     * @return the payload as it was pushed; the array {@code stored} if it is not sealed, or if no configured key
     *     decrypts it
     */
    public byte[] open(String queue, byte[] stored) {
        byte[] payload = stored;
        // A bridge that lacks the key of another bridge seals a sealed payload again.
        for (SealedPayload sealed = SealedPayload.parse(payload); sealed != null; ) {
            byte[] opened = open(queue, sealed);
            if (opened == null) {
                break;
            }
            payload = opened;
            sealed = SealedPayload.parse(payload);
        }
        return payload;
    }

    /** Returns whether a payload looks sealed and no configured key decrypts it. */
    public boolean cannotOpen(String queue, byte[] stored) {
        return SealedPayload.parse(open(queue, stored)) != null;
    }

    /** Returns whether headers look sealed and no configured key decrypts them. */
    public boolean cannotOpen(String queue, MessageHeaders stored) {
        return !stored.isEmpty() && cannotOpen(queue, stored.json().getBytes(UTF_8));
    }

    /** Decrypts a text as {@link #open(String, byte[])} does. */
    public String open(String queue, String stored) {
        return new String(open(queue, stored.getBytes(UTF_8)), UTF_8);
    }

    /**
     * Decrypts headers if they are sealed for the queue and intact.
     *
     * @return the headers as they were pushed; {@code stored} if they are not sealed, or if no configured key decrypts
     *     them
     */
    public MessageHeaders open(String queue, MessageHeaders stored) {
        if (stored.isEmpty()) {
            return stored;
        }
        byte[] json = stored.json().getBytes(UTF_8);
        byte[] opened = open(queue, json);
        return opened == json ? stored : MessageHeaders.ofStored(new String(opened, UTF_8));
    }

    /** Decrypts the payload and the headers of a message. Returns the same message if neither is sealed. */
    Message open(Message message) {
        byte[] payload = open(message.queue(), message.payload());
        MessageHeaders headers = open(message.queue(), message.headers());
        boolean isSame = payload == message.payload() && headers.equals(message.headers());
        return isSame ? message : message.with(payload, headers);
    }

    /**
     * Returns whether a message is still sealed after {@link #open(String, byte[])}: it names a key that is not
     * configured, or was changed. An object of a client that has the form of a sealed payload counts too.
     */
    public static boolean isUnopened(Message opened) {
        return isUnopened(opened.payload())
                || (!opened.headers().isEmpty()
                        && isUnopened(opened.headers().json().getBytes(UTF_8)));
    }

    private static boolean isUnopened(byte[] opened) {
        boolean mayBeSealed =
                opened.length > PREFIX.length && Arrays.equals(opened, 0, PREFIX.length, PREFIX, 0, PREFIX.length);
        SealedPayload sealed = mayBeSealed ? SealedPayload.parse(opened) : null;
        return sealed != null && sealed.keyId() != null;
    }

    private byte @Nullable [] open(String queue, SealedPayload sealed) {
        String id = sealed.keyId();
        SecretKey key = keys.get(id == null ? keyId : id);
        byte[] opened = key == null ? null : decrypt(key, id == null ? null : queue, sealed);
        if (opened == null && id != null) {
            unopened.increment();
            warnOnce(queue, id, key == null);
        }
        return opened;
    }

    /** Returns null if the tag does not verify. */
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
        if (warnedKeys.size() < MAX_WARNED_KEYS && warnedKeys.add(id)) {
            log.warn(
                    "Could not decrypt a payload and delivered it as stored; logged once per key; check encryption.keys"
                            + " queue={} keyId={} reason={}",
                    queue,
                    id,
                    missing
                            ? "encryption.keys has no such key"
                            : "the payload was changed or belongs to another queue, or the key is wrong");
        }
    }

    /** Returns how many payloads that name a key could not be decrypted and were delivered as stored. */
    long unopened() {
        return unopened.sum();
    }
}
