package dev.sluice.bridge.cli;

import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.buffer.LogDirectory;
import java.io.InputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;

/**
 * Where a command reads from and writes to. One thread.
 *
 * @param in the standard input
 * @param out results
 * @param err everything else
 */
record Console(InputStream in, PrintStream out, PrintStream err) {
    private static final Duration QUIET = Duration.ofSeconds(1);
    private static final int PERCENT = 100;
    private static final double MEBIBYTE = 1 << 20;

    /** Prints a result. */
    void print(String line) {
        out.println(line);
    }

    /** Prints a result that is an object, on a line. */
    void print(JsonOutput json) {
        print(out, json);
    }

    /** Prints an object besides the result, on a line. */
    void say(JsonOutput json) {
        print(err, json);
    }

    private static void print(PrintStream stream, JsonOutput json) {
        stream.println(json);
    }

    /** Prints something besides the result. */
    void say(String line) {
        err.println("sluice: " + line);
    }

    /** Returns what tells of long work, about once a second; work that is done within the first says nothing. */
    LogDirectory.Progress progress(String what) {
        return new LogDirectory.Progress() {
            private long saidNanos = System.nanoTime();

            @Override
            public void at(long bytesDone, long bytesTotal) {
                long now = System.nanoTime();
                if (now - saidNanos < QUIET.toNanos()) {
                    return;
                }
                saidNanos = now;
                say(what + ": " + mebibytes(bytesDone)
                        + (bytesTotal > 0
                                ? " of " + mebibytes(bytesTotal) + ", " + bytesDone * PERCENT / bytesTotal + " %"
                                : ""));
            }
        };
    }

    /** Returns bytes for people. */
    static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", bytes / MEBIBYTE);
    }
}
