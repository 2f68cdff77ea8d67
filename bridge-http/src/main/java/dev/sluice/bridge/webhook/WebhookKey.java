package dev.sluice.bridge.webhook;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.interfaces.EdECPublicKey;
import java.security.spec.EdECPrivateKeySpec;
import java.security.spec.NamedParameterSpec;
import java.util.Arrays;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** A key that signs webhooks. Its text is a secret; {@link #toString} does not show it. */
public abstract sealed class WebhookKey {
    /** Beginning of a secret for HMAC-SHA256. */
    public static final String SYMMETRIC = "whsec_";

    /** Beginning of a private key for Ed25519. */
    public static final String PRIVATE = "whsk_";

    /** Beginning of a public key for Ed25519. */
    public static final String PUBLIC = "whpk_";

    private static final int MIN_SECRET = 24;
    private static final int MAX_SECRET = 64;
    private static final int SEED = 32;
    private static final SecureRandom RANDOM = new SecureRandom();

    private WebhookKey() {}

    /**
     * Parses a key: {@code whsec_} and 24 to 64 bytes, or {@code whsk_} and an Ed25519 private key (32 bytes, or 64
     * with the public key after it), in Base64.
     *
     * @throws IllegalArgumentException if the text is no key; the message does not show it
     */
    public static WebhookKey parse(String text) {
        if (text.startsWith(SYMMETRIC)) {
            byte[] secret = bytes(text.substring(SYMMETRIC.length()), SYMMETRIC);
            if (secret.length < MIN_SECRET || secret.length > MAX_SECRET) {
                throw new IllegalArgumentException("a secret that begins with " + SYMMETRIC + " must have " + MIN_SECRET
                        + " to " + MAX_SECRET + " bytes, has " + secret.length);
            }
            return new Hmac(secret);
        }
        if (text.startsWith(PRIVATE)) {
            return new Ed25519(bytes(text.substring(PRIVATE.length()), PRIVATE));
        }
        if (text.startsWith(PUBLIC)) {
            throw new IllegalArgumentException("a key that begins with " + PUBLIC
                    + " is the public one; signing needs the private one, " + PRIVATE);
        }
        throw new IllegalArgumentException(
                "a secret must begin with " + SYMMETRIC + " (HMAC) or " + PRIVATE + " (Ed25519)");
    }

    private static byte[] bytes(String base64, String prefix) {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("what follows " + prefix + " must be Base64", e);
        }
    }

    /** Returns the text of a new secret for HMAC-SHA256, of 32 random bytes. */
    public static String newSecret() {
        return SYMMETRIC + Base64.getEncoder().encodeToString(random());
    }

    /** Returns the text of a new private key for Ed25519. */
    public static String newPrivateKey() {
        byte[] seed = random();
        byte[] both = Arrays.copyOf(seed, 2 * SEED);
        System.arraycopy(Ed25519.publicOf(seed), 0, both, SEED, SEED);
        return PRIVATE + Base64.getEncoder().encodeToString(both);
    }

    private static byte[] random() {
        var bytes = new byte[SEED];
        RANDOM.nextBytes(bytes);
        return bytes;
    }

    /** Returns what a receiver needs to verify signatures: the secret itself, or the public key. */
    public abstract String verificationKey();

    /** Returns the signature of a content, with the identifier of its scheme. */
    abstract String sign(byte[] content);

    /**
     * Returns the value of {@code webhook-signature}.
     *
     * @param id has no dot
     */
    static String signatures(Iterable<WebhookKey> keys, String id, long timestamp, byte[] body) {
        byte[] head = (id + "." + timestamp + ".").getBytes(US_ASCII);
        byte[] content = Arrays.copyOf(head, head.length + body.length);
        System.arraycopy(body, 0, content, head.length, body.length);
        var signatures = new StringBuilder();
        for (WebhookKey key : keys) {
            signatures.append(signatures.isEmpty() ? "" : " ").append(key.sign(content));
        }
        return signatures.toString();
    }

    @Override
    public String toString() {
        return getClass().getSimpleName();
    }

    /** A secret that the receiver has too. */
    private static final class Hmac extends WebhookKey {
        private static final String ALGORITHM = "HmacSHA256";

        private final SecretKeySpec secret;

        Hmac(byte[] secret) {
            this.secret = new SecretKeySpec(secret, ALGORITHM);
        }

        @Override
        public String verificationKey() {
            return SYMMETRIC + Base64.getEncoder().encodeToString(secret.getEncoded());
        }

        @Override
        String sign(byte[] content) {
            try {
                Mac mac = Mac.getInstance(ALGORITHM);
                mac.init(secret);
                return "v1," + Base64.getEncoder().encodeToString(mac.doFinal(content));
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("the Java runtime has no " + ALGORITHM, e);
            }
        }
    }

    /** A private key. The receiver has the public one. */
    private static final class Ed25519 extends WebhookKey {
        private static final String ALGORITHM = "Ed25519";

        private final PrivateKey key;
        private final byte[] publicKey;

        Ed25519(byte[] bytes) {
            if (bytes.length != SEED && bytes.length != 2 * SEED) {
                throw new IllegalArgumentException(
                        "a key that begins with " + PRIVATE + " must have 32 or 64 bytes, has " + bytes.length);
            }
            byte[] seed = Arrays.copyOf(bytes, SEED);
            publicKey = publicOf(seed);
            if (bytes.length > SEED && !Arrays.equals(publicKey, Arrays.copyOfRange(bytes, SEED, bytes.length))) {
                throw new IllegalArgumentException(
                        "the second half of a key that begins with " + PRIVATE + " must be its public key");
            }
            try {
                key = KeyFactory.getInstance(ALGORITHM)
                        .generatePrivate(new EdECPrivateKeySpec(NamedParameterSpec.ED25519, seed));
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("the Java runtime has no " + ALGORITHM, e);
            }
        }

        /** Computes the public key. The generator of the JDK does it for a seed that its random source gives it. */
        static byte[] publicOf(byte[] seed) {
            try {
                KeyPairGenerator generator = KeyPairGenerator.getInstance(ALGORITHM);
                generator.initialize(NamedParameterSpec.ED25519, new GivenBytes(seed));
                var point = ((EdECPublicKey) generator.generateKeyPair().getPublic()).getPoint();
                byte[] bigEndian = point.getY().toByteArray();
                var encoded = new byte[SEED];
                for (int i = 0; i < Math.min(bigEndian.length, SEED); i++) {
                    encoded[i] = bigEndian[bigEndian.length - 1 - i];
                }
                if (point.isXOdd()) {
                    encoded[SEED - 1] |= (byte) 0x80;
                }
                return encoded;
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("the Java runtime has no " + ALGORITHM, e);
            }
        }

        @Override
        public String verificationKey() {
            return PUBLIC + Base64.getEncoder().encodeToString(publicKey);
        }

        @Override
        String sign(byte[] content) {
            try {
                Signature signature = Signature.getInstance(ALGORITHM);
                signature.initSign(key);
                signature.update(content);
                return "v1a," + Base64.getEncoder().encodeToString(signature.sign());
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("the Java runtime cannot sign with " + ALGORITHM, e);
            }
        }
    }

    /** Gives out bytes that are known. */
    private static final class GivenBytes extends SecureRandom {
        private static final long serialVersionUID = 1L;

        private final byte[] given;

        GivenBytes(byte[] given) {
            this.given = given.clone();
        }

        @Override
        public void nextBytes(byte[] bytes) {
            System.arraycopy(given, 0, bytes, 0, bytes.length);
        }
    }
}
