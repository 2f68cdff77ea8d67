package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.bridge.system.OwnFiles;
import dev.sluice.buffer.AtomicFile;
import dev.sluice.buffer.LogStatus;
import dev.sluice.buffer.SegmentLog;
import dev.sluice.buffer.SegmentLogConfig;
import java.io.Closeable;
import java.io.IOException;
import java.io.StringReader;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The logs of a buffer.
 *
 * <pre>
 *   buffer.dir/
 *     lanes.properties        generation=2, lanes=4, drain=embedded (log format 2): lanes for new messages, destination
 *     generation-2/lane-0/    a log; see dev.sluice.buffer
 *     generation-2/lane-1/    …
 *     generation-1/lane-0/    from a time with one lane; drained before the others
 *     generation-0.drained/   may be deleted
 * </pre>
 *
 * <p>The lane of a message depends on the number of lanes. When {@code buffer.lanes} changes, a new generation of lanes
 * begins, and nothing in it is drained before all older generations are empty. So the order within a partition holds.
 *
 * <p>A new generation also begins when the destination of the drain changes. That change is refused while the lanes
 * hold messages: each destination has its own record of the messages that have reached it, so it would repeat messages
 * that the other has.
 *
 * <p>The file names the newest format of the logs behind the destination. An earlier program, which does not know the
 * format, takes both for the name of another destination: it refuses to start while the lanes hold messages, and its
 * message names the format. A program that finds a later format than its own refuses to start.
 *
 * <p>{@code lanes.properties} is replaced atomically before the first lane of a generation is made. If it is missing,
 * every lane found belongs to an earlier generation.
 */
