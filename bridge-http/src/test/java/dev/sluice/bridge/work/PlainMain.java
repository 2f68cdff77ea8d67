package dev.sluice.bridge.work;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.Map;

/** A program that has a pool of connections, a handler and the work engine, and nothing else of Sluice. */
public final class PlainMain {
    private PlainMain() {}

    /**
     * Runs until the process is told to end.
     *
     * @param arguments the address of the database, and the file for the notes of the handler
     */
    public static void main(String[] arguments) throws InterruptedException {
        var config = new HikariConfig();
        config.setJdbcUrl(arguments[0]);
        config.setUsername("postgres");
        config.setMaximumPoolSize(6);
        var handler = new ProbeHandler(Map.of("notes", arguments[1]));
        WorkBuffer work = WorkBuffer.builder(new HikariDataSource(config))
                .concurrency(8)
                .lease(Duration.ofSeconds(2))
                .claimAhead(Duration.ZERO)
                .closeTimeout(Duration.ofMillis(100))
                .interruptGrace(Duration.ofSeconds(1))
                .handler(
                        "probe",
                        handler,
                        HandlerSettings.DEFAULT
                                .timeout(Duration.ofMillis(1500))
                                .retry(RetryPolicy.ofWaits(Duration.ofMillis(10), Duration.ofMillis(20))
                                        .jitter(0))
                                .keepResults())
                .start();
        Runtime.getRuntime().addShutdownHook(new Thread(work::close));
        Thread.currentThread().join();
    }
}
