package dev.sluice.bridge.system;

import dev.sluice.buffer.DirectoryLock;
import dev.sluice.buffer.DirectoryLockedException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The directory that holds everything a service keeps on its machine. One process at a time owns it, through a
 * {@link DirectoryLock} on the file {@code sluice.lock}.
 */
public final class DataDirectory implements AutoCloseable {
    private static final String LOCK_FILE = "sluice.lock";

    private final Path path;
    private final DirectoryLock lock;

    private DataDirectory(Path path, DirectoryLock lock) {
        this.path = path;
        this.lock = lock;
    }

    /**
     * Creates the directory if it is missing, and takes it.
     *
     * @throws StartException if it cannot be written to, or is in use
     */
    public static DataDirectory take(Path path) throws StartException {
        try {
            if (Files.isDirectory(path)) {
                OwnFiles.closeToTheWorld(path);
            }
            OwnFiles.createDirectories(path);
            DirectoryLock lock = DirectoryLock.take(path, LOCK_FILE, OwnFiles.attributes(path, "rw-------"));
            return new DataDirectory(path.toRealPath(), lock);
        } catch (DirectoryLockedException e) {
            throw new StartException(
                    "data.dir " + path + " is in use by " + e.holder() + "; stop it, or set another data.dir", e);
        } catch (IOException e) {
            throw new StartException("data.dir " + path + " cannot be written to: " + FileProblem.of(e), e);
        }
    }

    /**
     * Creates another directory if it is missing, and checks that it can be written to.
     *
     * @param key the configuration key that names the directory
     * @throws StartException if it cannot be created or written to
     */
    public static void requireWritable(String key, Path directory) throws StartException {
        try {
            OwnFiles.createDirectories(directory);
            if (!Files.isWritable(directory)) {
                throw new AccessDeniedException(directory.toString());
            }
            Files.delete(Files.createTempFile(directory, "sluice", ".try"));
        } catch (IOException e) {
            throw new StartException(key + " " + directory + " cannot be written to: " + FileProblem.of(e), e);
        }
    }

    /** Returns the absolute path. */
    public Path path() {
        return path;
    }

    /** Releases the directory for another process. */
    @Override
    public void close() {
        try {
            lock.close();
        } catch (IOException e) {
            // The operating system frees the lock when the process ends.
        }
    }
}
