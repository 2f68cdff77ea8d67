package dev.sluice.bridge.config;

import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.buffer.SyncPolicy;
import dev.sluice.queue.PayloadCipher;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Settings of what the service keeps on this machine.
 *
 * @param directory the data directory, {@code data.dir}
 * @param lanes number of local logs, {@code buffer.lanes}
 * @param log the local log of a lane
 */
public record DataSettings(Path directory, int lanes, SegmentLogConfig log) {
    static final KeyGroup GROUP = new KeyGroup("Local data");

    /** The key of the log's directory. The option {@code --dir} of the command line sets it too. */
    public static final String BUFFER_DIR = "buffer.dir";

    static final Key<Path> DATA_DIRECTORY = GROUP.path(
            "data.dir",
            "./data",
            "Directory for everything the service keeps on this machine. One running service per directory.");
    static final Key<Optional<Path>> LOG_DIRECTORY =
            GROUP.optionalPath(BUFFER_DIR, "Directory of the local log. Not set: `log` in `data.dir`.");
    static final Key<Long> MAX_BYTES = GROUP.number(
            "buffer.max.bytes",
            8L << 30,
            16 << 10,
            Long.MAX_VALUE,
            "Largest size of the local log. Above it pushes are refused with 503 until the database has taken some.");
    static final Key<Long> SEGMENT_BYTES = GROUP.number(
            "buffer.segment.bytes",
            64L << 20,
            SegmentLogConfig.MIN_SEGMENT_BYTES,
            SegmentLogConfig.MAX_SEGMENT_BYTES,
            "Size of one file of the local log. At most a quarter of `buffer.max.bytes`.");
    static final Key<SyncPolicy> FSYNC = GROUP.parsed(
            "buffer.fsync",
            "always",
            SyncPolicy::parse,
            "When the local log is synced to disk: `always` before an answer `buffered`, `interval:<ms>` that"
                    + " often, `os` whenever the system likes.");
    static final Key<Integer> LANES = GROUP.integer(
            "buffer.lanes",
            1,
            1,
            64,
            "Independent logs, each with its own connection to the database. Messages of one partition stay in one.");

    /** Bytes that a message usually has in the log besides its bytes in the request. */
    private static final int USUAL_FRAME_BYTES = 128;

    private static final int LARGEST_FRAME_BYTES = 64 << 10;
    private static final long MIN_PENDING_BYTES = 64L << 20;

    /**
     * Returns the settings. Any body that HTTP accepts fits into one append, encrypted or not.
     *
     * @param encrypts whether payloads may be encrypted
     * @throws IllegalArgumentException if values do not fit together; the message names the keys
     */
    static DataSettings of(Values values, boolean encrypts) {
        Path directory = values.get(DATA_DIRECTORY);
        Path log = values.get(LOG_DIRECTORY).orElseGet(() -> directory.resolve("log"));
        return new DataSettings(directory, values.get(LANES), log(log, values, encrypts));
    }

    private static SegmentLogConfig log(Path directory, Values values, boolean encrypts) {
        int bodyBytes = values.get(HttpSettings.MAX_BODY_BYTES);
        int recordBytes = (int) (encrypts ? PayloadCipher.sealedBytes(bodyBytes) : bodyBytes) + LARGEST_FRAME_BYTES;
        long frameBytes = USUAL_FRAME_BYTES + (encrypts ? PayloadCipher.sealedBytes(0) : 0);
        int appendBytes = (int) Math.min(
                SegmentLogConfig.MAX_APPEND_BYTES, recordBytes + values.get(HttpSettings.MAX_ITEMS) * frameBytes);
        try {
            return SegmentLogConfig.defaults(directory)
                    .withLimits(recordBytes, appendBytes, Math.max(MIN_PENDING_BYTES, 2L * appendBytes))
                    .withSizes(values.get(SEGMENT_BYTES), values.get(MAX_BYTES))
                    .withSync(values.get(FSYNC));
        } catch (IllegalArgumentException e) {
            // The log names this limit like a key. The service derives it from two keys.
            throw new IllegalArgumentException(
                    String.valueOf(e.getMessage())
                            .replace(
                                    "buffer.max.append.bytes",
                                    "the largest push that " + HttpSettings.MAX_BODY_BYTES.name() + " and "
                                            + HttpSettings.MAX_ITEMS.name() + " allow"),
                    e);
        }
    }
}
