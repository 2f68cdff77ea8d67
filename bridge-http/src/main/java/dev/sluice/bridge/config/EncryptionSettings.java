package dev.sluice.bridge.config;

import dev.sluice.queue.PayloadCipher;
import java.util.Optional;

/** Keys of the encryption of payloads. */
final class EncryptionSettings {
    static final KeyGroup GROUP = new KeyGroup("Encryption");

    static final Key<Optional<String>> KEYS = GROUP.secret(
            "encryption.keys",
            "Keys for queues with the option `encryptionEnabled`, as `id:key` separated by commas. A key has 64"
                    + " hexadecimal digits. Every service and connector on the database needs them. The service never"
                    + " logs them. A service that keeps its own database creates one key, in the file"
                    + " `encryption.key` of `data.dir`.");
    static final Key<Optional<String>> KEY_ID = GROUP.optional(
            "encryption.key.id",
            "The id of the key that encrypts. The other keys only decrypt. If not set, the first key" + " encrypts.");

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
