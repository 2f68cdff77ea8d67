package dev.sluice.bridge;

import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.FileTree;
import dev.sluice.bridge.system.OwnFiles;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory for temporary files of libraries: {@code tmp} in the data directory. In a container
 * {@code java.io.tmpdir} is often missing or read-only, and on many machines no file in it may be executed.
 */
final class ScratchDirectory {
    private static final Logger log = LoggerFactory.getLogger(ScratchDirectory.class);

    private static final String NAME = "tmp";
    private static final String JAVA = "java.io.tmpdir";
    private static final String SNAPPY = "org.xerial.snappy.tempdir";

    private ScratchDirectory() {}

    /**
     * Empties the directory, and makes libraries use it if they have no other one. Never fails: a library that needs a
     * directory fails at its first use.
     *
     * @param data the data directory, which this process has locked
     * @return the usable directories, the best first
     */
    static List<Path> prepare(Path data) {
        var usable = new ArrayList<Path>();
        Path own = data.resolve(NAME);
        try {
            OwnFiles.createDirectories(own);
            OwnFiles.tryToTighten(own, "rwx------", "rwx------"); // Libraries are loaded from it.
            empty(own);
            usable.add(own);
        } catch (IOException e) {
            log.warn("The directory for temporary files cannot be used path={} error={}", own, FileProblem.of(e));
        }
        String usual = System.getProperty(JAVA, "");
        if (isUsable(usual)) {
            usable.add(Path.of(usual));
        } else if (!usable.isEmpty()) {
            log.warn("java.io.tmpdir cannot be used, using another directory java.io.tmpdir={} path={}", usual, own);
            System.setProperty(JAVA, own.toString());
        }
        if (!usable.isEmpty() && System.getProperty(SNAPPY) == null) {
            System.setProperty(SNAPPY, usable.get(0).toString());
        }
        return usable;
    }

    private static void empty(Path directory) throws IOException {
        try (DirectoryStream<Path> left = Files.newDirectoryStream(directory)) {
            for (Path each : left) {
                FileTree.delete(each);
            }
        }
    }

    private static boolean isUsable(String directory) {
        try {
            Path path = Path.of(directory);
            Files.delete(Files.createTempFile(path, "sluice", ".try"));
            return true;
        } catch (IOException | InvalidPathException e) {
            return false;
        }
    }
}
