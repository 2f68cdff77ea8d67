package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;

/**
 * Writes the files of the current format version that {@link FormatTest} opens, and prints the example of the package
 * comment. Run it once for each new version, and never again for a released one:
 *
 * <pre>java -cp ... dev.sluice.buffer.GoldenFiles buffer/src/test/resources/format-2</pre>
 */
final class GoldenFiles {
    /** Identity of the log in the golden files. */
    static final UUID ID = LogId.fromTag(0x0123_4567_89ab_8defL);

    static final long CREATED_AT_MILLIS = 1_750_000_000_000L;

    private GoldenFiles() {}

    static ByteBuffer segment() {
        var bytes = ByteBuffer.allocate(4096);
        bytes.put(SegmentFormat.encodeHeader(
                new SegmentFormat.Header(SegmentFormat.VERSION, ID, 3, 42, CREATED_AT_MILLIS)));
        put(bytes, 42, List.of("alpha", "be"));
        SegmentFormat.putVoid(bytes, fields(44), 6);
        put(bytes, 50, List.of("", "{\"\u00e4\":1}", "x".repeat(300)));
        return bytes.flip();
    }

    private static void put(ByteBuffer bytes, long firstOffset, List<String> texts) {
        var payloads = texts.stream().map(text -> text.getBytes(UTF_8)).toList();
        SegmentFormat.putFrame(bytes, fields(firstOffset), payloads, (int) SegmentFormat.bodyBytes(payloads));
    }

    private static SegmentFormat.FrameFields fields(long firstOffset) {
        return new SegmentFormat.FrameFields(LogId.tag(ID), 3, firstOffset, CREATED_AT_MILLIS + firstOffset);
    }

    static ByteBuffer position() {
        return new CommittedPosition(ID, 3, 43, CommittedPosition.OPEN).encode();
    }

    public static void main(String[] arguments) throws IOException {
        var directory = Path.of(arguments[0]);
        Files.createDirectories(directory);
        Files.write(directory.resolve(SegmentFormat.fileName(42) + ".golden"), array(segment()));
        Files.write(directory.resolve(CommittedPosition.FILE + ".golden"), array(position()));
        var example = array(segment());
        for (int at = 0; at < 64 + 40 + 15; at += 16) {
            System.out.println(String.format(" * %08x  ", at)
                    + HexFormat.ofDelimiter(" ").formatHex(example, at, Math.min(at + 16, 64 + 40 + 15)));
        }
    }

    private static byte[] array(ByteBuffer buffer) {
        var bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }
}
