package dev.sluice.bridge.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Sends one request after another to a bridge that has nothing else to do. Owned by one thread. */
final class IdleLoop {
    private static final int LEAST_ROUNDS = 5;
    private static final String PAYLOAD = "x".repeat(200);

    private final HttpCall call;
    private final PushTraffic push;
    private final PopTraffic pop;
    private final @Nullable BenchDatabase database;
    private final Latencies pushes = new Latencies();
    private final Latencies pops = new Latencies();
    private final Latencies acks = new Latencies();
    private final Latencies commits = new Latencies();

    /** Creates the loop; without a database no commits are timed. */
    IdleLoop(HttpCall call, PushTraffic push, PopTraffic pop, @Nullable BenchDatabase database) {
        this.call = call;
        this.push = push;
        this.pop = pop;
        this.database = database;
    }

    /** Forgets all times. Then repeats push, pop, ack and commit for some time, and at least a few times. */
    void run(Duration time) throws IOException, SQLException {
        List.of(pushes, pops, acks, commits).forEach(Latencies::reset);
        long begin = System.nanoTime();
        for (int round = 0; round < LEAST_ROUNDS || System.nanoTime() - begin < time.toNanos(); round++) {
            push.answered(0, timed(push.next(0, 0), pushes), 0);
            ByteBuffer ack = pop.answered(0, timed(pop.next(0, 0), pops), 0);
            if (ack != null) {
                pop.answered(0, timed(ack, acks), 0);
            }
            if (database != null) {
                long due = System.nanoTime();
                database.commit(PAYLOAD);
                commits.record(due, System.nanoTime());
            }
        }
    }

    private Answer timed(ByteBuffer request, Latencies latencies) throws IOException {
        long due = System.nanoTime();
        Answer answer = call.send(request);
        latencies.record(due, System.nanoTime());
        return answer;
    }

    /** Returns a result for each kind of request, with the median as a multiple of that of a commit. */
    List<Result> results(String path) {
        return List.of(
                result(path + " push", pushes),
                result(path + " pop", pops),
                result(path + " ack", acks),
                result(path + " commit", commits));
    }

    private Result result(String path, Latencies latencies) {
        var result = new Result(path);
        latencies.describe(result);
        if (latencies != commits) {
            result.multiple(Floors.COMMIT, result.get(Figure.P50) / commits.percentile(50));
        }
        return result;
    }
}
