package dev.sluice.bridge.config;

import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.system.FileProblem;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/**
 * Reads a file in the format of {@link Properties}, in UTF-8. Skips a byte order mark at the beginning, because editors
 * on Windows write one. No message shows any part of the content, which may be a secret.
 */
final class PropertiesFile {
    private static final char BYTE_ORDER_MARK = '\uFEFF';
    private static final int BYTE = 0xFF;
    private static final int UTF_16_FIRST = 0xFE;

    private PropertiesFile() {}

    /**
     * Reads a file.
     *
     * @param role what the file is, such as "configuration file", for messages
     * @return key to value
     * @throws ConfigException if the file cannot be read; one line says why
     */
    static Map<String, String> read(String role, Path file) throws ConfigException {
        String text;
        try {
            text = decode(role + " " + file, Files.readAllBytes(file));
        } catch (IOException e) {
            String why = Files.isDirectory(file) ? "it is a directory" : FileProblem.of(e);
            throw new ConfigException(List.of(
                    Files.exists(file) || !Files.notExists(file)
                            ? role + " " + file + " cannot be read: " + why
                            : role + " " + file + " does not exist"));
        }
        var properties = new Properties();
        try {
            properties.load(new StringReader(text));
        } catch (IOException | IllegalArgumentException e) {
            throw new ConfigException(List.of(
                    role + " " + file + " has a \\u that four hexadecimal digits do not follow; write \\\\ for a \\"));
        }
        var values = new TreeMap<String, String>();
        for (String key : properties.stringPropertyNames()) {
            values.put(key, properties.getProperty(key));
        }
        return values;
    }

    private static String decode(String what, byte[] bytes) throws ConfigException {
        if (isUtf16(bytes)) {
            throw new ConfigException(List.of(what + " is in UTF-16, or in no text format; save it in UTF-8"));
        }
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return !text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK ? text.substring(1) : text;
        } catch (CharacterCodingException e) {
            throw new ConfigException(
                    List.of(what + " is not in UTF-8, see line " + badLine(bytes) + "; save it in UTF-8"));
        }
    }

    /** UTF-16 begins with a mark of its own. Without the mark, each ASCII character has a byte 0, unlike in UTF-8. */
    private static boolean isUtf16(byte[] bytes) {
        if (bytes.length >= 2) {
            int first = bytes[0] & BYTE;
            int second = bytes[1] & BYTE;
            if ((first == BYTE && second == UTF_16_FIRST) || (first == UTF_16_FIRST && second == BYTE)) {
                return true;
            }
        }
        for (byte each : bytes) {
            if (each == 0) {
                return true;
            }
        }
        return false;
    }

    /** Returns the number of the first line that is not in UTF-8. */
    private static int badLine(byte[] bytes) {
        ByteBuffer rest = ByteBuffer.wrap(bytes);
        StandardCharsets.UTF_8.newDecoder().decode(rest, java.nio.CharBuffer.allocate(bytes.length), true);
        int line = 1;
        for (int i = 0; i < rest.position(); i++) {
            line += bytes[i] == '\n' ? 1 : 0;
        }
        return line;
    }
}
