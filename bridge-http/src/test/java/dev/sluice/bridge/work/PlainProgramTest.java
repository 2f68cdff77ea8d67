package dev.sluice.bridge.work;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.bridge.Main;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.work.WorkBuffer;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.postgresql.Driver;
import org.slf4j.Logger;

/** The engine in a plain Java program with HikariCP and nothing else of ours. */
class PlainProgramTest extends WorkContract {
    /** The engine with its circuit breaker, the queue, the pool, the driver, the API of the log, and the program. */
    private static List<String> classPath() {
        Stream<String> places = Stream.of(
                        WorkBuffer.class,
                        QueueSchema.class,
                        HikariDataSource.class,
                        Driver.class,
                        Logger.class,
                        PlainMain.class)
                .map(PlainProgramTest::place);
        Stream<String> breakers = Stream.of(PluginJars.classPath().split(File.pathSeparator, -1))
                .filter(entry -> Path.of(entry).getFileName().toString().startsWith("resilience4j-"));
        return Stream.concat(places, breakers).distinct().toList();
    }

    private static String place(Class<?> type) {
        try {
            return Path.of(type.getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    Process start() throws IOException {
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx128m",
                "-cp",
                String.join(File.pathSeparator, classPath()),
                PlainMain.class.getName(),
                postgres.url(),
                notes.toString());
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("plain.log").toFile())
                .start();
    }

    @Test
    void theBridgeIsNotOnItsClassPath() {
        assertThat(classPath())
                .hasSizeBetween(6, 9)
                .doesNotContain(place(Main.class))
                .noneMatch(entry -> entry.contains("jackson"));
    }
}
