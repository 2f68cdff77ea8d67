package dev.sluice.work.contract;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.WorkBuffer;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A program of its own with an engine whose limit keys have a limit of one each. Its handler notes in the table
 * {@code inside} that a work of the key runs, and in {@code two_at_a_time} if another one does, unless its process is
 * in {@code killed}. The payload says how long a work takes in ms.
 */
final class LimitedPool {
    static final String TABLES = "create table inside (key text primary key, pid bigint);"
            + " create table killed (pid bigint); create table two_at_a_time (key text); create table runs (id uuid)";

    static final String TYPE = "limited";

    private LimitedPool() {}

    /** Starts the program on a database. */
    static Process start(String url, int concurrency) throws IOException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"));
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(LimitedPool.class.getName());
        command.addAll(List.of(url, Integer.toString(concurrency)));
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
        long pid = ProcessHandle.current().pid();
        WorkBuffer work = WorkBuffer.builder(pool)
                .concurrency(concurrency)
                .lease(Duration.ofSeconds(2))
                .applySchema(false)
                .handler(
                        TYPE,
                        (each, context) -> {
                            String key = "'" + each.limitKey() + "'";
                            run(
                                    pool,
                                    "with came as (insert into inside values (" + key + ", " + pid
                                            + ") on conflict (key) do update set pid = excluded.pid"
                                            + " where inside.pid in (select k.pid from killed k) returning key)"
                                            + " insert into two_at_a_time select " + key
                                            + " where not exists (select from came)");
                            TimeUnit.MILLISECONDS.sleep(millis(each.payloadText()));
                            run(
                                    pool,
                                    "with went as (delete from inside where key = " + key + ")"
                                            + " insert into runs values ('" + context.id() + "')");
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT
                                .limitKey("/key")
                                .limitOfEachKey(Limit.ofConcurrency(1))
                                .maxCrashes(100))
                .start();
        Runtime.getRuntime().addShutdownHook(new Thread(work::close));
        Thread.currentThread().join();
    }

    /** Returns the payload of a work. */
    static String payload(String key, int millis) {
        return "{\"key\":\"" + key + "\",\"millis\":" + millis + "}";
    }

    private static long millis(String payload) {
        return Long.parseLong(payload.replaceAll(".*\"millis\":(\\d+)}", "$1"));
    }

    private static void run(HikariDataSource pool, String sql) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
