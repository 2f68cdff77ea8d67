package dev.sluice.queue.letters;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.write.QueueWriterConfig;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.postgresql.ds.PGSimpleDataSource;

/** A process of its own that does jobs on dead letters until a test kills it. */
final class DyingRunner {
    private DyingRunner() {}

    /** Starts the process on a database. */
    static Process start(String url) throws IOException {
        return new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xmx128m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        DyingRunner.class.getName(),
                        url))
                .redirectErrorStream(true)
                .redirectOutput(Redirect.DISCARD)
                .start();
    }

    public static void main(String[] arguments) {
        var source = new PGSimpleDataSource();
        source.setUrl(arguments[0]);
        source.setUser("postgres");
        var letters = new DeadLetters(source, "sluice", PayloadCipher.NONE);
        var runner = new DeadLetterJobRunner(
                new DeadLetterJobs(source, "sluice", letters),
                letters,
                new Redrive(source, QueueWriterConfig.DEFAULTS),
                queues -> {},
                LettersFixture.LEASE,
                System::nanoTime);
        while (true) {
            LockSupport.parkNanos(runner.turn(Duration.ofMillis(100)).toNanos());
        }
    }
}
