package dev.sluice.bridge.bench;

import dev.sluice.bridge.bench.Scenario.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One round: starts what is needed, runs the scenarios, and measures the floors between them, so that a path and its
 * floor see the same hour of the machine. Owned by one thread.
 */
final class BenchRun {
    /** A floor is measured this many times shorter than a path, because it is measured around each of them. */
    private static final int FLOOR_SHARE = 3;

    private final BenchOptions options;
    private final OwnBridge.@Nullable Program program;
    private final Consumer<String> progress;
    private final String run;
    private final List<Result> results = new ArrayList<>();

    /**
     * Creates a round.
     *
     * @param program how to start a bridge; null if {@code --url} names one
     * @param run makes names differ from those of other rounds
     * @param progress told, line by line, what is measured
     */
    BenchRun(BenchOptions options, OwnBridge.@Nullable Program program, String run, Consumer<String> progress) {
        this.options = options;
        this.program = program;
        this.run = run;
        this.progress = progress;
    }

    /** Measures everything and returns the results. */
    List<Result> measure() throws IOException, SQLException, InterruptedException, BenchException {
        try (Target target = target()) {
            PushTraffic.Shape shape =
                    new PushTraffic.Shape(target.host(), target.queue(run, "first"), run, 1, 1, options.payload());
            double firstStart = start(target, shape);
            String answer = firstAnswer(target, shape);
            PushTraffic.Shape floor = Floors.shape(target.host(), options.payload());
            try (var floors = new Floors(options.time().dividedBy(FLOOR_SHARE), options.warmup(), floor, answer)) {
                measure(target, floors, shape, firstStart);
            } catch (IOException e) {
                throw BenchException.failed("the benchmark failed: " + e.getMessage() + stateOf(target));
            }
        }
        return results;
    }

    private static String stateOf(Target target) throws IOException {
        if (target.own().isEmpty()) {
            return "";
        }
        OwnBridge own = target.own().get();
        return "; the bridge " + (own.isAlive() ? "runs" : "has ended") + ", its last lines:\n" + own.lastLines();
    }

    private Target target() throws IOException {
        if (program == null) {
            return Target.running(options.url().orElseThrow(), options);
        }
        return Target.own(new OwnBridge(program, Files.createDirectories(options.directory())), options);
    }

    private double start(Target target, PushTraffic.Shape shape)
            throws IOException, InterruptedException, BenchException {
        if (target.own().isEmpty()) {
            return Double.NaN;
        }
        progress.accept("starting a bridge in " + target.own().get().directory());
        return target.own().get().start(new PushTraffic(shape, 1, 0).next(0, 0));
    }

    private static String firstAnswer(Target target, PushTraffic.Shape shape) throws IOException, BenchException {
        var other = new PushTraffic.Shape(shape.host(), shape.queue(), shape.run() + "a", 1, 1, shape.payloadBytes());
        try (var call = new HttpCall(target.address())) {
            ByteBuffer push = new PushTraffic(other, 1, 0).next(0, 0);
            Answer answer = call.send(push);
            if (!answer.isSuccess() || !answer.text().contains("\"status\":\"queued\"")) {
                throw BenchException.failed(
                        "the bridge does not store a push: " + answer.status() + " " + answer.text());
            }
            return answer.text();
        } catch (IOException e) {
            throw BenchException.failed("no bridge answers on " + target.host() + ": " + e.getMessage());
        }
    }

    private void measure(Target target, Floors floors, PushTraffic.Shape shape, double firstStart)
            throws IOException, SQLException, InterruptedException, BenchException {
        Set<Scenario> scenarios = options.scenarios();
        if (scenarios.contains(Scenario.START)) {
            results.add(started("start-new", firstStart, floors));
        }
        if (target.own().isPresent() && scenarios.stream().anyMatch(Scenario::needsOwnBridge)) {
            OwnBridge own = target.own().get();
            own.stop();
            var again = new PushTraffic.Shape(shape.host(), shape.queue(), run + "b", 1, 1, shape.payloadBytes());
            double seconds = own.start(new PushTraffic(again, 1, 0).next(0, 0));
            if (scenarios.contains(Scenario.START)) {
                results.add(started("start", seconds, floors));
            }
        }
        target.observe();
        var loads = new Loads(target, options, run);
        double before = Double.NaN;
        for (Scenario scenario : scenarios) {
            if (scenario.kind() == Kind.START) {
                continue;
            }
            progress.accept(scenario.path() + ": " + scenario.description());
            if (Double.isNaN(before) && scenario.kind() != Kind.COLD) {
                loads.warmUp();
                before = floors.post();
            }
            List<Result> found = loads.run(scenario);
            if (scenario.kind() != Kind.COLD) {
                double after = floors.post();
                if (scenario.kind() != Kind.RELAY) { // At a low rate, waiting costs more than messages do.
                    compare(found, (before + after) / 2);
                }
                before = after;
            }
            results.addAll(found);
        }
        results.addAll(floors(target, floors, loads));
        finish();
    }

    private static Result started(String path, double seconds, Floors floors) {
        return new Result(path).set(Figure.SECONDS, seconds).multiple("bare-start", seconds / floors.startSeconds());
    }

    /** Adds the multiple of the bare POST to paths that have processor time a message. */
    private static void compare(List<Result> found, double post) {
        found.forEach(result -> {
            double cpu = result.cpuOfServer() + result.get(Figure.CPU_POSTGRES);
            result.multiple(Floors.POST, cpu / post);
        });
    }

    private List<Result> floors(Target target, Floors floors, Loads loads) throws IOException, SQLException {
        progress.accept("floors");
        var found = new ArrayList<Result>();
        if (!Double.isNaN(floors.posts().get(Figure.CPU_SERVER))) {
            found.add(floors.posts());
        }
        Path directory = target.own().map(OwnBridge::directory).orElse(options.directory());
        found.add(floors.append(directory));
        if (target.database().isPresent()) {
            BenchDatabase database = target.database().get();
            found.add(floors.selectOne(database));
            found.add(floors.commit(database, "x".repeat(options.payload())));
            loads.pushSome();
            found.add(floors.copy(database, target.observer().sight().postgresPid()));
        }
        return found;
    }

    /** Adds the multiples of floors that are measured once. */
    private void finish() {
        double copy = find("floor " + Floors.COPY, Figure.CPU_POSTGRES);
        double warm = find(Scenario.PUSH_1.path(), Figure.RATE);
        for (Result result : results) {
            if (result.path().startsWith("push-")) {
                result.multiple(Floors.COPY, result.get(Figure.CPU_POSTGRES) / copy);
            }
            if (result.path().equals(Scenario.COLD.path())) {
                result.multiple("warm", warm / result.get(Figure.RATE));
            }
        }
    }

    private double find(String path, Figure figure) {
        return results.stream()
                .filter(result -> result.path().equals(path))
                .mapToDouble(result -> result.get(figure))
                .findFirst()
                .orElse(Double.NaN);
    }
}
