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
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.postgresql.Driver;
import org.slf4j.Logger;

/** The engine in a plain Java program with HikariCP and nothing else of ours. */
class PlainProgramTest extends WorkContract {
    /** The engine, the queue, the pool, the driver, the log without an implementation, and the program itself. */
    private static String classPath() {
        return Stream.of(
                        WorkBuffer.class,
                        QueueSchema.class,
                        HikariDataSource.class,
                        Driver.class,
                        Logger.class,
                        PlainMain.class)
                .map(PlainProgramTest::place)
                .distinct()
                .collect(Collectors.joining(File.pathSeparator));
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
                classPath(),
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
        assertThat(classPath().split(File.pathSeparator)).hasSize(6).doesNotContain(place(Main.class));
    }
}
