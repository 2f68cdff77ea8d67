package dev.sluice.bridge.bench;

import dev.sluice.bridge.bench.Scenario.Kind;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Runs the scenarios that send requests to the bridge. Owned by one thread. */
final class Loads {
    private static final int PRELOAD_CONNECTIONS = 16;
    private static final int PRELOAD_BATCH = 100;
    /** Fill a queue for longer than it is read, because reading may be faster. */
    private static final int PRELOAD_FACTOR = 2;

    private static final int CONSUMERS = 16;
    private static final int REMEMBERED = 1 << 20;
    private static final double HALF = 0.5;
    private static final int PERCENT = 100;
    /** The part of the time of a relay in which messages are pushed; the rest is for the last of them to arrive. */
    private static final double RELAY_SHARE = 0.9;

    private final Target target;
    private final BenchOptions options;
    private final String run;
    private double fastest;
    private boolean hasRun;

    Loads(Target target, BenchOptions options, String run) {
        this.target = target;
        this.options = options;
        this.run = run;
    }

    /** Lets the bridge compile the code that the loads use. */
    void warmUp() throws IOException, BenchException {
        for (Scenario scenario : new Scenario[] {Scenario.PUSH_1, Scenario.PUSH_100}) {
            String queue = target.queue(run, "warm-" + scenario.path());
            PushTraffic push = traffic(queue, "w", scenario.partitions(), scenario.batch(), scenario.connections(), 0);
            var way = new PopTraffic.Way("batch=100", true, Long.MAX_VALUE, null);
            var pop = new PopTraffic(target.host(), queue, way, CONSUMERS);
            LoadStream pushes = LoadStream.closed(push, scenario.connections());
            try (var load = new Load(target.address(), List.of(pushes, LoadStream.closed(pop, CONSUMERS)))) {
                load.run(options.warmup());
            }
            check("warm-up", push.messages(), push.firstFailure());
        }
    }

    /** Runs a scenario and returns a result for each path in it. */
    List<Result> run(Scenario scenario) throws IOException, SQLException, BenchException {
        return switch (scenario.kind()) {
            case COLD -> List.of(push(scenario, 0, null));
            case PUSH -> pushes(scenario);
            case POP, POP_ACK -> pops(scenario);
            case IDLE -> idle(scenario);
            case RELAY -> relay(scenario);
            case MEMORY -> List.of(memory());
            case START -> throw new IllegalArgumentException("a start is no load");
        };
    }

    private List<Result> pushes(Scenario scenario) throws IOException, SQLException, BenchException {
        var results = new ArrayList<Result>();
        results.add(push(scenario, options.rate(), options.warmup()));
        if (scenario == Scenario.PUSH_1 && options.rate() == 0) {
            fastest = results.get(0).get(Figure.REQUESTS);
        }
        if (options.rateShare() > 0) {
            double rate = options.rateShare() * results.get(0).get(Figure.REQUESTS);
            results.add(push(scenario, rate, options.warmup()));
        }
        return results;
    }

    /** Returns the name of a path: that of the scenario, and the rate of an open loop as the user gave it. */
    private String name(Scenario scenario, double rate) {
        if (rate == 0) {
            return scenario.path();
        }
        return scenario.path() + "@"
                + (rate == options.rate() ? Math.round(rate) : Math.round(PERCENT * options.rateShare()) + "%");
    }

    private static LoadStream stream(Traffic traffic, int connections, double rate) {
        return rate > 0 ? LoadStream.open(traffic, connections, rate, 1) : LoadStream.closed(traffic, connections);
    }

    private PushTraffic traffic(String queue, String id, int partitions, int batch, int connections, int remembered) {
        var shape = new PushTraffic.Shape(target.host(), queue, run + id, partitions, batch, options.payload());
        return new PushTraffic(shape, connections, remembered);
    }

    private Result push(Scenario scenario, double rate, @Nullable Duration warmup)
            throws IOException, SQLException, BenchException {
        String path = name(scenario, rate);
        PushTraffic traffic = traffic(
                target.queue(run, path),
                scenario.path(),
                scenario.partitions(),
                scenario.batch(),
                scenario.connections(),
                0);
        LoadStream stream = stream(traffic, scenario.connections(), rate);
        var result = new Result(path);
        measure(stream, warmup, result);
        check(path, traffic.messages(), traffic.firstFailure());
        return result;
    }

    private void measure(LoadStream stream, @Nullable Duration warmup, Result result) throws IOException, SQLException {
        try (var load = new Load(target.address(), List.of(stream))) {
            if (warmup != null) {
                load.run(warmup);
            }
            Measurement measurement = Measurement.begin(target.observer());
            double seconds = load.run(options.time());
            Traffic traffic = stream.traffic();
            measurement.end(
                    new Measurement.Work(
                            seconds,
                            traffic.messages(),
                            stream.answered(),
                            traffic.failed(),
                            (double) traffic.messages() * options.payload()),
                    result);
            stream.requests().describe(result);
            hasRun = true;
        }
    }

    private static void check(String path, long messages, @Nullable String failure) throws BenchException {
        if (messages == 0) {
            throw BenchException.failed(
                    path + " moved no message" + (failure == null ? "" : "; first answer: " + failure));
        }
    }

    private List<Result> pops(Scenario scenario) throws IOException, SQLException, BenchException {
        var results = new ArrayList<Result>();
        results.addAll(pop(scenario, options.rate()));
        if (options.rateShare() > 0) {
            results.addAll(pop(scenario, options.rateShare() * results.get(0).get(Figure.REQUESTS)));
        }
        return results;
    }

