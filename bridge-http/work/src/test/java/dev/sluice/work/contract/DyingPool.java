package dev.sluice.work.contract;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.Context;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;

/**
 * A program of its own with a pool of connections and an engine, that a test kills. Its handler notes each run in the
 * table {@code runs}: that it began, with the attempt and the crashes that the engine knows of, and that it ended. The
 * payload is how long it takes in ms; {@code "halt"} kills the process. A work with the metadata {@code fails} fails in
 * its first attempt.
 */
final class DyingPool {
    static final String TABLE =
            "create table runs (run bigserial, pool text, owner uuid, id uuid, number integer, key text,"
                    + " crashes integer, attempt integer, has_ended boolean default false)";

    /** Notes a run, with the owner of the claim or the item that says that the work has begun. */
    private static final String NOTE = "with work as (select ?::uuid as id) insert into runs (pool, owner, id, number,"
            + " key, crashes, attempt) select ?, coalesce((select i.owner from sluice.work_items i"
            + " where i.message_id = work.id), (select c.owner from sluice.segments s join sluice.work_claims c"
            + " on c.partition_id = s.partition_id and s.first_seq + array_position(s.ids, work.id) - 1"
            + " between c.first_seq and c.last_seq where s.ids @> array[work.id])), work.id, ?, ?, ?, ? from work"
            + " returning run";

    static final Duration LEASE = Duration.ofSeconds(4);

    private static final HandlerSettings SETTINGS = HandlerSettings.DEFAULT
            .keepResults()
            .retry(RetryPolicy.ofWaits(Duration.ofMillis(100), Duration.ofMillis(100)));

    private final DataSource pool;
    private final String name;

    private DyingPool(DataSource pool, String name) {
        this.pool = pool;
        this.name = name;
    }

    /**
     * Starts the program on a database.
     *
     * @param name names its connections in PostgreSQL
     */
    static Process start(String url, String name, int concurrency, int maxCrashes) throws IOException {
        return start(url, name, concurrency, maxCrashes, 1);
    }

    /** Starts the program with a batch handler, unless a call gets one work. */
    static Process start(String url, String name, int concurrency, int maxCrashes, int batchSize) throws IOException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"));
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(DyingPool.class.getName());
        command.addAll(List.of(url, name));
        command.addAll(
                List.of(Integer.toString(concurrency), Integer.toString(maxCrashes), Integer.toString(batchSize)));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(Redirect.DISCARD)
                .start();
    }

    public static void main(String[] arguments) throws InterruptedException {
        var config = new HikariConfig();
        config.setJdbcUrl(arguments[0]);
        config.setUsername("postgres");
        config.addDataSourceProperty("ApplicationName", arguments[1]);
        int concurrency = Integer.parseInt(arguments[2]);
        config.setMaximumPoolSize(concurrency + 6);
        config.setMinimumIdle(0);
        var pool = new HikariDataSource(config);
        HandlerSettings settings = SETTINGS.maxCrashes(Integer.parseInt(arguments[3]));
        int batchSize = Integer.parseInt(arguments[4]);
        WorkBuffer.Builder builder = WorkBuffer.builder(pool)
                .concurrency(concurrency)
                .lease(LEASE)
                .claimAhead(Duration.ZERO)
                .applySchema(false);
        var program = new DyingPool(pool, arguments[1]);
        if (batchSize == 1) {
            builder.handler("deadly", program::handle, settings);
        } else {
            builder.batchHandler("deadly", program::handleAll, Batching.ofSize(batchSize), settings);
        }
        WorkBuffer work = builder.start();
        Runtime.getRuntime().addShutdownHook(new Thread(work::close));
        Thread.currentThread().join();
    }

    private Outcome handle(Work work, Context context) throws SQLException, InterruptedException {
        long run = note(work, context);
        run(run, work, context);
        return Outcome.done("\"" + run + "\"");
    }

    private Map<WorkId, Outcome> handleAll(List<BatchHandler.Item> items) throws SQLException, InterruptedException {
        var runs = new ArrayList<Long>();
        for (BatchHandler.Item item : items) {
            runs.add(note(item.work(), item.context()));
        }
        for (int i = 0; i < items.size(); i++) {
            run(runs.get(i), items.get(i).work(), items.get(i).context());
        }
        return BatchHandler.all(items, Outcome.done("\"done\""));
    }

    private void run(long run, Work work, Context context) throws SQLException, InterruptedException {
        if (work.payloadText().equals("\"halt\"")) {
            Runtime.getRuntime().halt(137);
        }
        TimeUnit.MILLISECONDS.sleep(Long.parseLong(work.payloadText()));
        if (work.metadata().containsKey("fails") && context.attempt() == 1) {
            throw new IllegalStateException("the first attempt");
        }
        try (Connection connection = pool.getConnection();
                PreparedStatement statement =
                        connection.prepareStatement("update runs set has_ended = true where run = ?")) {
            statement.setLong(1, run);
            statement.executeUpdate();
        }
    }

    private long note(Work work, Context context) throws SQLException {
        try (Connection connection = pool.getConnection();
                PreparedStatement statement = connection.prepareStatement(NOTE)) {
            statement.setString(1, context.id().toString());
            statement.setString(2, name);
            statement.setInt(3, Integer.parseInt(work.metadata().getOrDefault("number", "0")));
            statement.setString(4, work.key());
            statement.setInt(5, context.crashes());
            statement.setInt(6, context.attempt());
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
        }
    }
}
