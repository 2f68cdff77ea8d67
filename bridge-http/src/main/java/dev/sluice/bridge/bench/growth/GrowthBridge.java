package dev.sluice.bridge.bench.growth;

import dev.sluice.bridge.bench.BenchDatabase;
import dev.sluice.bridge.bench.BenchException;
import dev.sluice.bridge.bench.HttpCall;
import dev.sluice.bridge.bench.JvmView;
import dev.sluice.bridge.bench.Load;
import dev.sluice.bridge.bench.LoadStream;
import dev.sluice.bridge.bench.Measurement;
import dev.sluice.bridge.bench.Observer;
import dev.sluice.bridge.bench.OwnBridge;
import dev.sluice.bridge.bench.PopTraffic;
import dev.sluice.bridge.bench.PushTraffic;
import dev.sluice.bridge.bench.Result;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A bridge with a new data directory, and the loads that a curve repeats on it. Owned by one thread. */
final class GrowthBridge implements AutoCloseable {
    /** The longest time in which a queue is filled with one batch. */
    private static final Duration LONGEST_FILL = Duration.ofMinutes(30);

    private final OwnBridge bridge;
    private final BenchDatabase database;
    private final JvmView jvm;
    private final Observer observer;
    private final GrowthOptions options;
    private int runs;

    private GrowthBridge(OwnBridge bridge, BenchDatabase database, JvmView jvm, GrowthOptions options)
            throws IOException {
        this.bridge = bridge;
        this.database = database;
        this.jvm = jvm;
        this.options = options;
        this.observer = new Observer(new Observer.Sight(
                bridge.address(), host(), bridge.pid(), bridge.postgresPid(), database, jvm, bridge.directory()));
    }

    /** Starts a bridge and waits for its first answer. */
    static GrowthBridge start(OwnBridge.Program program, GrowthOptions options)
            throws IOException, SQLException, InterruptedException, BenchException {
        var bridge = new OwnBridge(program, Files.createDirectories(options.directory()));
        try {
            var shape = new PushTraffic.Shape(host(bridge.address()), "first", "a", 1, 1, Shapes.PAYLOAD);
            bridge.start(new PushTraffic(shape, 1, 0).next(0, 0));
            String url = bridge.databaseUrl()
                    .orElseThrow(() -> BenchException.failed(
                            "--growth measures the embedded PostgreSQL; leave out connection.url"));
            return open(bridge, BenchDatabase.open(url), options);
        } catch (IOException | SQLException | InterruptedException | BenchException | RuntimeException | Error e) {
            try (bridge) {
                throw e;
            }
        }
    }

    private static GrowthBridge open(OwnBridge bridge, BenchDatabase database, GrowthOptions options)
            throws IOException, SQLException {
        try {
            return new GrowthBridge(bridge, database, JvmView.attach(bridge.pid()), options);
        } catch (IOException | RuntimeException | Error e) {
            try (database) {
                throw e;
            }
        }
    }

    private static String host(InetSocketAddress address) {
        return address.getHostString() + ":" + address.getPort();
    }

    private String host() {
        return host(bridge.address());
    }

    OwnBridge own() {
        return bridge;
    }

    JvmView jvm() {
        return jvm;
    }

    /** What is pushed or popped. */
    record Shapes(String queue, int partitions, int batch, int payload) {
        static final int PAYLOAD = 200;

        Shapes withBatch(int messages) {
            return new Shapes(queue, partitions, messages, payload);
        }
    }

    PushTraffic pushes(Shapes shapes, int connections) {
        String run = Integer.toString(++runs, Character.MAX_RADIX);
        var shape = new PushTraffic.Shape(host(), shapes.queue, run, shapes.partitions, shapes.batch, shapes.payload);
        return new PushTraffic(shape, connections, 0);
    }

    PopTraffic pops(String queue, String query, long wanted, int connections) {
        return new PopTraffic(host(), queue, new PopTraffic.Way(query, true, wanted, null), connections);
    }

    /** Sends a request that has an answer at once. */
    void send(String method, String path, String body) throws IOException, BenchException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        String head = method + " " + path + " HTTP/1.1\r\nHost: " + host()
                + "\r\nContent-Type: application/json\r\nContent-Length: " + bytes.length + "\r\n\r\n";
        try (var call = new HttpCall(bridge.address())) {
            var answer = call.send(ByteBuffer.wrap((head + body).getBytes(StandardCharsets.UTF_8)));
            if (!answer.isSuccess()) {
                throw BenchException.failed(path + " is answered with " + answer.status() + " " + answer.text());
            }
        }
    }

    /** Pushes until a number of requests is answered, and returns what it cost. */
    Result fill(String path, Shapes shapes, int connections, long requests)
            throws IOException, SQLException, BenchException {
        PushTraffic pushes = pushes(shapes, connections);
        var limited = new LimitedTraffic(pushes, requests * shapes.batch);
        return measure(path, List.of(LoadStream.closed(limited, connections)), null, LONGEST_FILL, shapes.payload);
    }

    /** Pushes as fast as the bridge answers. */
    Result push(String path, Shapes shapes, int connections) throws IOException, SQLException, BenchException {
        LoadStream stream = LoadStream.closed(pushes(shapes, connections), connections);
        return measure(path, List.of(stream), options.warmup(), options.time(), shapes.payload);
    }

    /** Pops and acknowledges as fast as the bridge answers, until the time is over or the queue is empty. */
    Result pop(String path, List<LoadStream> streams, int payload) throws IOException, SQLException, BenchException {
        return measure(path, streams, options.warmup(), options.time(), payload);
    }

    private Result measure(String path, List<LoadStream> streams, @Nullable Duration warmup, Duration time, int payload)
            throws IOException, SQLException, BenchException {
        var result = new Result(path);
        try (var load = new Load(bridge.address(), streams)) {
            if (warmup != null) {
                load.run(warmup);
            }
            Measurement measurement = Measurement.begin(observer);
            double seconds = load.run(time);
            long messages = 0;
            long requests = 0;
            long failed = 0;
            for (LoadStream stream : streams) {
                messages += stream.traffic().messages();
                failed += stream.traffic().failed();
                requests += stream.answered();
            }
            if (messages == 0) {
                String failure = streams.get(0).traffic().firstFailure();
                throw BenchException.failed(path
                        + (failure == null
                                ? " moved no message and had no failure: the queue was empty"
                                : " moved no message; first failure: " + failure));
            }
            measurement.end(
                    new Measurement.Work(seconds, messages, requests, failed, (double) messages * payload), result);
        }
        for (LoadStream stream : streams.subList(1, streams.size())) {
            streams.get(0).requests().add(stream.requests());
        }
        streams.get(0).requests().describe(result);
        return result;
    }

    @Override
    public void close() throws IOException, SQLException {
        try (bridge;
                database) {
            jvm.close();
        }
    }
}
