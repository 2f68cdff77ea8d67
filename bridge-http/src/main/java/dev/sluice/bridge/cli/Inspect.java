package dev.sluice.bridge.cli;

import static dev.sluice.bridge.cli.Console.mebibytes;

import dev.sluice.bridge.ingest.BufferLayout;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.buffer.FailedLog;
import dev.sluice.buffer.LogDirectory;
import dev.sluice.buffer.LogInspection;
import dev.sluice.buffer.LogInspection.SegmentInfo;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** {@code inspect}: shows the contents. Reads headers and the newest segment of each log, and the failed records. */
final class Inspect {
    private static final int JSON_BYTES = 4 << 10;

    private final BufferLayout layout;
    private final Console console;
    private final Map<String, LogInspection> logs = new LinkedHashMap<>();
    private Optional<String> holder = Optional.empty();
    private int failed;

    Inspect(BufferLayout layout, Console console) {
        this.layout = layout;
        this.console = console;
    }

    /** Prints the contents. Exits with a problem if {@code lanes.properties} is wrong or a quarantine is not empty. */
    int run(boolean asJson) throws IOException {
        holder = BufferLogs.holder(layout);
        try (var open = BufferLogs.openForReading(layout)) {
            for (Map.Entry<String, LogDirectory> log : open.byName().entrySet()) {
                logs.put(log.getKey(), BufferLogs.retrying(log.getValue()::inspect));
            }
        }
        if (layout.failed().isPresent()) {
            failed = BufferLogs.retrying(() -> FailedLog.visit(layout.failed().get(), record -> {}));
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
        layout.foreign().forEach(name -> problems.add(name + " does not belong to a buffer"));
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
                + holder.map(name -> "by " + name + "; the figures are those of this moment")
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
            lines.add("  segments  " + log.segments().size() + ", " + mebibytes(log.bytes()));
            for (SegmentInfo segment : log.segments()) {
                lines.add("    " + segment.file() + "  " + mebibytes(segment.bytes()) + ", epoch " + segment.epoch()
                        + ", offsets " + segment.firstOffset() + " to " + segment.nextOffset() + ", created "
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
        var out = new JsonOutput(JSON_BYTES).object();
        out.field("directory", layout.directory().toString());
        out.field("holder", holder.orElse(null));
        number(out, "generation", layout.generation());
        number(out, "lanes", layout.lanes());
        out.field("failedRecords", failed);
        out.field(
                "waiting",
                logs.entrySet().stream()
                        .filter(log -> !log.getKey().equals(BufferLogs.FAILED))
                        .mapToLong(log -> log.getValue().uncommittedEntries())
                        .sum());
        out.array("logs");
        logs.forEach((name, log) -> write(out, name, log));
        out.endArray().field("drained", layout.drained()).field("problems", problems());
        return out.endObject();
    }

    private static void number(JsonOutput out, String name, OptionalInt number) {
        if (number.isPresent()) {
            out.field(name, number.getAsInt());
        } else {
            out.name(name).raw("null");
        }
    }

    private static void write(JsonOutput out, String name, LogInspection log) {
        out.object().field("name", name).field("id", log.id());
        out.field("closedCleanly", log.closedCleanly());
        out.field("epoch", log.epoch());
        out.field("committedOffset", log.committedOffset());
        out.field("nextOffset", log.nextOffset());
        out.field("uncommitted", log.uncommittedEntries());
        out.field("bytes", log.bytes());
        out.array("segments");
        for (SegmentInfo segment : log.segments()) {
            out.object().field("file", segment.file());
            out.field("firstOffset", segment.firstOffset());
            out.field("nextOffset", segment.nextOffset());
            out.field("bytes", segment.bytes());
            out.field("epoch", segment.epoch());
            out.field("createdAt", segment.createdAt().toString()).endObject();
        }
        out.endArray().array("quarantine");
        for (LogInspection.QuarantinedFile file : log.quarantine()) {
            out.object().field("file", file.file()).field("bytes", file.bytes()).endObject();
        }
        out.endArray().endObject();
    }
}
