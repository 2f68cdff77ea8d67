package dev.sluice.bridge.http;

import com.github.luben.zstd.util.Native;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Unpacks the native library of zstd into a directory and loads it, once for the process. If this fails, zstd is not
 * supported, and every request gets the same reason.
 *
 * <p>Load no other class of zstd before this one: the error of a first failed load differs from the error of later
 * ones.
 */
public final class ZstdLibrary {
    private static final Logger log = LoggerFactory.getLogger(ZstdLibrary.class);

    private static boolean tried;
    private static @Nullable String problem;

    private ZstdLibrary() {}

    /** Loads the library from the first directory that permits it. Does nothing if it is loaded. */
    public static synchronized void load(List<Path> directories) {
        if (Native.isLoaded()) {
            return;
        }
        tried = true;
        problem = "there is no directory to unpack the library into";
        for (Path directory : directories) {
            try {
                Native.load(directory.toFile());
                problem = null;
                return;
            } catch (LinkageError | RuntimeException e) {
                problem = reason(e);
            }
        }
        log.warn("Requests compressed with zstd are refused because the library cannot be loaded error={}", problem);
    }

    private static String reason(Throwable e) {
        String message = e.getMessage();
        return message == null
                ? e.getClass().getSimpleName()
                : message.lines().findFirst().orElse("").strip();
    }

    /** Returns why zstd cannot be used; empty if it can. */
    static synchronized Optional<String> problem() {
        if (!tried) {
            load(List.of(Path.of(System.getProperty("java.io.tmpdir"))));
        }
        return Native.isLoaded() ? Optional.empty() : Optional.ofNullable(problem);
    }
}
