package dev.sluice.bridge.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What the parts of a path cost alone, measured in the same run: a bare POST, a COPY of segments, an append with a
 * sync, a round trip to the database, and a commit. Owned by one thread.
 */
final class Floors implements AutoCloseable {
    static final String POST = "bare-post";
    static final String COPY = "copy";
    static final String APPEND = "append";
    static final String SELECT_1 = "select-1";
    static final String COMMIT = "commit";

    private static final int CONNECTIONS = 64;
    private static final int PARTITIONS = 100;
    private static final int RECORD_BYTES = 300;
    private static final int SEGMENTS = 100;
    private static final int LEAST_MESSAGES = 10;
    private static final int COPIES_A_TABLE = 50;
    private static final int CALLS_BETWEEN_LOOKS = 10;
    private static final double MICROS_A_SECOND = 1e6;
    private static final long LEAST_NANOS = 100_000_000;

    private final Duration time;
    private final BarePostServer server;
    private final Load load;
    private final LoadStream stream;
    private final Observer observer;
    private final List<Result> posts = new ArrayList<>();
    private final double startSeconds;

    /**
     * Starts the server of the bare POST and warms it up.
     *
     * @param time how long to measure each floor
     * @param push the request, as {@code PushTraffic} sends it
     * @param answer what a bridge answers to it
     */
    Floors(Duration time, Duration warmup, PushTraffic.Shape push, String answer) throws IOException {
        this.time = time.toNanos() < LEAST_NANOS ? Duration.ofNanos(LEAST_NANOS) : time;
        var traffic = new PushTraffic(push, CONNECTIONS, 0);
        stream = LoadStream.closed(traffic, CONNECTIONS);
        long begin = System.nanoTime();
        server = BarePostServer.start(answer);
        try {
            try (var call = new HttpCall(server.address())) {
                call.send(traffic.next(0, 0));
            }
            startSeconds = (System.nanoTime() - begin) / 1e9;
            load = new Load(server.address(), List.of(stream));
            observer = new Observer(new Observer.Sight(null, "", server.pid(), 0, null, null, null));
            load.run(warmup);
        } catch (IOException | RuntimeException | Error e) {
            server.close();
            throw e;
        }
    }

    /** Returns the seconds from the start of the process of the bare POST until its first answer. */
    double startSeconds() {
        return startSeconds;
    }

    /** Returns the shape of the request of the bare POST. */
    static PushTraffic.Shape shape(String host, int payloadBytes) {
        return new PushTraffic.Shape(host, "bench-floor", "r", PARTITIONS, 1, payloadBytes);
    }

    /** Measures the bare POST. Returns its processor time in microseconds. */
    double post() throws IOException, SQLException {
        var result = new Result("floor " + POST);
        Measurement measurement = Measurement.begin(observer);
        double seconds = load.run(time);
        long answered = stream.answered();
        measurement.end(
                new Measurement.Work(
                        seconds,
                        stream.traffic().messages(),
                        answered,
                        stream.traffic().failed(),
                        0),
                result);
        stream.requests().describe(result);
        posts.add(result);
        return result.cpuOfServer();
    }

    /** Returns the median of all measurements of the bare POST; without figures if there were none. */
    Result posts() {
        return posts.isEmpty() ? new Result("floor " + POST) : Medians.of(posts);
    }

    /** Measures appends to a file, each with an {@code fdatasync}, one after another. */
    Result append(Path directory) throws IOException {
        Path file = directory.resolve("floor.log");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.allocateDirect(RECORD_BYTES);
            return oneByOne(APPEND, () -> {
                channel.write(bytes.clear());
                channel.force(false);
            });
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** Measures round trips to the database. */
    Result selectOne(BenchDatabase database) throws IOException, SQLException {
        return oneByOne(SELECT_1, database::selectOne);
    }

    /** Measures commits of one row each. */
    Result commit(BenchDatabase database, String payload) throws IOException, SQLException {
        return oneByOne(COMMIT, () -> database.commit(payload));
    }

    /** Something that is done and timed. */
    private interface Step<E extends Exception> {
        void run() throws E, IOException;
    }

    private <E extends Exception> Result oneByOne(String floor, Step<E> step) throws E, IOException {
        var latencies = new Latencies();
        long begin = System.nanoTime();
        long now = begin;
        while (now - begin < time.toNanos() || latencies.count() < CALLS_BETWEEN_LOOKS) {
            step.run();
            long done = System.nanoTime();
            latencies.record(now, done);
            now = done;
        }
        var result = new Result("floor " + floor).set(Figure.RATE, latencies.count() / ((now - begin) / 1e9));
        latencies.describe(result);
        return result;
    }

    /** Measures COPY of rows that the bridge has written, 100 rows a transaction, on one connection. */
    Result copy(BenchDatabase database, long postgresPid) throws SQLException, IOException {
        var result = new Result("floor " + COPY);
        database.truncate();
        BenchDatabase.Segments segments = database.segments(SEGMENTS, LEAST_MESSAGES);
        if (segments.messages() == 0) {
            return result;
        }
        double cpu = postgresPid > 0 ? ProcessFiles.cpuOfTree(postgresPid) : Double.NaN;
        double wal = database.walBytes();
        long begin = System.nanoTime();
        long copies = 0;
        while (System.nanoTime() - begin < time.toNanos()) {
            database.copy(segments);
            copies++;
            if (copies % COPIES_A_TABLE == 0) {
                database.truncate();
            }
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        double messages = copies * segments.messages();
        double used = (postgresPid > 0 ? ProcessFiles.cpuOfTree(postgresPid) : Double.NaN) - cpu;
        result.set(Figure.RATE, messages / seconds)
                .set(Figure.CPU_POSTGRES, MICROS_A_SECOND * used / messages)
                .set(Figure.WAL_BYTES, (database.walBytes() - wal) / messages);
        database.truncate();
        return result;
    }

    @Override
    public void close() throws IOException {
        try (server) {
            load.close();
        }
    }
}
