package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.buffer.LogStatus;
import dev.sluice.buffer.SegmentLog;
import dev.sluice.buffer.SegmentLogConfig;
import java.io.Closeable;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The logs of a buffer.
 *
 * <pre>
 *   buffer.dir/
 *     lanes.properties        generation=2, lanes=4: which lanes take new messages
 *     generation-2/lane-0/    a log; see dev.sluice.buffer
 *     generation-2/lane-1/    …
 *     generation-1/lane-0/    from when there was one lane; drained before the others
 *     generation-0.drained/   may be deleted
 * </pre>
 *
 * <p>Which lane a message goes to depends on how many there are. So when {@code buffer.lanes} changes, a new generation of
 * lanes begins, and nothing in it is drained before everything in the older ones is: the order within a partition holds.
 *
 * <p>{@code lanes.properties} is replaced atomically before the first lane of a generation is made. If it is missing, every
 * lane found is an old one.
 */
public final class Lanes implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(Lanes.class);

    /** Most lanes: each has threads and files of its own. */
    public static final int MAX_LANES = 64;

    static final String FILE = "lanes.properties";
    static final Pattern GENERATION = Pattern.compile("generation-(\\d{1,9})");
    static final Pattern LANE = Pattern.compile("lane-(\\d{1,2})");
    static final String DRAINED = ".drained";

    private final Path directory;
    private final List<Lane> current;
    private final List<Lane> leftover;

    private Lanes(Path directory, List<Lane> current, List<Lane> leftover) {
        this.directory = directory;
        this.current = List.copyOf(current);
        this.leftover = new CopyOnWriteArrayList<>(leftover);
    }

    /**
     * Opens the lanes of a buffer, and those of earlier generations that still hold something.
     *
     * @param directory {@code buffer.dir}; made if it is missing
     * @param count {@code buffer.lanes}, 1 to {@value #MAX_LANES}
     * @param config settings of a log; its directory is not used, and {@code maxBytes} is that of all lanes together
     * @throws IllegalArgumentException if the count is out of range, or the bytes are too few for it
     * @throws IOException if a log cannot be opened; those already open are closed again
     */
    public static Lanes open(Path directory, int count, SegmentLogConfig config) throws IOException {
        if (count < 1 || count > MAX_LANES) {
            throw new IllegalArgumentException("buffer.lanes must be 1 to " + MAX_LANES + ", was " + count);
        }
        SegmentLogConfig laneConfig = laneConfig(count, config);
        createPrivately(directory);
        int generation = generation(directory, count);
        var opened = new ArrayList<Lane>();
        try {
            List<Lane> leftover = openLeftover(directory, generation, laneConfig, opened);
            var current = new ArrayList<Lane>();
            for (int number = 0; number < count; number++) {
                current.add(open(directory, generation, number, laneConfig, opened));
            }
            log.info(
                    "Opened the buffer. directory={} lanes={} generation={} leftoverLanes={} undrained={}",
                    directory,
                    count,
                    generation,
                    leftover.size(),
                    opened.stream().mapToLong(Lanes::undrained).sum());
            return new Lanes(directory, current, leftover);
        } catch (IOException | RuntimeException e) {
            for (Lane lane : opened) {
                try (lane) {
                    log.debug("Closing again. lane={}", lane.name());
                } catch (IOException suppressed) {
                    e.addSuppressed(suppressed);
                }
            }
            throw e;
        }
    }

    private static SegmentLogConfig laneConfig(int count, SegmentLogConfig config) {
        long bytes = config.maxBytes() / count;
        try {
            return config.withSizes(Math.min(config.segmentBytes(), bytes / 4), bytes);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "each of buffer.lanes=" + count + " lanes gets " + bytes + " bytes of buffer.max.bytes: "
                            + e.getMessage(),
                    e);
        }
    }

    /** Returns the generation that takes new messages; begins one if the number of lanes has changed. */
    private static int generation(Path directory, int count) throws IOException {
        Path file = directory.resolve(FILE);
        List<Integer> onDisk = numbers(directory, GENERATION);
        int last = onDisk.isEmpty() ? 0 : Collections.max(onDisk);
        if (Files.exists(file)) {
            var properties = new Properties();
            properties.load(new StringReader(Files.readString(file, UTF_8)));
            int generation = number(file, properties, "generation");
            if (number(file, properties, "lanes") == count) {
                return generation;
            }
            last = Math.max(last, generation);
        } else if (last > 0) {
            log.warn("{} is missing: what its lanes hold is drained first. generations={}", file, onDisk);
        }
        int next = last + 1;
        replace(
                file,
                "# Which lanes take new messages. Written by Sluice; do not edit.\ngeneration=" + next + "\nlanes="
                        + count + "\n");
        return next;
    }

    static int number(Path file, Properties properties, String key) throws IOException {
        String text = properties.getProperty(key, "");
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw new IOException(
                    file + ": " + key + " must be a number, was '" + text
                            + "'. Delete the file to have all lanes found drained first.",
                    e);
        }
    }

    static List<Integer> numbers(Path directory, Pattern name) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(Files::isDirectory)
                    .map(file -> name.matcher(file.getFileName().toString()))
                    .filter(Matcher::matches)
                    .map(matcher -> Integer.parseInt(matcher.group(1)))
                    .sorted()
                    .toList();
        }
    }

    /** Writes a file so that either the old or the new content is there after any crash. */
    private static void replace(Path file, String content) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        try (var channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer bytes = UTF_8.encode(content);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        if (Files.getFileStore(temporary).supportsFileAttributeView("posix")) {
            Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rw-------"));
        }
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        syncDirectory(file.toAbsolutePath().getParent());
    }

    static void syncDirectory(Path directory) throws IOException {
        try (var channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** Opens what other generations hold, oldest first; those that hold nothing are set aside at once. */
    private static List<Lane> openLeftover(Path directory, int generation, SegmentLogConfig config, List<Lane> opened)
            throws IOException {
        var leftover = new ArrayList<Lane>();
        for (int old : numbers(directory, GENERATION)) {
            if (old == generation) {
                continue;
            }
            var lanes = new ArrayList<Lane>();
            for (int number : numbers(directory.resolve("generation-" + old), LANE)) {
                lanes.add(open(directory, old, number, config, opened));
            }
            if (lanes.stream().allMatch(lane -> undrained(lane) == 0)) {
                opened.removeAll(lanes);
                setAside(directory, old, lanes);
            } else {
                leftover.addAll(lanes);
            }
        }
        leftover.sort(Comparator.comparingInt(Lane::generation).thenComparingInt(Lane::number));
        return leftover;
    }

    private static Lane open(Path root, int generation, int number, SegmentLogConfig config, List<Lane> opened)
            throws IOException {
        Path directory = root.resolve("generation-" + generation).resolve("lane-" + number);
        createPrivately(directory.getParent());
        var lane = new Lane(generation, number, directory, SegmentLog.open(config.withDirectory(directory)));
        opened.add(lane);
        return lane;
    }

    /** Makes a directory that only its owner may look into, if it is missing. */
    private static void createPrivately(Path directory) throws IOException {
        boolean posix = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
        FileAttribute<?>[] attributes = posix
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
                }
                : new FileAttribute<?>[0];
        Files.createDirectories(directory, attributes);
    }

    private static long undrained(Lane lane) {
        return lane.segments().nextOffset() - lane.segments().committedOffset();
    }

    private static void setAside(Path directory, int generation, List<Lane> lanes) throws IOException {
        for (Lane lane : lanes) {
            lane.close();
        }
        Path from = directory.resolve("generation-" + generation);
        Path to = directory.resolve("generation-" + generation + DRAINED);
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        syncDirectory(directory);
        log.info("Everything in the old lanes is drained; the directory may be deleted. directory={}", to);
    }

    /** Returns the lanes that take new messages, by number. */
    List<Lane> current() {
        return current;
    }

    /** Returns the lanes of earlier generations that have not been set aside yet, oldest first. */
    List<Lane> leftover() {
        return List.copyOf(leftover);
    }

    /** Closes the lanes of an earlier generation and renames their directory; everything in them must be drained. */
    void setAside(int generation) throws IOException {
        List<Lane> lanes = leftover.stream()
                .filter(lane -> lane.generation() == generation)
                .toList();
        for (Lane lane : lanes) {
            if (undrained(lane) != 0) {
                throw new IllegalStateException("lane " + lane.name() + " still holds " + undrained(lane) + " entries");
            }
        }
        leftover.removeAll(lanes);
        setAside(directory, generation, lanes);
    }

    /** Returns the state of every log that is open, those of earlier generations first. */
    public List<LogStatus> status() {
        return Stream.concat(leftover.stream(), current.stream())
                .map(lane -> lane.segments().status())
                .toList();
    }

    /** Closes all logs, even if one of them fails to. The intake and the drain must have ended. */
    @Override
    public void close() throws IOException {
        IOException failure = null;
        for (Lane lane : Stream.concat(leftover.stream(), current.stream()).toList()) {
            try {
                lane.close();
            } catch (IOException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
