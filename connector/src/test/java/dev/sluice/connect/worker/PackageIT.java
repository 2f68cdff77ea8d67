package dev.sluice.connect.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;

/** The package has our jar, the driver and the pool, and nothing that a worker brings itself. */
class PackageIT {
    private static final List<String> FILES = List.of(
            "HikariCP-\\d[\\d.]*\\.jar",
            "LICENSE",
            "postgresql-\\d[\\d.]*\\.jar",
            "sluice-connector-\\d[\\d.]*(-SNAPSHOT)?\\.jar");

    @Test
    void theFolderAndTheZipHoldTheSame() throws IOException {
        String version = System.getProperty("sluice.version");
        String name = "sluice-connect-" + version;
        assertThat(PluginFolder.zip()).hasFileName(name + ".zip");
        List<String> zipped;
        try (var zip = new ZipFile(PluginFolder.zip().toFile())) {
            zipped = zip.stream()
                    .filter(entry -> !entry.isDirectory())
                    .map(ZipEntry::getName)
                    .sorted()
                    .toList();
        }
        List<String> inFolder;
        Path folder = PluginFolder.zip().resolveSibling(name);
        try (Stream<Path> files = Files.walk(folder)) {
            inFolder = files.filter(Files::isRegularFile)
                    .map(file -> folder.getParent().relativize(file).toString().replace('\\', '/'))
                    .sorted()
                    .toList();
        }
        assertThat(zipped).isEqualTo(inFolder).hasSameSizeAs(FILES);
        for (int i = 0; i < FILES.size(); i++) {
            assertThat(zipped.get(i)).matches(name + "/" + FILES.get(i));
        }
    }

    /** Workers with {@code plugin.discovery=service_load} read only these files. */
    @Test
    void theJarNamesItsConnectors() throws IOException {
        Path folder = PluginFolder.zip().resolveSibling("sluice-connect-" + System.getProperty("sluice.version"));
        Path jar;
        try (Stream<Path> files = Files.list(folder)) {
            jar = files.filter(file -> file.getFileName().toString().startsWith("sluice-connector-"))
                    .findFirst()
                    .orElseThrow();
        }
        try (var zip = new ZipFile(jar.toFile())) {
            ZipEntry sinks = zip.getEntry("META-INF/services/org.apache.kafka.connect.sink.SinkConnector");
            assertThat(zip.getInputStream(sinks)).hasContent("dev.sluice.connect.QueueSinkConnector\n");
        }
    }
}
