package dev.sluice.bridge.security;

import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.interfaces.EdECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.NamedParameterSpec;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import org.jspecify.annotations.Nullable;

/**
 * The supported signature algorithms, by their names in the header of a token. Each accepts only keys of its own type.
 */
enum SignatureAlgorithm {
    HS256("HS256", "HmacSHA256"),
    RS256("RS256", "SHA256withRSA"),
    RS384("RS384", "SHA384withRSA"),
    RS512("RS512", "SHA512withRSA"),
    EDDSA("EdDSA", "Ed25519");

    private final String tokenName;
    private final String javaName;

    SignatureAlgorithm(String tokenName, String javaName) {
        this.tokenName = tokenName;
        this.javaName = javaName;
    }

    /** Returns the algorithm with exactly this name in a header; null if it is not supported. */
    static @Nullable SignatureAlgorithm named(String name) {
        for (SignatureAlgorithm each : values()) {
            if (each.tokenName.equals(name)) {
                return each;
            }
        }
        return null;
    }

    /** Returns the name in the header of a token. */
    String tokenName() {
        return tokenName;
    }

    /** Returns whether the key has the type of this algorithm. */
    boolean accepts(Key key) {
        return switch (this) {
            case HS256 -> key instanceof SecretKey;
            case RS256, RS384, RS512 -> key instanceof RSAPublicKey;
            case EDDSA ->
                key instanceof EdECPublicKey edwards
                        && edwards.getParams().getName().equalsIgnoreCase(NamedParameterSpec.ED25519.getName());
        };
    }

    /** Returns whether {@code key}, which this algorithm must accept, made the signature of these bytes. */
    boolean verify(Key key, byte[] signed, byte[] signature) {
        if (!accepts(key)) {
            throw new IllegalStateException(this + " was given a key of type " + key.getAlgorithm());
        }
        try {
            if (this == HS256) {
                Mac mac = Mac.getInstance(javaName);
                mac.init(key);
                return MessageDigest.isEqual(mac.doFinal(signed), signature);
            }
            Signature check = Signature.getInstance(javaName);
            check.initVerify((PublicKey) key);
            check.update(signed);
            return check.verify(signature);
        } catch (SignatureException e) {
            return false; // The bytes have not the form of a signature.
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(javaName + " does not work with a key it accepts", e);
        }
    }
}
