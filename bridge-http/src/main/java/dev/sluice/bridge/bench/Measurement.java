package dev.sluice.bridge.bench;

import dev.sluice.bridge.bench.Observer.Reading;
import dev.sluice.bridge.bench.stages.Recording;
import dev.sluice.bridge.bench.stages.StageProfile;
import dev.sluice.bridge.bench.stages.ThreadTimes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The time between two readings of all counters, and what happened in it. Owned by one thread. */
public final class Measurement {
    private static final double MICROS_A_SECOND = 1e6;
    private static final double PER_THOUSAND = 1000;
    /** Threads that took less than this part of the processor time are not named. */
    private static final double LEAST_SHARE = 0.01;

    /** What the names of the threads of the just-in-time compiler have in common; the system keeps 15 characters. */
    private static final String COMPILER = "CompilerThre";

    private final Observer observer;
    private final Map<Reading, Double> begin;
    private final double writtenBefore;
    private final ThreadTimes threads;
    private final @Nullable Recording recording;
    private final long beginNanos;

    private Measurement(Observer observer) throws IOException, SQLException {
        this.observer = observer;
        checkpoint(); // What earlier loads have left to be written does not belong to this one.
        this.writtenBefore = observer.written();
        this.recording = record(observer.sight().jvm());
        this.begin = observer.read();
        this.threads = observer.threads();
        this.beginNanos = System.nanoTime();
    }

    private static @Nullable Recording record(@Nullable JvmView jvm) throws IOException {
        return jvm == null || jvm.recordings() == null ? null : jvm.record();
    }

    public static Measurement begin(Observer observer) throws IOException, SQLException {
        return new Measurement(observer);
    }

    /**
     * What was done between the readings.
     *
     * @param seconds until the last answer
     * @param requests requests, without acknowledgements
     * @param payloadBytes bytes of the payloads of all messages
     */
    public record Work(double seconds, long messages, long requests, long failed, double payloadBytes) {}

    /** Reads the counters again and sets the figures of a result. */
    public void end(Work work, Result result) throws IOException, SQLException {
        Map<Reading, Double> end = observer.read();
        double elapsed = (System.nanoTime() - beginNanos) / 1e9;
        double messages = work.messages;
        result.set(Figure.RATE, messages / work.seconds)
                .set(Figure.REQUESTS, work.requests / work.seconds)
                .set(Figure.FAILED, (double) work.failed)
                .set(Figure.CPU_SERVER, MICROS_A_SECOND * change(end, Reading.CPU_SERVER) / messages)
                .set(Figure.CPU_POSTGRES, MICROS_A_SECOND * change(end, Reading.CPU_POSTGRES) / messages)
                .set(Figure.CPU_DRIVER, MICROS_A_SECOND * change(end, Reading.CPU_DRIVER) / messages)
                .set(Figure.CORES_OTHERS, others(end) / elapsed)
                .set(Figure.LOG_SYNCS, PER_THOUSAND * change(end, Reading.LOG_SYNCS) / messages)
                .set(Figure.WAL_SYNCS, PER_THOUSAND * change(end, Reading.WAL_SYNCS) / messages)
                .set(Figure.COMMITS, PER_THOUSAND * change(end, Reading.COMMITS) / messages)
                .set(Figure.WAL_BYTES, change(end, Reading.WAL_BYTES) / messages)
                .set(Figure.ALLOCATED, change(end, Reading.ALLOCATED) / messages)
                .set(Figure.COLLECTIONS, change(end, Reading.COLLECTIONS))
                .set(Figure.COLLECTION_TIME, change(end, Reading.COLLECTION_MILLIS));
        threads(messages, result);
        stages(messages, change(end, Reading.CPU_SERVER), result);
        checkpoint(); // Pages that are only in memory belong to the messages too.
        result.set(Figure.DISK_BYTES, (observer.written() - writtenBefore) / work.payloadBytes);
        observer.describeMemory(result);
    }

    private void checkpoint() throws SQLException {
        BenchDatabase database = observer.sight().database();
        if (database != null) {
            database.checkpoint();
        }
    }

    /** Ends the recording and divides the processor time of the server among the stages. */
    private void stages(double messages, double cpu, Result result) throws IOException {
        JvmView jvm = observer.sight().jvm();
        Path directory = jvm == null ? null : jvm.recordings();
        if (recording == null || directory == null) {
            return;
        }
        Path file = directory.resolve("stages.jfr");
        try (recording) {
            recording.stop(file);
            StageProfile.of(file, threads, observer.threads(), cpu)
                    .forEach((stage, seconds) ->
                            result.stages().put(stage.title(), MICROS_A_SECOND * seconds / messages));
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private void threads(double messages, Result result) {
        Map<String, Double> begins = threads.byName();
        Map<String, Double> ends = observer.threads().byName();
        double[] compiler = {ends.isEmpty() ? Double.NaN : 0};
        ends.forEach((name, seconds) -> {
            double micros = MICROS_A_SECOND * (seconds - begins.getOrDefault(name, 0.0)) / messages;
            compiler[0] += name.contains(COMPILER) ? micros : 0;
            if (Double.isFinite(micros) && micros > LEAST_SHARE * result.get(Figure.CPU_SERVER)) {
                result.threads().put(name, micros);
            }
        });
        result.set(Figure.CPU_COMPILER, compiler[0]);
    }

    private double change(Map<Reading, Double> end, Reading reading) {
        return end.getOrDefault(reading, Double.NaN) - begin.getOrDefault(reading, Double.NaN);
    }

    /** Returns the processor time of processes that the benchmark does not know. */
    private double others(Map<Reading, Double> end) {
        double known = 0;
        for (Reading reading : new Reading[] {Reading.CPU_SERVER, Reading.CPU_POSTGRES, Reading.CPU_DRIVER}) {
            double change = change(end, reading);
            known += Double.isNaN(change) ? 0 : change;
        }
        return Math.max(0, change(end, Reading.CPU_MACHINE) - known);
    }
}
