package dev.sluice.bridge.system;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The directory with everything a service keeps on its machine, held by one process at a time. The lock is on the file
 * {@code sluice.lock} in it, which names the process; it is free again when the process ends, in whatever way.
 */
public final class DataDirectory implements AutoCloseable {
    private static final String LOCK_FILE = "sluice.lock";

    private final Path path;
    private final FileChannel lockFile;
    private final FileLock lock;

    private DataDirectory(Path path, FileChannel lockFile, FileLock lock) {
        this.path = path;
        this.lockFile = lockFile;
        this.lock = lock;
    }

    /**
     * Makes the directory if it is missing, and takes it.
     *
     * @throws StartException if it cannot be written to, or is in use
     */
    public static DataDirectory take(Path path) throws StartException {
        FileChannel channel;
        try {
            Files.createDirectories(path);
            channel = FileChannel.open(
                    path.resolve(LOCK_FILE),
                    StandardOpenOption.CREATE,
                    StandardOpenOption.READ,
                    StandardOpenOption.WRITE);
        } catch (IOException e) {
            throw new StartException("data.dir " + path + " cannot be written to: " + FileProblem.of(e), e);
        }
        FileLock lock = null;
        try {
            lock = channel.tryLock();
            if (lock == null) {
                throw inUse(path);
            }
            byte[] process = (ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII);
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(process), 0);
            return new DataDirectory(path.toRealPath(), channel, lock);
        } catch (OverlappingFileLockException e) {
            throw inUse(path);
        } catch (IOException e) {
            throw new StartException("data.dir " + path + " cannot be locked: " + FileProblem.of(e), e);
        } finally {
            if (lock == null) {
                closeQuietly(channel);
            }
        }
    }

    /**
     * Makes another directory if it is missing, and finds out whether it can be written to.
     *
     * @param key the key that names it
     * @throws StartException if it cannot
     */
    public static void requireWritable(String key, Path directory) throws StartException {
        try {
            Files.createDirectories(directory);
            if (!Files.isWritable(directory)) {
                throw new AccessDeniedException(directory.toString());
            }
            Files.delete(Files.createTempFile(directory, "sluice", ".try"));
        } catch (IOException e) {
            throw new StartException(key + " " + directory + " cannot be written to: " + FileProblem.of(e), e);
        }
    }

    private static StartException inUse(Path path) {
        String holder;
        try {
            holder = "process " + Files.readString(path.resolve(LOCK_FILE)).strip();
        } catch (IOException e) {
            holder = "another process";
        }
        return new StartException(
                "data.dir " + path + " is in use by " + holder + "; stop it, or set another data.dir");
    }

    private static void closeQuietly(FileChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            // Nothing was written; the start fails for a better reason.
        }
    }

    /** Returns the absolute path. */
    public Path path() {
        return path;
    }

    /** Lets another process take it. */
    @Override
    public void close() {
        try (lockFile) {
            lock.release();
        } catch (IOException e) {
            // The lock goes with the process.
        }
    }
}
