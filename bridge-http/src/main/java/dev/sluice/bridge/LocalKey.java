package dev.sluice.bridge;

import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.OwnFiles;
import dev.sluice.bridge.system.StartException;
import dev.sluice.buffer.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * The encryption key of a service that runs its own database and has no key in its configuration: one line with an id
 * and 64 hexadecimal digits, in the file {@code encryption.key} of the data directory. The service creates the key
 * once, and syncs it to disk before it encrypts with it. Only the owner may read the file. The key lies beside the
 * data: it protects a dump of the database or a copy of the log, not the machine.
 */
final class LocalKey {
    static final String FILE = "encryption.key";

    private static final Pattern LINE = Pattern.compile("local-[0-9a-f]{8}:[0-9a-f]{64}");
    private static final int KEY_BYTES = 32;
    /** The three bytes of the mark, read as ISO 8859-1. */
    private static final String BYTE_ORDER_MARK = "\u00EF\u00BB\u00BF";

    private LocalKey() {}

    /**
     * Returns the key in the form of {@code encryption.keys}. Creates it if the file does not exist.
     *
     * @param directory the data directory, which this process has locked
     * @throws StartException if the file cannot be read or written, or holds no key. The service does not replace the
     *     key then, because a new key cannot decrypt old messages
     */
    static String in(Path directory) throws StartException {
        Path file = directory.resolve(FILE);
        try {
            if (!Files.exists(file)) {
                write(file);
            }
            OwnFiles.tryToTighten(file, "rw-------", "rw-------");
            String line = withoutMark(Files.readString(file, StandardCharsets.ISO_8859_1))
                    .strip();
            if (!LINE.matcher(line).matches()) {
                throw new StartException(
                        file + " holds no key (an id and 64 hexadecimal digits); bring back the file from a backup, or"
                                + " remove it if no queue was ever encrypted");
            }
            return line;
        } catch (IOException e) {
            throw new StartException(file + " cannot be read or written: " + FileProblem.of(e), e);
        }
    }

    /** Editors on Windows write a byte order mark before a text in UTF-8. */
    private static String withoutMark(String text) {
        return text.startsWith(BYTE_ORDER_MARK) ? text.substring(BYTE_ORDER_MARK.length()) : text;
    }

    /**
     * Returns an id that differs from key to key, so that a lost and found key can be configured beside its successor.
     */
    private static String id(byte[] key) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(key);
            return "local-" + HexFormat.of().formatHex(hash, 0, 4);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // Every Java platform has it.
        }
    }

    private static void write(Path file) throws IOException {
        byte[] key = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(key);
        String line = id(key) + ":" + HexFormat.of().formatHex(key) + "\n";
        AtomicFile.replace(file, line.getBytes(StandardCharsets.US_ASCII));
    }
}
