package dev.sluice.work.bench;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.bench.Figures.Figure;
import dev.sluice.work.bench.Figures.Goal;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * The command that measures the work engine. CONTRIBUTING says how to start it; its words are parts (all, if none is
 * given) and these options:
 *
 * <pre>
 *  --rounds N    rounds that count, after one that does not (3)
 *  --secs N      about how long each measurement of a round takes (3)
 *  --json FILE   writes the conditions and the values of all rounds
 * </pre>
 */
public final class WorkBenchmark {
    private static final Map<String, Part> PARTS = parts();
    private static final int COMMITS = 101;

    private WorkBenchmark() {}

    private static Map<String, Part> parts() {
        var parts = new LinkedHashMap<String, Part>();
        parts.put("waiting", new WaitingHandlers());
        parts.put("noop", new NoopHandlers());
        parts.put("enqueue", new Enqueues());
        parts.put("latency", new StartLatency());
        parts.put("million", new MillionWaiting());
        parts.put("rival", new BesideDbScheduler());
        return parts;
    }

    /** What the words say. */
    private static final class Options {
        private final List<String> parts = new ArrayList<>();
        private int rounds = 3;
        private int seconds = 3;
        private @Nullable Path json;

        Options(String[] words) {
            for (int i = 0; i < words.length; i++) {
                switch (words[i]) {
                    case "--rounds" -> rounds = Integer.parseInt(words[++i]);
                    case "--secs" -> seconds = Integer.parseInt(words[++i]);
                    case "--json" -> json = Path.of(words[++i]);
                    default -> parts.add(words[i]);
                }
            }
            if (!PARTS.keySet().containsAll(parts) || rounds < 1 || seconds < 1) {
                throw new IllegalArgumentException(
                        "expected parts of " + PARTS.keySet() + ", --rounds N, --secs N, --json FILE");
            }
            if (parts.isEmpty()) {
                parts.addAll(PARTS.keySet());
            }
        }
    }

    /** Runs the benchmark. */
    public static void main(String[] words) throws Exception {
        var options = new Options(words);
        ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
        var figures = new Figures();
        for (String name : options.parts) {
            measure(name, options, figures);
        }
        Map<String, String> conditions = conditions(options);
        conditions.forEach((name, value) -> System.out.println(name + ": " + value));
        System.out.print(figures.table());
        if (options.json != null) {
            figures.write(options.json, conditions);
        }
        System.exit(0);
    }

    /** Returns the median time of a commit: the engine makes one before a handler starts. */
    private static double commitMillis(TestPostgres postgres) throws SQLException {
        var nanos = new long[COMMITS];
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("create table commits (number bigint)");
            for (int i = 0; i < COMMITS; i++) {
                long before = System.nanoTime();
                statement.execute("insert into commits values (" + i + ")");
                nanos[i] = System.nanoTime() - before;
            }
        }
        return Arrays.stream(nanos).sorted().skip(COMMITS / 2).findFirst().orElseThrow()
                / (double) TimeUnit.MILLISECONDS.toNanos(1);
    }

    private static void measure(String name, Options options, Figures figures) throws Exception {
        Part part = PARTS.get(name);
        for (int round = 0; round <= options.rounds; round++) {
            try (TestPostgres postgres = TestPostgres.withSchema()) {
                boolean isWarmUp = round == 0;
                Figures into = isWarmUp ? new Figures() : figures;
                into.add(new Figure(name, "commit of one row, p50", "ms", Goal.NONE), commitMillis(postgres));
                part.measure(postgres, new Part.Round(round, isWarmUp ? 1 : options.seconds, into));
            }
        }
    }

    private static Map<String, String> conditions(Options options) {
        var conditions = new LinkedHashMap<String, String>();
        conditions.put("time", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        conditions.put("java", Runtime.version().toString());
        conditions.put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
        try (TestPostgres postgres = TestPostgres.empty()) {
            conditions.put("postgresql", postgres.query("show server_version").get(0));
            conditions.put("fsync", postgres.query("show fsync").get(0));
            conditions.put(
                    "synchronous_commit",
                    postgres.query("show synchronous_commit").get(0));
        }
        conditions.put("rounds", options.rounds + " after 1 that does not count");
        conditions.put("seconds a measurement", Integer.toString(options.seconds));
        return conditions;
    }
}
