package dev.sluice.bridge.bench.growth;

import dev.sluice.bridge.bench.BenchException;
import dev.sluice.bridge.bench.LoadStream;
import dev.sluice.bridge.bench.OwnBridge;
import dev.sluice.bridge.bench.Result;
import dev.sluice.bridge.bench.growth.GrowthBridge.Shapes;
import java.io.IOException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Measures curves. Owned by one thread. */
final class GrowthRun {
    private static final int MANY = 64;
    private static final int FEW = 16;
    private static final int PARTITIONS = 100;
    private static final int BATCH = 100;
    private static final int SMALL_BATCH = 10;
    /** Messages that a partition has when there are many partitions with few messages. */
    private static final int THIN = 8;
    /** Fewer partitions than this are empty before a load of few messages for each has a rate. */
    private static final int LEAST_THIN_PARTITIONS = 50_000;
    /** Connections of the consumers of all groups together. */
    private static final int CONSUMERS = 100;

    private static final String POP = "batch=" + BATCH;

    private final OwnBridge.Program program;
    private final GrowthOptions options;
    private final Consumer<String> progress;
    private final List<Point> points = new ArrayList<>();
    private final List<Sample> samples = new ArrayList<>();

    GrowthRun(OwnBridge.Program program, GrowthOptions options, Consumer<String> progress) {
        this.program = program;
        this.options = options;
        this.progress = progress;
    }

    /** Returns what is measured so far. */
    List<Point> points() {
        return points;
    }

    /** Returns the samples of the soak so far. */
    List<Sample> samples() {
        return samples;
    }

    /** Measures a curve. */
    void measure(Growth growth) throws IOException, SQLException, InterruptedException, BenchException {
        if (growth == Growth.MESSAGES || growth == Growth.SOAK) {
            try (var bridge = GrowthBridge.start(program, options)) {
                measure(growth, bridge);
            }
            return;
        }
        for (long at : options.points(growth)) {
            progress.accept(at + " " + growth.unit());
            try (var bridge = GrowthBridge.start(program, options)) {
                switch (growth) {
                    case PARTITIONS -> partitions(bridge, at);
                    case GROUPS -> groups(bridge, at);
                    default -> payloads(bridge, at);
                }
            }
        }
    }

    private void measure(Growth growth, GrowthBridge bridge)
            throws IOException, SQLException, InterruptedException, BenchException {
        if (growth == Growth.MESSAGES) {
            messages(bridge);
        } else {
            long minutes = options.points(growth).get(0);
            progress.accept("soak of " + minutes + " minutes");
            new Soak(bridge, options, samples::add).run(minutes);
        }
    }

    private void add(Growth growth, long at, Result result) {
        points.add(new Point(growth, at, result));
    }

    /** A partition gets its messages in runs of 100; then, if there are many partitions, also in runs of eight. */
    private void partitions(GrowthBridge bridge, long at) throws IOException, SQLException, BenchException {
        var deep = new Shapes("deep", (int) at, BATCH, Shapes.PAYLOAD);
        bridge.fill("fill", deep, FEW, at);
        add(Growth.PARTITIONS, at, bridge.push("push-100", deep, FEW));
        add(Growth.PARTITIONS, at, bridge.push("push-1", deep.withBatch(1), MANY));
        add(Growth.PARTITIONS, at, bridge.pop("pop-ack", pops(bridge, "deep", POP), Shapes.PAYLOAD));
        if (at >= LEAST_THIN_PARTITIONS) {
            var thin = new Shapes("thin", (int) at, THIN, Shapes.PAYLOAD);
            add(Growth.PARTITIONS, at, bridge.fill("create", thin, FEW, at));
            add(Growth.PARTITIONS, at, bridge.pop("pop-ack-thin", pops(bridge, "thin", POP), Shapes.PAYLOAD));
        }
    }

    private static List<LoadStream> pops(GrowthBridge bridge, String queue, String query) {
        return List.of(LoadStream.closed(bridge.pops(queue, query, Long.MAX_VALUE, FEW), FEW));
    }

    private void groups(GrowthBridge bridge, long at) throws IOException, SQLException, BenchException {
        var shapes = new Shapes("groups", PARTITIONS, BATCH, Shapes.PAYLOAD);
        bridge.fill("fill", shapes, FEW, PARTITIONS);
        var streams = new ArrayList<LoadStream>();
        int each = (int) Math.max(1, CONSUMERS / at);
        for (int group = 1; group <= at; group++) {
            String query = POP + "&subscriptionMode=all&consumerGroup=g" + group;
            bridge.send("GET", "/api/v1/pop/queue/groups?autoAck=true&" + query, "");
            streams.add(LoadStream.closed(bridge.pops("groups", query, Long.MAX_VALUE, each), each));
        }
        add(Growth.GROUPS, at, bridge.push("push-100", shapes, FEW));
        add(Growth.GROUPS, at, bridge.push("push-1", shapes.withBatch(1), MANY));
        add(Growth.GROUPS, at, bridge.pop("pop-ack", streams, Shapes.PAYLOAD));
    }

    private void payloads(GrowthBridge bridge, long at) throws IOException, SQLException, BenchException {
        var shapes = new Shapes("payloads", PARTITIONS, SMALL_BATCH, (int) at);
        add(Growth.PAYLOADS, at, bridge.push("push-10", shapes, FEW));
        add(Growth.PAYLOADS, at, bridge.push("push-1", shapes.withBatch(1), MANY));
        add(Growth.PAYLOADS, at, bridge.pop("pop-ack", pops(bridge, "payloads", "batch=" + SMALL_BATCH), (int) at));
    }

    /** Fills a queue by the difference of two points, and measures. What the measured loads push comes on top. */
    private void messages(GrowthBridge bridge) throws IOException, SQLException, BenchException {
        var shapes = new Shapes("messages", PARTITIONS, BATCH, Shapes.PAYLOAD);
        long stored = 0;
        for (long at : options.points(Growth.MESSAGES)) {
            progress.accept(at + " stored messages");
            long requests = Math.max(1, (at - stored) / BATCH);
            add(Growth.MESSAGES, at, bridge.fill("fill", shapes, FEW, requests));
            add(Growth.MESSAGES, at, bridge.push("push-100", shapes, FEW));
            add(Growth.MESSAGES, at, bridge.push("push-1", shapes.withBatch(1), MANY));
            add(Growth.MESSAGES, at, bridge.pop("pop-ack", pops(bridge, "messages", POP), Shapes.PAYLOAD));
            stored = at;
        }
    }
}
