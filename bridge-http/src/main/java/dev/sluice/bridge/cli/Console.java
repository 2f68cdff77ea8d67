package dev.sluice.bridge.cli;

import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.buffer.LogDirectory;
import java.io.InputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;

/**
 * The input and output of a command. Not thread-safe.
 *
 * @param in the standard input
 * @param out receives results
 * @param err receives everything else
 */
record Console(InputStream in, PrintStream out, PrintStream err) {
    private static final Duration PROGRESS_INTERVAL = Duration.ofSeconds(1);
    private static final int PERCENT = 100;
    private static final double MEBIBYTE = 1 << 20;

    /** Prints a result. */
    void print(String line) {
        out.println(line);
    }

    /** Prints a result as a JSON object on one line. */
    void print(JsonOutput json) {
        print(out, json);
    }

    /** Prints something other than the result as a JSON object on one line. */
    void inform(JsonOutput json) {
        print(err, json);
    }

    private static void print(PrintStream stream, JsonOutput json) {
        stream.println(json);
    }

    /** Prints something other than the result. */
    void inform(String line) {
        err.println("sluice: " + line);
    }

    /** Returns a receiver that prints progress about once a second; work that takes less prints nothing. */
    LogDirectory.Progress progress(String what) {
        return new LogDirectory.Progress() {
            private long printedNanos = System.nanoTime();

            @Override
            public void at(long bytesDone, long bytesTotal) {
                long now = System.nanoTime();
                if (now - printedNanos < PROGRESS_INTERVAL.toNanos()) {
                    return;
                }
                printedNanos = now;
                inform(what + ": " + mebibytes(bytesDone)
                        + (bytesTotal > 0
                                ? " of " + mebibytes(bytesTotal) + ", " + bytesDone * PERCENT / bytesTotal + " %"
                                : ""));
            }
        };
    }

    /** Returns a number of bytes for people to read. */
    static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", bytes / MEBIBYTE);
    }
}
