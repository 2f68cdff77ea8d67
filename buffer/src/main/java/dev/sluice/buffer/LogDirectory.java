package dev.sluice.buffer;

import dev.sluice.buffer.LogInspection.SegmentInfo;
import dev.sluice.buffer.LogReader.WrittenOffset;
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
 * The directory of a log, for tools: inspects, verifies, repairs and reads a log that is not open. Only {@link #repair}
 * changes anything. Memory does not depend on the size of the log. Not thread-safe.
 */
public final class LogDirectory implements Closeable {

    /** Receives the progress of a long operation. */
    @FunctionalInterface
    public interface Progress {
        /** Ignores the progress. */
        Progress NONE = (done, total) -> {};

        /**
         * Receives the progress so far.
         *
         * @param bytesDone how many bytes were read
         * @param bytesTotal how many bytes there are
         */
        void at(long bytesDone, long bytesTotal);
    }

    private final Storage storage;
    private final Closeable lock;

    private LogDirectory(Storage storage, Closeable lock) {
        this.storage = storage;
        this.lock = lock;
    }

    /**
     * Opens the directory of a stopped log, and keeps other processes from opening the log until this is closed.
     *
     * @throws DirectoryLockedException if the log is open; the exception names the holder
     * @throws IOException if there is no such directory or it cannot be read
     */
    public static LogDirectory open(Path directory) throws IOException {
        var storage = existing(directory);
        return new LogDirectory(storage, storage.lock());
    }

    /**
     * Opens the directory for reading only, whether or not the log is open. Data that the log writes or deletes
     * meanwhile may look torn or be missing.
     *
     * @throws IOException if there is no such directory or it cannot be read
     */
    public static LogDirectory openForReading(Path directory) throws IOException {
        return new LogDirectory(new ReadOnlyStorage(existing(directory)), () -> {});
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

    /** Returns what the directory holds. Reads the headers and the newest segment. */
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

    /** Reads and verifies everything. Reports what an opening would find, cut and set aside; changes nothing. */
    public RecoveryReport verify(Progress progress) throws IOException {
        return recovery(false, Long.MAX_VALUE, progress).run().report();
    }

    /**
     * Reads and verifies everything, and repairs it as an opening does: cuts a torn tail, copies damaged bytes to the
     * quarantine, moves foreign segments there, and replaces a damaged position.
     *
     * @throws IOException if the directory was opened for reading only, or the disk fails; a failed repair can be
     *     repeated
     */
    public RecoveryReport repair(Progress progress) throws IOException {
        storage.syncDirectory(""); // Throws before any change if the directory was opened for reading only.
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
     * Returns a reader of the data as it is now. The reader skips damage without copying it.
     *
     * @param fromOffset where to begin; 0 for the oldest retained entry
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
     * Returns who has the log open now: process id, host and start time, as {@link DirectoryLockedException#holder}
     * does. Takes no lock, so another process can open the log meanwhile.
     *
     * @return empty if no process has it open, or if the lock file does not tell
     */
    public static Optional<String> holder(Path directory) throws IOException {
        return DirectoryLock.holder(directory, DiskStorage.LOCK_FILE);
    }

    /** Releases the lock. */
    @Override
    public void close() throws IOException {
        lock.close();
    }
}