public final class Lanes implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(Lanes.class);

    /** Most lanes: each has its own threads and files. */
    public static final int MAX_LANES = 64;

    static final String FILE = "lanes.properties";
    static final Pattern GENERATION = Pattern.compile("generation-(\\d{1,9})");
    static final Pattern LANE = Pattern.compile("lane-(\\d{1,2})");
    static final String DRAINED = ".drained";

    private final Path directory;
    private final List<Lane> current;
    private final List<Lane> earlier;

    private Lanes(Path directory, List<Lane> current, List<Lane> earlier) {
        this.directory = directory;
        this.current = List.copyOf(current);
        this.earlier = new CopyOnWriteArrayList<>(earlier);
    }

    /**
     * Opens the lanes of a buffer, and the lanes of earlier generations that still hold messages.
     *
     * @param directory {@code buffer.dir}; made if it is missing
     * @param count {@code buffer.lanes}, 1 to {@value #MAX_LANES}
     * @param config settings of a log; its directory is not used, and {@code maxBytes} counts for all lanes together
     * @throws IllegalArgumentException if the count is out of range, or {@code maxBytes} is too small for it
     * @throws IOException if a log cannot be opened; the logs already open are closed
     */
    public static Lanes open(Path directory, int count, SegmentLogConfig config) throws IOException {
        return open(directory, count, config, null);
    }

    /**
     * Opens the lanes for a destination; see {@link #open(Path, int, SegmentLogConfig)}.
     *
     * @param drain name of the drain's destination; null keeps the present one
     * @throws IOException also if the lanes hold messages for another destination
     */
    public static Lanes open(Path directory, int count, SegmentLogConfig config, @Nullable String drain)
            throws IOException {
        if (count < 1 || count > MAX_LANES) {
            throw new IllegalArgumentException("buffer.lanes must be 1 to " + MAX_LANES + ", was " + count);
        }
        SegmentLogConfig laneConfig = laneConfig(count, config);
        OwnFiles.createDirectories(directory);
        Layout before = Layout.read(directory);
        Layout now = before.next(directory, count, drain);
        int generation = now.generation();
        var opened = new ArrayList<Lane>();
        try {
            List<Lane> old = openOld(directory, generation, laneConfig, opened);
            long held = old.stream().mapToLong(Lanes::undrained).sum();
            if (held > 0 && !now.drain().equals(before.drain())) {
                throw new IOException(directory + " holds " + held + " messages that drain.mode=" + before.drain()
                        + " has not drained yet: start with that until there are none, or move the directory away");
            }
            if (!now.equals(before)) {
                AtomicFile.replace(directory.resolve(FILE), now.content().getBytes(UTF_8));
            }
            List<Lane> earlier = withoutDrained(directory, old, opened);
            var current = new ArrayList<Lane>();
            for (int number = 0; number < count; number++) {
                current.add(open(directory, generation, number, laneConfig, opened));
            }
            log.info(
                    "Opened the buffer directory={} lanes={} generation={} earlierLanes={} undrained={}",
                    directory,
                    count,
                    generation,
                    earlier.size(),
                    opened.stream().mapToLong(Lanes::undrained).sum());
            return new Lanes(directory, current, earlier);
        } catch (IOException | RuntimeException e) {
            for (Lane lane : opened) {
                try (lane) {
                    log.debug("Closing the lane again lane={}", lane.name());
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

    /**
     * The content of {@link #FILE}.
     *
     * @param format newest format of the logs; 1 if the file names none
     */
    private record Layout(int generation, int lanes, String drain, int format) {
        /** The destination if the file names none. */
        private static final String FIRST_DRAIN = "embedded";

        private static final Pattern DRAIN = Pattern.compile("(.*) \\(log format (\\d{1,9})\\)");

        /** Reads the file. Without a file it is generation 0 without lanes. */
        static Layout read(Path directory) throws IOException {
            Path file = directory.resolve(FILE);
            if (!Files.exists(file)) {
                return new Layout(0, 0, FIRST_DRAIN, SegmentLog.FORMAT);
            }
            var properties = new Properties();
            properties.load(new StringReader(Files.readString(file, UTF_8)));
            String text = properties.getProperty("drain", FIRST_DRAIN);
            Matcher named = DRAIN.matcher(text);
            int format = named.matches() ? Integer.parseInt(named.group(2)) : 1;
            if (format > SegmentLog.FORMAT) {
                throw new IOException(file + ": the logs have format " + format
                        + " of a later version, this program knows formats up to " + SegmentLog.FORMAT
                        + "; start the later version until the log holds no messages, or move the directory away");
            }
            return new Layout(
                    number(file, properties, "generation"),
                    number(file, properties, "lanes"),
                    named.matches() ? named.group(1) : text,
                    format);
        }

        /** Returns this layout if it fits, else a new generation. */
        Layout next(Path directory, int count, @Nullable String wanted) throws IOException {
            String destination = wanted == null ? drain : wanted;
            if (lanes == count && drain.equals(destination)) {
                return new Layout(generation, lanes, drain, SegmentLog.FORMAT);
            }
            List<Integer> onDisk = numbers(directory, GENERATION);
            if (lanes == 0 && !onDisk.isEmpty()) {
                log.warn(
                        "The file of the lanes is missing, draining all lanes found first file={} generations={}",
                        directory.resolve(FILE),
                        onDisk);
            }
            int last = onDisk.isEmpty() ? 0 : Collections.max(onDisk);
            return new Layout(Math.max(last, generation) + 1, count, destination, SegmentLog.FORMAT);
        }

        String content() {
            return "# Which lanes take new messages. Written by Sluice; do not edit.\ngeneration=" + generation
                    + "\nlanes=" + lanes + "\ndrain=" + drain + " (log format " + format + ")\n";
        }
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

    static void syncDirectory(Path directory) throws IOException {
        try (var channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** Opens the lanes of other generations, oldest first. */
    private static List<Lane> openOld(Path directory, int generation, SegmentLogConfig config, List<Lane> opened)
            throws IOException {
        var lanes = new ArrayList<Lane>();
        for (int old : numbers(directory, GENERATION)) {
            if (old == generation) {
                continue;
            }
            for (int number : numbers(directory.resolve("generation-" + old), LANE)) {
                lanes.add(open(directory, old, number, config, opened));
            }
        }
        lanes.sort(Comparator.comparingInt(Lane::generation).thenComparingInt(Lane::number));
        return lanes;
    }

    /** Sets empty generations aside, and returns the lanes of the others. */
    private static List<Lane> withoutDrained(Path directory, List<Lane> old, List<Lane> opened) throws IOException {
        var earlier = new ArrayList<Lane>();
        for (int generation : old.stream().mapToInt(Lane::generation).distinct().toArray()) {
            List<Lane> lanes =
                    old.stream().filter(lane -> lane.generation() == generation).toList();
            if (lanes.stream().allMatch(lane -> undrained(lane) == 0)) {
                opened.removeAll(lanes);
                setAside(directory, generation, lanes);
            } else {
                earlier.addAll(lanes);
            }
        }
        return earlier;
    }

    private static Lane open(Path root, int generation, int number, SegmentLogConfig config, List<Lane> opened)
            throws IOException {
        Path directory = root.resolve("generation-" + generation).resolve("lane-" + number);
        OwnFiles.createDirectories(directory.getParent());
        var lane = new Lane(generation, number, directory, SegmentLog.open(config.withDirectory(directory)));
        opened.add(lane);
        return lane;
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
        log.info("Drained the lanes of an earlier generation; the directory may be deleted directory={}", to);
    }

    /** Returns the lanes that take new messages, by number. */
    public List<Lane> current() {
        return current;
    }

    /** Returns the lanes of earlier generations that are not set aside yet, oldest first. */
    public List<Lane> earlier() {
        return List.copyOf(earlier);
    }

    /** Closes the lanes of an earlier generation and renames their directory. They must be drained. */
    public void setAside(int generation) throws IOException {
        List<Lane> lanes =
                earlier.stream().filter(lane -> lane.generation() == generation).toList();
        for (Lane lane : lanes) {
            if (undrained(lane) != 0) {
                throw new IllegalStateException("lane " + lane.name() + " still holds " + undrained(lane) + " entries");
            }
        }
        earlier.removeAll(lanes);
        setAside(directory, generation, lanes);
    }

    /** Returns the state of every open log, earlier generations first. */
    public List<LogStatus> status() {
        return Stream.concat(earlier.stream(), current.stream())
                .map(lane -> lane.segments().status())
                .toList();
    }

    /** Closes all logs, even if one of them fails. The intake and the drain must have ended. */
    @Override
    public void close() throws IOException {
        IOException failure = null;
        for (Lane lane : Stream.concat(earlier.stream(), current.stream()).toList()) {
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
