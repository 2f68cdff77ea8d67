package dev.sluice.bridge.config;

import dev.sluice.queue.PayloadCipher;
import java.util.Optional;

/** Keys of the encryption of payloads. */
final class EncryptionSettings {
    static final KeyGroup GROUP = new KeyGroup("Encryption");

    static final Key<Optional<String>> KEYS = GROUP.secret(
            "encryption.keys",
            "Keys for queues with the option `encryptionEnabled`: `id:key`, separated by commas, a key being 64"
                    + " hexadecimal digits. Every service and connector on the database needs them. Never logged. A"
                    + " service that keeps its own database makes one, in the file `encryption.key` of `data.dir`.");
    static final Key<Optional<String>> KEY_ID = GROUP.optional(
            "encryption.key.id", "Id of the key that encrypts; the others only decrypt. Not set: the first.");

    private EncryptionSettings() {}

    /**
     * Returns the cipher for payloads.
     *
     * @throws IllegalArgumentException if the keys are not valid; the message shows no key
     */
    static PayloadCipher cipher(Values values) {
        return PayloadCipher.of(
                values.get(KEYS).orElse(null), values.get(KEY_ID).orElse(null));
    }
}
