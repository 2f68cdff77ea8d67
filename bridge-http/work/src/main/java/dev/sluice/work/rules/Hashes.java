package dev.sluice.work.rules;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Hashes of payloads, by which an idempotency key recognizes another payload. */
public final class Hashes {
    private Hashes() {}

    /** Returns the SHA-256 of bytes. */
    public static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
