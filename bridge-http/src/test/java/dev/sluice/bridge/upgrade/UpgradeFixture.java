package dev.sluice.bridge.upgrade;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.OldSchema;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * The files of a fixture.
 *
 * <pre>
 *   migrations/       the migrations of the version, which make its schema
 *   sql/              its other SQL files
 *   schema.gz         {@link SchemaRows} of its database
 *   crashed.zip       a data directory whose bridge was killed
 *   clean.zip         a data directory whose bridge was stopped
 *   observed.gz       the lines of {@link Observation}, as the version itself sees its data
 * </pre>
 */
record UpgradeFixture(Path directory) {
    @Override
    public String toString() {
        return directory.getFileName().toString();
    }

    private static final Path ALL = Path.of("src/test/resources/upgrade");

    /** Files that belong to a running process, or hold nothing. */
    private static final Set<String> LEFT_OUT = Set.of("lock", "sluice.lock", "reserve", "tmp");

    /** Returns the fixtures of all versions. */
    static List<UpgradeFixture> all() {
        try (Stream<Path> directories = Files.list(ALL)) {
            return directories
                    .filter(Files::isDirectory)
                    .sorted()
                    .map(UpgradeFixture::new)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    SchemaRows schema() throws IOException {
        return SchemaRows.parse(unzipped("schema.gz"));
    }

    List<String> observed() throws IOException {
        return unzipped("observed.gz").lines().toList();
    }

    /** Makes a database as the version left it. */
    TestPostgres restore() throws IOException, SQLException {
        TestPostgres postgres = TestPostgres.empty();
        OldSchema.apply(postgres.dataSource(), directory.resolve("migrations"));
        try (Connection connection = postgres.dataSource().getConnection()) {
            schema().restore(connection);
        }
        return postgres;
    }

    /** Makes a database of the present version whose rows the old version has written, all beside the new columns. */
    TestPostgres restoreIntoPresentSchema() throws IOException, SQLException {
        TestPostgres postgres = TestPostgres.withSchema();
        try (Connection connection = postgres.dataSource().getConnection()) {
            schema().restore(connection);
        }
        return postgres;
    }

    /** Unpacks {@code crashed} or {@code clean} below a directory. */
    Path data(String name, Path below) throws IOException {
        Path target = below.resolve(name);
        try (var zip = new ZipInputStream(Files.newInputStream(directory.resolve(name + ".zip")))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path file = target.resolve(entry.getName());
                Files.createDirectories(file.getParent());
                Files.write(file, zip.readAllBytes());
            }
        }
        return target;
    }

    void write(String name, String text) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(text.getBytes(UTF_8));
        }
        Files.write(directory.resolve(name), bytes.toByteArray());
    }

    private String unzipped(String name) throws IOException {
        byte[] bytes = Files.readAllBytes(directory.resolve(name));
        try (var gzip = new GZIPInputStream(new ByteArrayInputStream(bytes))) {
            return new String(gzip.readAllBytes(), UTF_8);
        }
    }

    /** Packs a data directory as it is now. */
    void pack(String name, Path data) throws IOException {
        try (var zip = new ZipOutputStream(Files.newOutputStream(directory.resolve(name + ".zip")));
                Stream<Path> files = Files.walk(data)) {
            for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
                Path relative = data.relativize(file);
                boolean isLeftOut = Stream.iterate(relative, Path::getParent)
                        .takeWhile(path -> path != null)
                        .anyMatch(path -> LEFT_OUT.contains(path.getFileName().toString()));
                if (!isLeftOut) {
                    zip.putNextEntry(new ZipEntry(relative.toString()));
                    zip.write(Files.readAllBytes(file));
                }
            }
        }
    }
}
