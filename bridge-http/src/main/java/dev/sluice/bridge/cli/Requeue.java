package dev.sluice.bridge.cli;

import dev.sluice.bridge.api.messages.MessageLine;
import dev.sluice.bridge.ingest.BufferLayout;
import dev.sluice.bridge.ingest.FailedRecords.Retried;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.buffer.LogDirectory;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code requeue}: appends lines or the failed records to a log again, in order, batch after batch. It reports and
 * skips a line that is not a message. It does not change the file. Running it again is safe, see the package comment.
 */
final class Requeue {
    private static final int BATCH_MESSAGES = 500;
    private static final int BATCH_BYTES = 1 << 20;
    private static final int MAX_LINE_BYTES = 128 << 20;
    private static final int MAX_REFUSALS_SHOWN = 20;
    private static final int USUAL_LINE_BYTES = 1 << 10;
    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

    private final Arguments arguments;
    private final BufferSettings settings;
    private final Console console;
    private final MessageIds ids = new MessageIds();
    private long refused;

    Requeue(Arguments arguments, BufferSettings settings, Console console) {
        this.arguments = arguments;
        this.settings = settings;
        this.console = console;
    }

    /** The receiver of the messages. */
    interface Destination extends AutoCloseable {
        /**
         * Appends messages in their order; returns when they are on disk.
         *
         * @param messages the parsed lines
         * @param lines the same messages as bytes
         * @throws StoppedException if it accepts no more; it may have appended some of these
         */
        void take(List<NewMessage> messages, List<byte[]> lines) throws IOException, InterruptedException;

        /** Returns how many messages are on disk. */
        long taken();

        /** Retries all failed records. */
        Retried retryFailed() throws IOException, InterruptedException;

        @Override
        void close() throws IOException;
    }

    /** The destination accepts no more messages for now. */
    static final class StoppedException extends IOException {
        private static final long serialVersionUID = 1L;

        StoppedException(String message) {
            super(message);
        }
    }

    int run() throws IOException, InterruptedException {
        URI url = arguments.url();
        if (url == null) {
            BufferLayout layout = BufferLayout.read(settings.directory());
            if (arguments.failed() && layout.failed().isEmpty()) {
                throw new CannotOpenException("there are no failed records in " + settings.directory());
            }
            // Open the file first: a wrong name must not create a directory.
            try (InputStream in = arguments.failed() ? InputStream.nullInputStream() : openFile();
                    Destination log = StoppedLog.open(layout, settings)) {
                return run(in, log);
            }
        }
        try (InputStream in = arguments.failed() ? InputStream.nullInputStream() : openFile();
                Destination bridge = new RemoteBridge(url, console)) {
            return run(in, bridge);
        }
    }

    private int run(InputStream in, Destination destination) throws IOException, InterruptedException {
        return arguments.failed() ? retryFailed(destination) : requeue(in, destination);
    }

    private InputStream openFile() throws IOException {
        if (arguments.file().equals("-")) {
            return new FilterInputStream(console.in()) {
                @Override
                public void close() {} // The console owns it.
            };
        }
        return Files.newInputStream(Path.of(arguments.file()));
    }

    private int requeue(InputStream in, Destination destination) throws IOException, InterruptedException {
        var progress = console.progress("requeue");
        long total = arguments.file().equals("-") ? 0 : Files.size(Path.of(arguments.file()));
        String stopped = null;
        try {
            readAll(new BufferedInputStream(in, 1 << 16), destination, progress, total);
        } catch (StoppedException e) {
            stopped = String.valueOf(e.getMessage());
        }
        report(destination.taken(), stopped);
        return stopped == null && refused == 0 ? BufferCommand.FINE : BufferCommand.PROBLEM;
    }

    private void readAll(InputStream in, Destination destination, LogDirectory.Progress progress, long total)
            throws IOException, InterruptedException {
        var messages = new ArrayList<NewMessage>();
        var lines = new ArrayList<byte[]>();
        long batchBytes = 0;
        long done = 0;
        long number = 0;
        for (byte[] line = readLine(in); line != null; line = readLine(in)) {
            number++;
            if (number == 1) {
                line = withoutMark(line);
            }
            done += line.length + 1;
            if (isBlank(line)) {
                continue;
            }
            try {
                messages.add(MessageLine.parse(line, ids));
                lines.add(line);
                batchBytes += line.length;
            } catch (InvalidRequestException e) {
                refuse(number, String.valueOf(e.getMessage()));
                continue;
            }
            if (messages.size() == BATCH_MESSAGES || batchBytes >= BATCH_BYTES) {
                take(destination, messages, lines);
                batchBytes = 0;
                progress.at(done, total);
            }
        }
        take(destination, messages, lines);
    }

    private void take(Destination destination, List<NewMessage> messages, List<byte[]> lines)
            throws IOException, InterruptedException {
        if (!messages.isEmpty()) {
            destination.take(messages, lines);
            messages.clear();
            lines.clear();
        }
    }

    private void refuse(long line, String reason) {
        refused++;
        if (refused <= MAX_REFUSALS_SHOWN) {
            console.inform("line " + line + ": " + reason);
        }
    }

    /** Returns the next line without its end; null after the last line. */
    private static byte @Nullable [] readLine(InputStream in) throws IOException {
        var line = new ByteArrayOutputStream(USUAL_LINE_BYTES);
        int next = in.read();
        if (next < 0) {
            return null;
        }
        while (next >= 0 && next != '\n') {
            if (line.size() == MAX_LINE_BYTES) {
                throw new IOException("a line has more than " + MAX_LINE_BYTES + " bytes");
            }
            line.write(next);
            next = in.read();
        }
        return line.toByteArray();
    }

    /** Removes the byte order mark that editors on Windows write before a text in UTF-8. */
    private static byte[] withoutMark(byte[] line) {
        return Arrays.mismatch(line, BYTE_ORDER_MARK) == BYTE_ORDER_MARK.length || Arrays.equals(line, BYTE_ORDER_MARK)
                ? Arrays.copyOfRange(line, BYTE_ORDER_MARK.length, line.length)
                : line;
    }

    private static boolean isBlank(byte[] line) {
        for (byte each : line) {
            if (each != ' ' && each != '\r' && each != '\t') {
                return false;
            }
        }
        return true;
    }

    private void report(long requeued, @Nullable String stopped) {
        if (arguments.json()) {
            var out = new JsonOutput(0).object().field("requeued", requeued);
            out.field("refusedLines", refused);
            console.print(out.field("stopped", stopped).endObject());
            return;
        }
        console.print(requeued + " messages are in the log again");
        if (refused > 0) {
            console.print(refused + " lines are not messages and were skipped");
        }
        if (stopped != null) {
            console.print("stopped: " + stopped + "; run it again: a message that is in the log twice is stored once");
        }
    }

    private int retryFailed(Destination destination) throws IOException, InterruptedException {
        Retried result = destination.retryFailed();
        String stopped = result.stoppedBy().map(Throwable::getMessage).orElse(null);
        if (arguments.json()) {
            var out = new JsonOutput(0).object().field("requeued", result.retried());
            out.field("kept", result.notRetried());
            console.print(out.field("stopped", stopped).endObject());
        } else {
            console.print(result.retried() + " failed records are in the log again, " + result.notRetried() + " kept");
            result.kept().forEach(kept -> console.print("  " + kept.id() + ": " + kept.reason()));
            if (stopped != null) {
                console.print("stopped: " + stopped);
            }
        }
        return stopped == null && result.notRetried() == 0 ? BufferCommand.FINE : BufferCommand.PROBLEM;
    }
}
