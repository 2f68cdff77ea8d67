package dev.sluice.bridge.config;

import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.buffer.SyncPolicy;
import dev.sluice.queue.HeaderLimits;
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
            "The directory for everything that the service keeps on this machine. Each running service needs its own"
                    + " directory.");
    static final Key<Optional<Path>> LOG_DIRECTORY =
            GROUP.optionalPath(BUFFER_DIR, "The directory of the local log. If not set, it is `log` in `data.dir`.");
    static final Key<Long> MAX_BYTES = GROUP.number(
            "buffer.max.bytes",
            8L << 30,
            16 << 10,
            Long.MAX_VALUE,
            "The largest size of the local log in bytes. If the log is full, the service refuses pushes with 503"
                    + " until the drain has moved messages to the database.");
    static final Key<Long> SEGMENT_BYTES = GROUP.number(
            "buffer.segment.bytes",
            64L << 20,
            SegmentLogConfig.MIN_SEGMENT_BYTES,
            SegmentLogConfig.MAX_SEGMENT_BYTES,
            "The size of one file of the local log in bytes, at most a quarter of `buffer.max.bytes`.");
    static final Key<SyncPolicy> FSYNC = GROUP.parsed(
            "buffer.fsync",
            "always",
            SyncPolicy::parse,
            "When the service syncs the local log to disk. `always`: before each answer `buffered`. `interval:<ms>`:"
                    + " at this interval in ms. `os`: when the operating system decides to.");
    static final Key<Integer> LANES = GROUP.integer(
            "buffer.lanes",
            1,
            1,
            64,
            "The number of independent logs, the lanes. Each lane has its own connection to the database. All"
                    + " messages of a partition stay in one lane.");

    /** Bytes that a message usually has in the log besides its bytes in the request. */
    private static final int USUAL_FRAME_BYTES = 128;

    /** Room for names, and for headers of the usual size. */
    private static final int LARGEST_FRAME_BYTES = 64 << 10;

    /** A quote in a header has two bytes in the JSON of the headers. */
    private static final int ESCAPED = 2;

    /** The attribute {@code "a":1} of an event is the header {@code "ce-a":"1"} of its message. */
    private static final int COPIED = 2;

    private static final long MIN_PENDING_BYTES = 64L << 20;

    /**
     * Returns the settings. Any body of messages that HTTP accepts fits into one append, encrypted or not. A batch of
     * events fits as far as {@code buffer.max.bytes} and the format of the log allow.
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
        int moreHeaders = values.get(HttpSettings.MAX_MESSAGE_HEADER_BYTES) - HeaderLimits.DEFAULT.bytes();
        int recordBytes = (int) (stored(bodyBytes, encrypts) + LARGEST_FRAME_BYTES);
        recordBytes += moreHeaders > 0 ? (int) stored((long) ESCAPED * moreHeaders, encrypts) : 0;
        long frameBytes = USUAL_FRAME_BYTES + (encrypts ? 2 * PayloadCipher.sealedBytes(0) : 0); // Payload and headers.
        long leastBytes = recordBytes + values.get(HttpSettings.MAX_ITEMS) * frameBytes;
        // The payload of an event has its attributes too.
        long eventBytes = leastBytes + stored((long) COPIED * bodyBytes, encrypts);
        int appendBytes = (int) Math.min(
                SegmentLogConfig.MAX_APPEND_BYTES,
                Math.max(leastBytes, Math.min(eventBytes, values.get(MAX_BYTES) / 2)));
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

    private static long stored(long bytes, boolean encrypts) {
        return encrypts ? PayloadCipher.sealedBytes(bytes) : bytes;
    }
}
