package dev.sluice.bridge.cli;

import static dev.sluice.bridge.cli.Console.mebibytes;

import dev.sluice.bridge.api.manage.LogJson;
import dev.sluice.bridge.ingest.BufferLayout;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.buffer.LogDirectory;
import dev.sluice.buffer.RecoveryReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** {@code verify} and {@code repair}: read everything, and report or also repair what is wrong. */
final class Check {
    private static final int JSON_BYTES = 4 << 10;

    private final BufferLayout layout;
    private final Console console;
    private final Map<String, RecoveryReport> reports = new LinkedHashMap<>();

    Check(BufferLayout layout, Console console) {
        this.layout = layout;
        this.console = console;
    }

    /** Verifies all logs and changes nothing. Exits with a problem if anything is out of the ordinary. */
    int verify(boolean asJson) throws IOException {
        Optional<String> holder = BufferLogs.holder(layout);
        holder.ifPresent(name -> console.inform(
                "in use by " + name + ": data that it writes now may look torn, data that it deletes may be missing"));
        try (var logs = BufferLogs.openForReading(layout)) {
            for (Map.Entry<String, LogDirectory> log : logs.byName().entrySet()) {
                var progress = console.progress("verify " + log.getKey());
                reports.put(
                        log.getKey(), BufferLogs.retrying(() -> log.getValue().verify(progress)));
            }
        }
        return finish("verified", holder, Optional.empty(), asJson);
    }

    /**
     * Repairs what an opening would repair. Exits with a problem if there was anything to repair.
     *
     * @throws dev.sluice.buffer.DirectoryLockedException if a process has one of the logs open; then nothing is changed
     */
    int repair(boolean asJson) throws IOException {
        try (var logs = BufferLogs.open(layout)) {
            for (Map.Entry<String, LogDirectory> log : logs.byName().entrySet()) {
                reports.put(log.getKey(), log.getValue().repair(console.progress("repair " + log.getKey())));
            }
            return finish("repaired", Optional.empty(), layout.setAsideDamagedFile(), asJson);
        }
    }

    private int finish(String done, Optional<String> holder, Optional<Path> setAside, boolean asJson) {
        boolean fine = layout.problem().isEmpty()
                && reports.values().stream()
                        .allMatch(report -> report.findings().isEmpty());
        if (asJson) {
            console.print(json(fine, holder, setAside));
        } else {
            reports.forEach((name, report) -> {
                console.print(String.format(
                        "%s %s: %d log segments, %d entries, %s read, %d bytes cut, %d bytes to the quarantine, "
                                + "%d entries lost",
                        done,
                        name,
                        report.segments(),
                        report.entries(),
                        mebibytes(report.bytesRead()),
                        report.cutBytes(),
                        report.quarantinedBytes(),
                        report.lostEntries()));
                report.findings().forEach(finding -> console.print("  " + finding));
            });
            layout.problem().ifPresent(console::print);
            setAside.ifPresent(path -> console.print("set aside as " + path));
            console.print(fine ? "nothing out of the ordinary" : "found something out of the ordinary, see above");
        }
        return fine ? BufferCommand.FINE : BufferCommand.PROBLEM;
    }

    private JsonOutput json(boolean fine, Optional<String> holder, Optional<Path> setAside) {
        var out = new JsonOutput(JSON_BYTES).object();
        out.field("directory", layout.directory().toString());
        out.field("fine", fine);
        out.field("holder", holder.orElse(null));
        out.field("problem", layout.problem().orElse(null));
        out.field("setAside", setAside.map(Path::toString).orElse(null));
        out.array("logs");
        reports.forEach((name, report) -> {
            out.object().field("name", name).name("report");
            LogJson.report(out, report);
            out.endObject();
        });
        return out.endArray().endObject();
    }
}
