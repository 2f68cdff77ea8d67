package dev.sluice.bridge.cli;

import dev.sluice.bridge.ingest.BufferLayout;
import dev.sluice.buffer.LogDirectory;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** All logs of a buffer, by name: {@code 2/0} for a lane, {@code failed} for the failed records. Not thread-safe. */
final class BufferLogs implements Closeable {
    static final String FAILED = "failed";

    /** How often a read is tried while a bridge deletes files. */
    private static final int ATTEMPTS = 5;

    private final Map<String, LogDirectory> byName = new LinkedHashMap<>();

    private BufferLogs() {}

    /** Reads something from a log. */
    interface Read<T> {
        T run() throws IOException;
    }

    /** Opens all logs for reading only, whether or not a bridge runs on them. */
    static BufferLogs openForReading(BufferLayout layout) throws IOException {
        return open(layout, LogDirectory::openForReading);
    }

    /**
     * Opens all logs, and keeps other processes from opening any of them.
     *
     * @throws dev.sluice.buffer.DirectoryLockedException if another process has one open; then none is changed or
     *     locked
     */
    static BufferLogs open(BufferLayout layout) throws IOException {
        return open(layout, LogDirectory::open);
    }

    private interface Opening {
        LogDirectory open(Path directory) throws IOException;
    }

    private static BufferLogs open(BufferLayout layout, Opening opening) throws IOException {
        var logs = new BufferLogs();
        boolean complete = false;
        try {
            for (BufferLayout.LaneDirectory lane : layout.logs()) {
                logs.byName.put(lane.name(), opening.open(lane.path()));
            }
            if (layout.failed().isPresent()) {
                logs.byName.put(FAILED, opening.open(layout.failed().get()));
            }
            complete = true;
            return logs;
        } finally {
            if (!complete) {
                logs.close();
            }
        }
    }

    /** Returns the logs: the lanes in the order in which they are drained, then the failed records. */
    Map<String, LogDirectory> byName() {
        return byName;
    }

    /** Returns who has one of the logs open now; empty if no process has. */
    static Optional<String> holder(BufferLayout layout) throws IOException {
        List<Path> directories = new ArrayList<>();
        layout.logs().forEach(lane -> directories.add(lane.path()));
        layout.failed().ifPresent(directories::add);
        for (Path directory : directories) {
            Optional<String> holder = LogDirectory.holder(directory);
            if (holder.isPresent()) {
                return holder;
            }
        }
        return Optional.empty();
    }

    /** Reads; repeats it if a file is missing, because a running log deletes what it has moved on. */
    static <T> T retrying(Read<T> read) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                return read.run();
            } catch (NoSuchFileException e) {
                if (attempt == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    @Override
    public void close() throws IOException {
        IOException failure = null;
        for (LogDirectory log : byName.values()) {
            try {
                log.close();
            } catch (IOException e) {
                failure = e;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
