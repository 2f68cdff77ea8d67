package dev.sluice.connect.worker;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** The packaged plug-in: the zip, and a {@code plugin.path} with the unpacked zip. */
public final class PluginFolder {
    private PluginFolder() {}

    /** Returns the zip of the build. */
    public static Path zip() throws IOException {
        Path target = Path.of("..", "connector", "target").toAbsolutePath().normalize();
        try (Stream<Path> files = Files.list(target)) {
            List<Path> zips = files.filter(file -> file.getFileName().toString().matches("sluice-connect-.*\\.zip"))
                    .toList();
            if (zips.size() != 1) {
                throw new IllegalStateException(
                        "there must be one sluice-connect-*.zip in " + target + ", there are " + zips);
            }
            return zips.get(0);
        }
    }

    /** Unpacks the zip into a directory that becomes the {@code plugin.path}. */
    static void install(Path pluginPath) throws IOException {
        try (InputStream file = Files.newInputStream(zip());
                var zip = new ZipInputStream(file)) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path target = pluginPath.resolve(entry.getName()).normalize();
                if (!target.startsWith(pluginPath)) {
                    throw new IOException(entry.getName() + " leads out of " + pluginPath);
                }
                if (entry.isDirectory()) {
                    Files.createDirectories(target);
                } else {
                    Files.createDirectories(target.getParent());
                    Files.copy(zip, target, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }
}
