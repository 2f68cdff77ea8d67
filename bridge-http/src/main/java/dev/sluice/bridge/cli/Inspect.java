package dev.sluice.bridge.cli;

import static dev.sluice.bridge.cli.Console.mebibytes;

import dev.sluice.bridge.ingest.BufferLayout;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.buffer.FailedLog;
import dev.sluice.buffer.LogDirectory;
import dev.sluice.buffer.LogInspection;
import dev.sluice.buffer.SegmentInfo;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** {@code inspect}: shows what is there. Reads headers and the newest segment of each log, and the failed records. */
final class Inspect {
    private final BufferLayout layout;
    private final Console console;
    private final Map<String, LogInspection> logs = new LinkedHashMap<>();
    private Optional<String> holder = Optional.empty();
    private int failed;

    Inspect(BufferLayout layout, Console console) {
        this.layout = layout;
        this.console = console;
    }

    /** Prints; a problem if the directory's own file is not right or something lies in a quarantine. */
    int run(boolean asJson) throws IOException {
        holder = BufferLogs.holder(layout);
        try (var open = BufferLogs.openForReading(layout)) {
            for (Map.Entry<String, LogDirectory> log : open.byName().entrySet()) {
                logs.put(log.getKey(), BufferLogs.steadily(log.getValue()::inspect));
            }
        }
        if (layout.failed().isPresent()) {
            failed = BufferLogs.steadily(() -> FailedLog.visit(layout.failed().get(), record -> {}));
        }
        if (asJson) {
            console.print(json());
        } else {
            lines().forEach(console::print);
        }
        return problems().isEmpty() ? BufferCommand.FINE : BufferCommand.PROBLEM;
    }

    private List<String> problems() {
        var problems = new ArrayList<String>();
        layout.problem().ifPresent(problems::add);
        layout.foreign().forEach(name -> problems.add(name + " is not of a buffer"));
        layout.logs()
                .forEach(lane -> lane.sourceTakenMark()
                        .ifPresent(mark ->
                                problems.add("lane " + lane.name() + " is not drained while there is " + mark)));
        logs.forEach((name, log) -> {
            if (!log.quarantine().isEmpty()) {
                problems.add(log.quarantine().size() + " files in the quarantine of " + name);
            }
        });
        return problems;
    }

    private List<String> lines() {
        var lines = new ArrayList<String>();
        lines.add("directory   " + layout.directory());
        lines.add("in use      "
                + holder.map(name -> "by " + name + "; figures are of the moment")
                        .orElse("no"));
        lines.add("generation  " + number(layout.generation()) + ", lanes " + number(layout.lanes()));
        logs.forEach((name, log) -> {
            lines.add("");
            lines.add((name.equals(BufferLogs.FAILED) ? "failed      " + failed + " records" : "lane        " + name)
                    + ", log " + log.id());
            if (!name.equals(BufferLogs.FAILED)) {
                lines.add("  waiting   " + log.uncommittedEntries() + " messages, offsets " + log.committedOffset()
                        + " to " + log.nextOffset());
            }
            lines.add("  closed    " + (log.closedCleanly() ? "cleanly" : "not cleanly, or open") + ", epoch "
                    + log.epoch());
            lines.add("  files     " + log.segments().size() + ", " + mebibytes(log.bytes()));
            for (SegmentInfo segment : log.segments()) {
                lines.add("    " + segment.file() + "  " + mebibytes(segment.bytes()) + ", epoch " + segment.epoch()
                        + ", offsets " + segment.firstOffset() + " to " + segment.nextOffset() + ", begun "
                        + segment.createdAt());
            }
            log.quarantine().forEach(file -> lines.add("  quarantine/" + file.file() + "  " + file.bytes() + " bytes"));
        });
        layout.drained().forEach(name -> lines.add("drained     " + name + ", may be deleted"));
        problems().forEach(problem -> lines.add("problem     " + problem));
        return lines;
    }

    private static String number(OptionalInt number) {
        return number.isPresent() ? String.valueOf(number.getAsInt()) : "unknown";
    }

    private JsonOutput json() {
        var out = new JsonOutput(4096).raw("{\"directory\":");
        out.string(layout.directory().toString());
        out.raw(",\"holder\":").string(holder.orElse(null));
        out.raw(",\"generation\":").raw(orNull(layout.generation()));
        out.raw(",\"lanes\":").raw(orNull(layout.lanes()));
        out.raw(",\"failedRecords\":").number(failed);
        out.raw(",\"waiting\":")
                .number(logs.entrySet().stream()
                        .filter(log -> !log.getKey().equals(BufferLogs.FAILED))
                        .mapToLong(log -> log.getValue().uncommittedEntries())
                        .sum());
        out.raw(",\"logs\":[");
        String separator = "";
        for (Map.Entry<String, LogInspection> log : logs.entrySet()) {
            out.raw(separator);
            write(out, log.getKey(), log.getValue());
            separator = ",";
        }
        out.raw("],\"drained\":");
        strings(out, layout.drained());
        out.raw(",\"problems\":");
        strings(out, problems());
        return out.raw("}");
    }

    private static String orNull(OptionalInt number) {
        return number.isPresent() ? String.valueOf(number.getAsInt()) : "null";
    }

    private static void write(JsonOutput out, String name, LogInspection log) {
        out.raw("{\"name\":").string(name);
        out.raw(",\"id\":").uuid(log.id());
        out.raw(",\"closedCleanly\":").bool(log.closedCleanly());
        out.raw(",\"epoch\":").number(log.epoch());
        out.raw(",\"committedOffset\":").number(log.committedOffset());
        out.raw(",\"nextOffset\":").number(log.nextOffset());
        out.raw(",\"uncommitted\":").number(log.uncommittedEntries());
        out.raw(",\"bytes\":").number(log.bytes());
        out.raw(",\"segments\":[");
        String separator = "";
        for (SegmentInfo segment : log.segments()) {
            out.raw(separator).raw("{\"file\":").string(segment.file());
            out.raw(",\"firstOffset\":").number(segment.firstOffset());
            out.raw(",\"nextOffset\":").number(segment.nextOffset());
            out.raw(",\"bytes\":").number(segment.bytes());
            out.raw(",\"epoch\":").number(segment.epoch());
            out.raw(",\"createdAt\":").string(segment.createdAt().toString()).raw("}");
            separator = ",";
        }
        out.raw("],\"quarantine\":[");
        separator = "";
        for (LogInspection.QuarantinedFile file : log.quarantine()) {
            out.raw(separator).raw("{\"file\":").string(file.file());
            out.raw(",\"bytes\":").number(file.bytes()).raw("}");
            separator = ",";
        }
        out.raw("]}");
    }

    static void strings(JsonOutput out, List<String> texts) {
        String separator = "[";
        for (String text : texts) {
            out.raw(separator).string(text);
            separator = ",";
        }
        out.raw(texts.isEmpty() ? "[]" : "]");
    }
}