    private List<Result> pop(Scenario scenario, double rate) throws IOException, SQLException, BenchException {
        String path = name(scenario, rate);
        String queue = target.queue(run, path);
        long messages = fill(
                queue,
                path,
                scenario.partitions(),
                options.time().plus(options.warmup()).multipliedBy(PRELOAD_FACTOR));
        boolean acknowledges = scenario.kind() == Kind.POP_ACK;
        var way = new PopTraffic.Way(
                "batch=" + scenario.batch() + (acknowledges ? "" : "&autoAck=true"), acknowledges, messages, null);
        var traffic = new PopTraffic(target.host(), queue, way, scenario.connections());
        LoadStream stream = stream(traffic, scenario.connections(), rate);
        var result = new Result(path);
        measure(stream, options.warmup(), result);
        check(path, traffic.messages(), traffic.firstFailure());
        if (!acknowledges) {
            return List.of(result);
        }
        var acks = new Result(path + " ack");
        stream.followUps().describe(acks);
        return List.of(result, acks);
    }

    /** Fills a queue for some time. Returns how many messages it has. */
    private long fill(String queue, String id, int partitions, Duration time) throws IOException, BenchException {
        PushTraffic traffic = traffic(queue, id + "f", partitions, PRELOAD_BATCH, PRELOAD_CONNECTIONS, 0);
        try (var load = new Load(target.address(), List.of(LoadStream.closed(traffic, PRELOAD_CONNECTIONS)))) {
            load.run(time);
        }
        check(id, traffic.messages(), traffic.firstFailure());
        return traffic.messages();
    }

    /** Pushes messages whose segments the floor of COPY can use. */
    void pushSome() throws IOException {
        PushTraffic traffic =
                traffic(target.queue(run, "floor"), "floor", PRELOAD_BATCH, PRELOAD_BATCH, PRELOAD_CONNECTIONS, 0);
        try (var load = new Load(target.address(), List.of(LoadStream.closed(traffic, PRELOAD_CONNECTIONS)))) {
            load.run(Duration.ofMillis(500));
        }
    }

    /** Push, pop and ack, one by one on one connection, and a commit between them. */
    private List<Result> idle(Scenario scenario) throws IOException, SQLException, BenchException {
        String queue = target.queue(run, scenario.path());
        PushTraffic push = traffic(queue, scenario.path(), 1, 1, 1, 0);
        var pop = new PopTraffic(target.host(), queue, new PopTraffic.Way("batch=1", true, Long.MAX_VALUE, null), 1);
        hasRun = true;
        try (var call = new HttpCall(target.address())) {
            var loop = new IdleLoop(call, push, pop, target.database().orElse(null));
            loop.run(options.warmup());
            loop.run(options.time());
            check(scenario.path(), pop.messages(), pop.firstFailure());
            return loop.results(scenario.path());
        }
    }

    /** Returns the rate of a relay: that which the user gave, or half of the fastest. */
    private double rateOfRelay() throws IOException, SQLException, BenchException {
        if (options.rate() > 0) {
            return options.rate();
        }
        if (fastest == 0) {
            fastest = push(Scenario.PUSH_1, 0, options.warmup()).get(Figure.REQUESTS);
        }
        return HALF * fastest;
    }

    /** Pushes at half of the fastest rate to consumers that wait. */
    private List<Result> relay(Scenario scenario) throws IOException, SQLException, BenchException {
        double rate = rateOfRelay();
        String queue = target.queue(run, scenario.path());
        PushTraffic push = traffic(
                queue, scenario.path(), scenario.partitions(), scenario.batch(), scenario.connections(), REMEMBERED);
        String query = "batch=100&partitions=" + scenario.partitionsOfPop() + "&wait=true&timeout=500";
        var pop =
                new PopTraffic(target.host(), queue, new PopTraffic.Way(query, true, Long.MAX_VALUE, push), CONSUMERS);
        LoadStream pushes = LoadStream.open(push, scenario.connections(), rate, RELAY_SHARE);
        LoadStream pops = LoadStream.following(pushes, pop, CONSUMERS);
        var delivery = new Result(scenario.path() + " delivery");
        try (var load = new Load(target.address(), List.of(pushes, pops))) {
            load.run(options.warmup());
            Measurement measurement = Measurement.begin(target.observer());
            double seconds = load.run(options.time());
            long messages = pop.messages();
            measurement.end(
                    new Measurement.Work(
                            seconds, messages, pops.answered(), pop.failed(), (double) messages * options.payload()),
                    delivery);
        }
        check(scenario.path(), pop.messages(), pop.firstFailure());
        hasRun = true;
        long undelivered = Math.max(0, push.messages() - pop.messages());
        delivery.set(Figure.FAILED, (double) (pop.failed() + undelivered));
        pop.delivery().describe(delivery);
        var pushed = new Result(scenario.path() + " push")
                .set(
                        Figure.RATE,
                        push.messages() / (RELAY_SHARE * options.time().toNanos() / 1e9))
                .set(Figure.FAILED, (double) push.failed());
        pushes.requests().describe(pushed);
        var acks = new Result(scenario.path() + " ack");
        pops.followUps().describe(acks);
        return List.of(pushed, delivery, acks);
    }

    private Result memory() throws IOException, SQLException, BenchException {
        if (!hasRun) {
            push(Scenario.PUSH_100, 0, options.warmup());
        }
        var result = new Result(Scenario.MEMORY.path());
        target.observer().describeMemory(result);
        return result;
    }
}
