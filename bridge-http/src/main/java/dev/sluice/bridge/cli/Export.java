package dev.sluice.bridge.cli;

import dev.sluice.bridge.api.messages.MessageLine;
import dev.sluice.bridge.ingest.BufferLayout;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.buffer.AtomicFile;
import dev.sluice.buffer.Entry;
import dev.sluice.buffer.FailedLog;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.buffer.LogDirectory;
import dev.sluice.buffer.LogInspection;
import dev.sluice.buffer.LogReader;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code export}: writes each message as a line, see {@link MessageLine}. It writes the lanes in the order in which
 * they are drained, so the messages of a partition keep their order. Memory does not depend on how many there are.
 *
 * <p>The output file is an {@link AtomicFile}: a file with the right name is complete.
 */
final class Export {
    private static final int PAGE_RECORDS = 1_000;
    private static final long PAGE_BYTES = 4 << 20;
    private static final int OUTPUT_BYTES = 1 << 16;
    private static final int USUAL_LINE_BYTES = 4 << 10;
    private static final long NONE = -1;

    private final BufferLayout layout;
    private final Console console;
    private long messages;
    private long unreadable;
    private long skipped;
    private long failedReads;
    private long bytes;

    Export(BufferLayout layout, Console console) {
        this.layout = layout;
        this.console = console;
    }

    int run(Arguments arguments) throws IOException {
        BufferLogs.holder(layout)
                .ifPresent(name ->
                        console.inform("in use by " + name + ": it may drain messages while they are exported"));
        Path output = arguments.output();
        if (output == null) {
            var out = new BufferedOutputStream(console.out(), OUTPUT_BYTES);
            write(out, arguments);
            out.flush();
            requireOutput();
        } else {
            AtomicFile.replace(output, out -> write(out, arguments));
        }
        report(arguments.json());
        return unreadable + skipped + failedReads == 0 ? BufferCommand.FINE : BufferCommand.PROBLEM;
    }

    private void write(OutputStream out, Arguments arguments) throws IOException {
        if (arguments.failed()) {
            writeFailed(out);
        } else {
            writeLanes(out, arguments.all());
        }
    }

    private void writeFailed(OutputStream out) throws IOException {
        if (layout.failed().isPresent()) {
            FailedLog.visit(layout.failed().get(), record -> writeRecord(out, record));
        }
    }

    private void writeRecord(OutputStream out, FailedRecord record) throws IOException {
        var line = new JsonOutput(record.payload().length + USUAL_LINE_BYTES);
        writeLine(out, line, MessageLine.write(line, record));
    }

    private void writeLanes(OutputStream out, boolean all) throws IOException {
        try (var logs = BufferLogs.openForReading(layout)) {
            for (var log : logs.byName().entrySet()) {
                if (!log.getKey().equals(BufferLogs.FAILED)) {
                    writeLane(out, log.getKey(), log.getValue(), all);
                }
            }
        }
    }

    private void writeLane(OutputStream out, String name, LogDirectory log, boolean all) throws IOException {
        LogInspection inspection = BufferLogs.retrying(log::inspect);
        long from = all ? 0 : inspection.committedOffset();
        var progress = console.progress("export " + name);
        long done = 0;
        try (LogReader reader = BufferLogs.retrying(() -> log.reader(from))) {
            long expected = NONE;
            long epoch = NONE;
            while (true) {
                List<Entry> entries = read(name, reader);
                if (entries == null) {
                    continue;
                }
                if (entries.isEmpty()) {
                    break;
                }
                for (Entry entry : entries) {
                    if (expected != NONE && entry.epoch() == epoch) {
                        skipped += entry.offset() - expected;
                    }
                    expected = entry.offset() + 1;
                    epoch = entry.epoch();
                    writeEntry(out, name, inspection, entry);
                    done += entry.payload().length;
                }
                requireOutput();
                progress.at(done, all ? inspection.bytes() : 0);
            }
        }
    }

    /**
     * Returns the next entries; null if reading failed. The reader skips a place after {@value LogReader#READ_ATTEMPTS}
     * failures.
     */
    private @Nullable List<Entry> read(String name, LogReader reader) {
        try {
            return reader.read(PAGE_RECORDS, PAGE_BYTES);
        } catch (IOException e) {
            failedReads++;
            console.inform("reading lane " + name + " at offset " + reader.position() + " failed: " + e.getMessage());
            return null;
        }
    }

    private void writeEntry(OutputStream out, String name, LogInspection log, Entry entry) throws IOException {
        var line = new JsonOutput(entry.payload().length + USUAL_LINE_BYTES);
        String origin = "lane " + name + " of log " + log.id() + "-" + entry.epoch() + "@" + entry.offset();
        boolean readable = MessageLine.write(line, entry.payload(), entry.appendedAt(), origin);
        writeLine(out, line, readable);
    }

    private void writeLine(OutputStream out, JsonOutput line, boolean readable) throws IOException {
        line.raw("\n");
        line.writeTo(out);
        bytes += line.length();
        if (readable) {
            messages++;
        } else {
            unreadable++;
        }
    }

    /** Throws if the output is gone; a {@link java.io.PrintStream} swallows such errors. */
    private void requireOutput() throws IOException {
        if (console.out().checkError()) {
            throw new IOException("the output cannot be written");
        }
    }

    private void report(boolean asJson) {
        if (asJson) {
            var out = new JsonOutput(0).object().field("messages", messages);
            out.field("unreadable", unreadable);
            out.field("skippedOffsets", skipped);
            out.field("failedReads", failedReads);
            console.inform(out.field("bytes", bytes).endObject());
            return;
        }
        console.inform(messages + " messages exported");
        if (unreadable > 0) {
            console.inform(unreadable + " entries are not messages of a known format; they are exported as raw bytes");
        }
        if (skipped > 0) {
            console.inform(
                    skipped + " offsets hold nothing: appends failed or data is damaged; run verify to see which");
        }
    }
}
