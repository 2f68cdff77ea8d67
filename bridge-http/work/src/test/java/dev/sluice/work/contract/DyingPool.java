package dev.sluice.work.contract;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.WorkBuffer;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;

/**
 * A program of its own with a pool of connections and an engine, that a test kills. Its handler notes each run in the
 * table {@code runs}: that it began, with the crashes that the engine knows of, and that it ended. The payload is how
 * long it takes in ms; {@code "halt"} kills the process.
 */
final class DyingPool {
    static final String TABLE =
            "create table runs (id uuid, pid bigint, crashes integer, attempt integer, has_ended boolean"
                    + " default false)";

    private DyingPool() {}

    /** Starts the program on a database. */
    static Process start(String url, int concurrency, int maxCrashes) throws IOException {
        return start(url, concurrency, maxCrashes, 1);
    }

    /** Starts the program with a batch handler, unless a call gets one work. */
    static Process start(String url, int concurrency, int maxCrashes, int batchSize) throws IOException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"));
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(DyingPool.class.getName());
        command.addAll(
                List.of(url, Integer.toString(concurrency), Integer.toString(maxCrashes), Integer.toString(batchSize)));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(Redirect.DISCARD)
                .start();
    }

    public static void main(String[] arguments) throws InterruptedException {
        var config = new HikariConfig();
        config.setJdbcUrl(arguments[0]);
        config.setUsername("postgres");
        int concurrency = Integer.parseInt(arguments[1]);
        config.setMaximumPoolSize(concurrency + 6);
        config.setMinimumIdle(0);
        var pool = new HikariDataSource(config);
        HandlerSettings settings = HandlerSettings.DEFAULT
                .maxCrashes(Integer.parseInt(arguments[2]))
                .keepResults();
        int batchSize = Integer.parseInt(arguments[3]);
        WorkBuffer.Builder builder = WorkBuffer.builder(pool)
                .concurrency(concurrency)
                .lease(Duration.ofSeconds(2))
                .claimAhead(Duration.ZERO)
                .applySchema(false);
        if (batchSize == 1) {
            builder.handler(
                    "deadly",
                    (each, context) -> {
                        handle(pool, List.of(new BatchHandler.Item(each, context)));
                        return Outcome.done("\"done\"");
                    },
                    settings);
        } else {
            builder.batchHandler(
                    "deadly",
                    items -> {
                        handle(pool, items);
                        return BatchHandler.all(items, Outcome.done("\"done\""));
                    },
                    Batching.ofSize(batchSize),
                    settings);
        }
        WorkBuffer work = builder.start();
        Runtime.getRuntime().addShutdownHook(new Thread(work::close));
        Thread.currentThread().join();
    }

    private static void handle(DataSource pool, List<BatchHandler.Item> items)
            throws SQLException, InterruptedException {
        long pid = ProcessHandle.current().pid();
        for (BatchHandler.Item item : items) {
            note(
                    pool,
                    "insert into runs (id, pid, crashes, attempt) values (?::uuid, " + pid + ", "
                            + item.context().crashes() + ", " + item.context().attempt() + ")",
                    item.id().toString());
        }
        for (BatchHandler.Item item : items) {
            if (item.work().payloadText().equals("\"halt\"")) {
                Runtime.getRuntime().halt(137);
            }
            TimeUnit.MILLISECONDS.sleep(Long.parseLong(item.work().payloadText()));
            note(
                    pool,
                    "update runs set has_ended = true where id = ?::uuid and pid = " + pid,
                    item.id().toString());
        }
    }

    private static void note(DataSource pool, String sql, String id) throws SQLException {
        try (Connection connection = pool.getConnection();
                PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, id);
            statement.executeUpdate();
        }
    }
}
