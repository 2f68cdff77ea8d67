package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.FileTree;
import dev.sluice.bridge.system.OwnFiles;
import dev.sluice.bridge.system.StartException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Set;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tukaani.xz.XZInputStream;

/**
 * Unpacks the programs of PostgreSQL, which are on the class path as {@code postgres-<system>-<processor>.txz}. That
 * takes more than a second. A copy takes a tenth of it, so the programs are copied if the build has unpacked the same
 * archive before.
 */
final class PostgresBinaries {
    private static final Logger log = LoggerFactory.getLogger(PostgresBinaries.class);

    /** The name of a system property. It names a directory that may hold {@code server-<checksum>} from the build. */
    static final String UNPACKED = "sluice.postgres.unpacked";

    private static final int OWNER_EXECUTES = 0100;

    private PostgresBinaries() {}

    /**
     * Unpacks the programs into a directory of {@code parent}, once for each version.
     *
     * @param progress runs before the programs are unpacked
     * @return the directory that holds {@code bin}, {@code lib} and {@code share}
     * @throws StartException if there are no programs for this system
     * @throws IOException if the disk fails; the next call unpacks again
     */
    static Path unpack(Path parent, Runnable progress) throws StartException, IOException {
        String archive = "postgres-" + system() + "-" + processor() + ".txz";
        URL url = PostgresBinaries.class.getResource("/" + archive);
        if (url == null) {
            throw new StartException("there is no PostgreSQL for this system (" + archive
                    + " is not among the jars); set connection.url to a server of yours");
        }
        Path directory = parent.resolve("server-" + fingerprint(url));
        if (!Files.isDirectory(directory)) {
            progress.run();
            Path unfinished = parent.resolve(directory.getFileName() + ".tmp");
            FileTree.delete(unfinished);
            if (!copied(directory.getFileName().toString(), unfinished)) {
                try (InputStream in = url.openStream()) {
                    unpack(in, unfinished);
                }
            }
            Files.move(unfinished, directory, StandardCopyOption.ATOMIC_MOVE);
        }
        return directory;
    }

    /** Returns whether the programs could be copied. If not, {@code to} does not exist. */
    private static boolean copied(String name, Path to) throws IOException {
        String unpacked = System.getProperty(UNPACKED, "");
        if (unpacked.isEmpty() || !Files.isDirectory(Path.of(unpacked, name), LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        try {
            FileTree.copy(Path.of(unpacked, name), to);
            return true;
        } catch (IOException e) {
            log.info("The programs of PostgreSQL are unpacked, because a copy failed reason={}", FileProblem.of(e));
            FileTree.delete(to);
            return false;
        }
    }

    private static String system() {
        String name = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        return name.startsWith("mac") ? "darwin" : name.startsWith("windows") ? "windows" : "linux";
    }

    private static String processor() {
        String name = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        return name.equals("aarch64") || name.equals("arm64") ? "arm_64" : "x86_64";
    }

    /** Returns the checksum of the archive. The jar stores it, so the archive need not be read. */
    private static String fingerprint(URL url) throws IOException {
        if (url.openConnection() instanceof JarURLConnection connection) {
            return Long.toHexString(connection.getJarEntry().getCrc());
        }
        return Integer.toHexString(url.toString().hashCode());
    }

    private static void unpack(InputStream archive, Path directory) throws IOException {
        var tar = new TarArchiveInputStream(new XZInputStream(new BufferedInputStream(archive)));
        for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
            Path target = directory.resolve(entry.getName()).normalize();
            if (!target.startsWith(directory)) {
                throw new IOException("archive of PostgreSQL holds a path outside of it: " + entry.getName());
            }
            if (entry.isDirectory()) {
                OwnFiles.createDirectories(target);
                continue;
            }
            OwnFiles.createDirectories(target.getParent());
            if (entry.isSymbolicLink()) {
                Files.createSymbolicLink(target, Path.of(entry.getLinkName()));
            } else if (entry.isLink()) {
                Files.createLink(target, directory.resolve(entry.getLinkName()));
            } else {
                copy(tar, target, (entry.getMode() & OWNER_EXECUTES) != 0 ? "rwx------" : "rw-------");
            }
        }
    }

    private static void copy(InputStream content, Path target, String permissions) throws IOException {
        try (var channel = Files.newByteChannel(
                        target,
                        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                        OwnFiles.attributes(target, permissions));
                OutputStream out = Channels.newOutputStream(channel)) {
            content.transferTo(out);
        }
    }
}
