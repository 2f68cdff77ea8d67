package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;

/**
 * The directory of a log that is not running, for tools: look, check, mend, and read. Nothing but {@link #repair}
 * changes anything. Memory is bounded however large the log is. Not thread-safe.
 */
public final class LogDirectory implements Closeable {

    /** Told how far a long operation has come. */
    @FunctionalInterface
    public interface Progress {
        /** Is not interested. */
        Progress NONE = (done, total) -> {};

        /**
         * Takes note.
         *
         * @param bytesDone bytes looked at
         * @param bytesTotal bytes there are
         */
        void at(long bytesDone, long bytesTotal);
    }

    private final Path path;
    private final Storage storage;
    private final Closeable lock;

    private LogDirectory(Path path, Storage storage, Closeable lock) {
        this.path = path;
        this.storage = storage;
        this.lock = lock;
    }

    /**
     * Opens a stopped log and keeps others from starting it until this is closed.
     *
     * @throws DirectoryLockedException if it is running; the exception names who holds it
     * @throws IOException if there is no such directory or it cannot be read
     */
    public static LogDirectory open(Path directory) throws IOException {
        var storage = existing(directory);
        return new LogDirectory(directory, storage, storage.lock());
    }

    /**
     * Opens a log whether or not it is running, for reading only. What is being written or deleted meanwhile may look
     * torn or be missing.
     *
     * @throws IOException if there is no such directory or it cannot be read
     */
    public static LogDirectory openForReading(Path directory) throws IOException {
        return new LogDirectory(directory, new ReadOnlyStorage(existing(directory)), () -> {});
    }

    private static Storage existing(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            throw new NoSuchFileException(directory.toString(), null, "there is no log");
        }
        if (!Files.isDirectory(directory)) {
            throw new NotDirectoryException(directory.toString());
        }
        return DiskStorage.existing(directory);
    }

    /** Lists what is there. Reads the headers and the newest segment. */
    public LogInspection inspect() throws IOException {
        var found = recovery(false, 0, Progress.NONE).run();
        var quarantine = new ArrayList<LogInspection.QuarantinedFile>();
        if (storage.list("").contains(Quarantine.DIRECTORY + "/")) {
            for (var name : storage.list(Quarantine.DIRECTORY)) {
                try (var file = storage.open(Quarantine.DIRECTORY + "/" + name, false)) {
                    quarantine.add(new LogInspection.QuarantinedFile(name, file.size()));
                }
            }
        }
        return new LogInspection(
                found.id(),
                found.clean(),
                found.clean() ? found.epoch() : found.epoch() - 1,
                found.committed(),
                found.nextOffset(),
                Math.max(
                        0,
                        found.nextOffset()
                                - found.committed()
                                - found.unwritten().count(found.committed(), found.nextOffset())),
                found.files().stream().mapToLong(SegmentInfo::bytes).sum(),
                found.files(),
                quarantine);
    }

    /** Reads and checks everything. Says what an opening would find, cut and set aside; changes nothing. */
    public RecoveryReport verify(Progress progress) throws IOException {
        return recovery(false, Long.MAX_VALUE, progress).run().report();
    }

    /**
     * Reads and checks everything, and mends it as an opening does: cuts a torn tail, copies damaged bytes to the
     * quarantine, moves foreign segments there, replaces a damaged position.
     *
     * @throws IOException if it was opened for reading, or the disk fails; repeat it then
     */
    public RecoveryReport repair(Progress progress) throws IOException {
        storage.syncDirectory(""); // Refuses before anything is changed if it was opened for reading.
        var recovered = recovery(true, Long.MAX_VALUE, progress).run();
        new Reserve(storage, 0)
                .store(new CommittedPosition(
                        recovered.id(),
                        recovered.epoch(),
                        recovered.committed(),
                        recovered.clean() ? recovered.writtenEnd() : CommittedPosition.OPEN));
        return recovered.report();
    }

    /**
     * Returns a reader over what is there now. It passes over damage without copying it.
     *
     * @param fromOffset where to begin; 0 for the oldest retained
     */
    public LogReader reader(long fromOffset) throws IOException {
        var found = recovery(false, 0, Progress.NONE).run();
        var end = new WrittenOffset() {
            @Override
            public long nextOffset() {
                return found.nextOffset();
            }

            @Override
            public boolean await(long position, Duration timeout) {
                return found.writtenEnd() > position;
            }
        };
        var environment = Environment.of(new ReadOnlyStorage(storage));
        return new LogReader(environment, found.id(), found.segments(), end, new Counters(), fromOffset);
    }

    private Recovery recovery(boolean repair, long verifyBytes, Progress progress) {
        return new Recovery(storage, repair, verifyBytes, Environment.DEFAULT_CHUNK_BYTES, progress);
    }

    /**
     * Says who has the log open now: process id, host and start time, as in {@link DirectoryLockedException#holder}.
     * Does not take the lock: another process can start the log meanwhile.
     *
     * @return empty if nobody has, or the lock file cannot tell
     */
    public static Optional<String> holder(Path directory) throws IOException {
        return DirectoryLock.owner(directory, DiskStorage.LOCK_FILE);
    }

    /** Returns the directory. */
    public Path path() {
        return path;
    }

    /** Frees the lock. */
    @Override
    public void close() throws IOException {
        lock.close();
    }
}
