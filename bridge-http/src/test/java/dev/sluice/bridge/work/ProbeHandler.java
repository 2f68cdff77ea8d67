package dev.sluice.bridge.work;

import dev.sluice.work.Context;
import dev.sluice.work.Handler;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A handler of the tests that does what the payload says, and notes in a file that a run begins and ends. It uses
 * nothing but the API, so it runs in a program of its own and in a plug-in.
 */
public final class ProbeHandler implements Handler, AutoCloseable {
    private static final long HANGS_SECONDS = 300;
    private static final long SLOW_MS = 400;
    private static final int KILLED = 137;

    private final Path notes;

    /** Makes a handler that notes its runs in the file {@code notes}. */
    public ProbeHandler(Map<String, String> config) {
        notes = Path.of(config.get("notes"));
    }

    @Override
    public void validate(Work work) {
        if (work.payloadText().contains("\"invalid\"")) {
            throw new IllegalArgumentException("told to be invalid");
        }
    }

    @Override
    public Outcome handle(Work work, Context context) throws Exception {
        note("begin", work, context);
        Outcome outcome = outcome(work, context);
        note("end", work, context);
        return outcome;
    }

    private static Outcome outcome(Work work, Context context) throws InterruptedException {
        String payload = work.payloadText();
        if (payload.contains("\"fail\"") || (payload.contains("\"fail-once\"") && context.attempt() == 1)) {
            throw new IllegalStateException("told to fail");
        }
        if (payload.contains("\"hang\"")) {
            TimeUnit.SECONDS.sleep(HANGS_SECONDS);
        }
        if (payload.contains("\"slow\"")) {
            TimeUnit.MILLISECONDS.sleep(SLOW_MS);
        }
        if (payload.contains("\"die\"") && context.crashes() == 0) {
            Runtime.getRuntime().halt(KILLED);
        }
        if (payload.contains("\"dead\"")) {
            return Outcome.deadLetter("told to");
        }
        if (payload.contains("\"snooze\"") && context.snoozes() == 0) {
            return Outcome.snooze(Duration.ofMillis(1));
        }
        return Outcome.done("{\"done\":true}");
    }

    private void note(String what, Work work, Context context) throws IOException {
        String line = what + " " + context.id() + " " + context.attempt() + " " + context.crashes() + " "
                + work.payloadText() + "\n";
        Files.write(notes, line.getBytes(StandardCharsets.UTF_8), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    @Override
    public void close() throws IOException {
        Files.write(
                notes,
                "closed\n".getBytes(StandardCharsets.UTF_8),
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
    }
}
