package dev.sluice.bridge.upgrade;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.ingest.MessageCodec;
import dev.sluice.buffer.FailedLog;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Writes the fixture of this version into the directory that the system property {@value #DIRECTORY} names, which must
 * not exist. Run it once for a version that is released; {@code src/test/resources/upgrade/README.md} has the command.
 * Its name keeps it out of the tests of a build.
 */
class FixtureWriter {
    static final String DIRECTORY = "sluice.upgrade.fixture";

    private static final Path SQL = Path.of("../connector/src/main/resources/dev/sluice/queue/sql");
    private static final Instant FAILED_AT = Instant.parse("2026-05-16T10:00:00.123Z");

    @Test
    void writesWhatThisVersionLeavesAndWhatItSeesOfIt(@TempDir Path work) throws Exception {
        Path directory = Files.createDirectory(Path.of(System.getProperty(DIRECTORY)));
        var fixture = new UpgradeFixture(directory);
        copySql(directory);
        writeData(fixture, work);
        try (TestPostgres restored = fixture.restore()) {
            List<String> lines = Observation.of(restored, fixture.data("crashed", work), fixture.data("clean", work));
            fixture.write("observed.gz", String.join("\n", lines) + "\n");
            assertThat(lines).isNotEmpty();
        }
    }

    private static void writeData(UpgradeFixture fixture, Path work) throws Exception {
        Path crashed = work.resolve("first");
        Path clean = work.resolve("second");
        try (var postgres = TestPostgres.empty()) {
            writeFailed(crashed);
            try (var bridge = FixtureBridge.start(postgres.url(), crashed)) {
                var life = new FixtureLife(bridge, postgres);
                life.inTheDatabase();
                try (Connection held = life.park()) {
                    bridge.hold(true);
                    try (var other = FixtureBridge.start(postgres.url(), clean)) {
                        new FixtureLife(other, postgres).inTheLog("clean");
                    }
                    life.inTheLog("crashed");
                    try (Connection connection = postgres.dataSource().getConnection()) {
                        fixture.write("schema.gz", SchemaRows.read(connection).text());
                    }
                    fixture.pack("crashed", crashed);
                    held.rollback();
                }
            }
            fixture.pack("clean", clean);
        }
    }

    /** Failed records of an earlier run: a message, and bytes that are none. */
    private static void writeFailed(Path data) throws Exception {
        byte[] message = MessageCodec.encode(NewMessage.builder(
                        UUID.fromString("018f0000-0000-7000-8000-000000000001"),
                        "orders",
                        "failed",
                        "failed-1",
                        "{ \"n\":1}".getBytes(UTF_8))
                .traceId(new UUID(5, 5))
                .producerSub("alice")
                .build());
        try (var failed = FailedLog.open(Files.createDirectories(data.resolve("log/failed")))) {
            failed.append(List.of(
                    FailedRecord.of(FAILED_AT, "no \"such\" thing", "sluice-log-x-1-0@7", message),
                    FailedRecord.of(FAILED_AT, "unreadable", "sluice-log-x-1-0@8", new byte[] {9, 0, 1})));
        }
    }

    private static void copySql(Path directory) throws IOException {
        for (String folder : List.of("sql", "migrations")) {
            Path target = Files.createDirectory(directory.resolve(folder));
            try (Stream<Path> files = Files.list(folder.equals("sql") ? SQL : SQL.resolve(folder))) {
                files.filter(file -> file.toString().endsWith(".sql")).forEach(file -> copy(file, target));
            }
        }
    }

    private static void copy(Path file, Path directory) {
        try {
            Files.copy(file, directory.resolve(file.getFileName()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
