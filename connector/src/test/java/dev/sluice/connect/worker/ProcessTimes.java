package dev.sluice.connect.worker;

import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The processor time of the broker, the worker and PostgreSQL, as Linux counts it. Processor time a record is steadier
 * than a rate, and tells which process limits it.
 */
final class ProcessTimes {
    /** A tick of {@code /proc}. */
    private static final long TICK_MICROS = 10_000;

    /** Fields of {@code /proc/PID/stat} after the name of the program: own time, and that of ended children. */
    private static final int FIRST_FIELD = 11;

    private final Map<String, Long> micros = new LinkedHashMap<>();

    private ProcessTimes() {}

    /** Reads the times until now. Empty where there is no {@code /proc}. */
    static ProcessTimes now(TestPostgres database) {
        var times = new ProcessTimes();
        ProcessHandle.current().children().forEach(child -> {
            String command = command(child);
            if (command.contains("kafka.Kafka")) {
                times.add("broker", child, false);
            } else if (command.contains("ConnectDistributed")) {
                times.add("worker", child, false);
            }
        });
        long backend = Long.parseLong(database.query("select pg_backend_pid()").get(0));
        ProcessHandle.of(backend)
                .flatMap(ProcessHandle::parent)
                .ifPresent(postmaster -> times.add("PostgreSQL", postmaster, true));
        return times;
    }

    private void add(String name, ProcessHandle process, boolean withChildren) {
        long sum = micros(process, withChildren);
        if (withChildren) {
            sum += process.children().mapToLong(child -> micros(child, false)).sum();
        }
        micros.merge(name, sum, Long::sum);
    }

    private static String command(ProcessHandle process) {
        try {
            return Files.readString(proc(process, "cmdline"));
        } catch (IOException e) {
            return "";
        }
    }

    private static long micros(ProcessHandle process, boolean withEndedChildren) {
        try {
            String stat = Files.readString(proc(process, "stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            long ticks = 0;
            for (int i = FIRST_FIELD; i < FIRST_FIELD + (withEndedChildren ? 4 : 2); i++) {
                ticks += Long.parseLong(fields[i]);
            }
            return ticks * TICK_MICROS;
        } catch (IOException e) {
            return 0; // The process has ended.
        }
    }

    private static Path proc(ProcessHandle process, String file) {
        return Path.of("/proc", String.valueOf(process.pid()), file);
    }

    /** Returns the microseconds a record since an earlier time, for people. */
    String perRecord(ProcessTimes start, long records) {
        return micros.entrySet().stream()
                .map(each -> String.format(
                        Locale.ROOT,
                        "%s %.2f",
                        each.getKey(),
                        (each.getValue() - start.micros.getOrDefault(each.getKey(), 0L)) / (double) records))
                .collect(Collectors.joining(", ", "µs a record: ", ""));
    }
}
