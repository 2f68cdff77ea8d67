package dev.sluice.bridge.cli;

import dev.sluice.buffer.SegmentLogConfig;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What the tools need of the configuration.
 *
 * @param lanes {@code buffer.lanes}, for a directory that does not say how many it has
 * @param log settings of a log; its directory is that of the buffer
 */
public record BufferSettings(int lanes, SegmentLogConfig log) {

    /** Reads the configuration. */
    @FunctionalInterface
    public interface Source {
        /**
         * Reads it.
         *
         * @param file the file of {@code --config}, or null
         * @param directory takes the place of {@code buffer.dir}, or null
         * @throws UsageException if it is not valid
         */
        BufferSettings read(@Nullable Path file, @Nullable Path directory) throws UsageException;
    }

    Path directory() {
        return log.directory();
    }
}
