package dev.sluice.bridge.cli;

import dev.sluice.buffer.SegmentLogConfig;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The settings that the commands need.
 *
 * @param lanes {@code buffer.lanes}, for a directory that does not state how many lanes it has
 * @param log settings of a log; its directory is that of the buffer
 */
public record BufferSettings(int lanes, SegmentLogConfig log) {

    /** Reads the configuration. */
    @FunctionalInterface
    public interface Loader {
        /**
         * Reads the configuration.
         *
         * @param file the file of {@code --config}, or null
         * @param directory the directory of {@code --dir}, which replaces {@code buffer.dir}, or null
         * @throws UsageException if the configuration is invalid
         */
        BufferSettings load(@Nullable Path file, @Nullable Path directory) throws UsageException;
    }

    Path directory() {
        return log.directory();
    }
}
