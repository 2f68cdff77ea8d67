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

/** All logs of a buffer, by name: {@code 2/0} for a lane, {@code failed} for the failed records. One thread. */
final class BufferLogs implements Closeable {
    static final String FAILED = "failed";

    /** How often reading is tried while a bridge deletes files under it. */
    private static final int ATTEMPTS = 5;

    private final Map<String, LogDirectory> byName = new LinkedHashMap<>();

    private BufferLogs() {}

    /** Something that reads a log. */
    interface Reading<T> {
        T read() throws IOException;
    }

    /** Opens all of them for reading only, running or not. */
    static BufferLogs openForReading(BufferLayout layout) throws IOException {
        return open(layout, LogDirectory::openForReading);
    }

    /**
     * Opens all of them, and keeps others from starting any.
     *
     * @throws dev.sluice.buffer.DirectoryLockedException if one is running; none is changed or kept then
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

    /** Returns them, lanes first, in the order in which they are drained. */
    Map<String, LogDirectory> byName() {
        return byName;
    }

    /** Says who has one of the logs open now; empty if nobody has. */
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

    /** Reads, again if files went away meanwhile: a running log deletes what it has moved on. */
    static <T> T steadily(Reading<T> reading) throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                return reading.read();
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
