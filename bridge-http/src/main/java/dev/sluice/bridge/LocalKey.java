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
 * The key for encrypted queues of a service that keeps its own database and was given no key: one line with an id and
 * 64 hexadecimal digits, in the file {@code encryption.key} of the data directory. It is made once, is on the disk
 * before anything is encrypted with it, and may be read by its owner only. Whoever has the data directory has the key;
 * so it protects a dump of the database or a copy of the log, not the machine.
 */
final class LocalKey {
    static final String FILE = "encryption.key";

    private static final Pattern LINE = Pattern.compile("local-[0-9a-f]{8}:[0-9a-f]{64}");
    private static final int KEY_BYTES = 32;
    /** The three bytes of the mark, read as ISO 8859-1. */
    private static final String BYTE_ORDER_MARK = "\u00EF\u00BB\u00BF";

    private LocalKey() {}

    /**
     * Returns the key, as {@code encryption.keys} has it; makes it if there is none.
     *
     * @param directory the data directory, held by this process
     * @throws StartException if it cannot be read, written, or is no key. What is encrypted with it could not be read
     *     with another, so none is made in its place
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

    /** Another for each key: where the file was lost and one made anew, both can be configured. */
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
