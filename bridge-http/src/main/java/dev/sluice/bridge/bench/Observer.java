package dev.sluice.bridge.bench;

import dev.sluice.bridge.bench.stages.ThreadTimes;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.EnumMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads all counters of a server and of what stands behind it. What it cannot see is missing. Owned by one thread. */
public final class Observer {
    private static final Pattern LOG_SYNCS = Pattern.compile("(?m)^sluice_log_syncs_total(?:\\{[^}]*})? ([0-9.eE+]+)$");

    /** A counter that is read before and after a load. */
    enum Reading {
        CPU_SERVER,
        CPU_POSTGRES,
        CPU_DRIVER,
        CPU_MACHINE,
        WAL_BYTES,
        WAL_SYNCS,
        COMMITS,
        LOG_SYNCS,
        ALLOCATED,
        COLLECTIONS,
        COLLECTION_MILLIS
    }

    private final Sight sight;
    private ThreadTimes threads = ThreadTimes.none();

    /**
     * What can be seen.
     *
     * @param metrics where the bridge tells its metrics; null if the server is none
     * @param pid process of the server; 0 if not known
     * @param postgresPid first process of PostgreSQL; 0 if not known
     * @param disk a directory on the disk to which both write; null if not known
     */
    public record Sight(
            @Nullable InetSocketAddress metrics,
            String host,
            long pid,
            long postgresPid,
            @Nullable BenchDatabase database,
            @Nullable JvmView jvm,
            @Nullable Path disk) {}

    public Observer(Sight sight) {
        this.sight = sight;
    }

    public Sight sight() {
        return sight;
    }

    /** Reads all counters. */
    Map<Reading, Double> read() throws IOException, SQLException {
        var readings = new EnumMap<Reading, Double>(Reading.class);
        if (sight.metrics != null) {
            readings.put(Reading.LOG_SYNCS, logSyncs(sight.metrics));
        }
        if (sight.database != null) {
            readings.put(Reading.WAL_BYTES, sight.database.walBytes());
            readings.put(Reading.WAL_SYNCS, sight.database.walSyncs());
            readings.put(Reading.COMMITS, sight.database.commits());
        }
        if (sight.jvm != null) {
            readings.put(Reading.ALLOCATED, sight.jvm.allocatedBytes());
            readings.put(Reading.COLLECTIONS, sight.jvm.collections());
            readings.put(Reading.COLLECTION_MILLIS, sight.jvm.collectionMillis());
        }
        threads = sight.pid > 0 ? ThreadTimes.of(sight.pid) : ThreadTimes.none();
        readings.put(
                Reading.CPU_POSTGRES, sight.postgresPid > 0 ? ProcessFiles.cpuOfTree(sight.postgresPid) : Double.NaN);
        readings.put(Reading.CPU_SERVER, sight.pid > 0 ? ProcessFiles.cpu(sight.pid) : Double.NaN);
        readings.put(
                Reading.CPU_DRIVER, ProcessFiles.cpu(ProcessHandle.current().pid()));
        readings.put(Reading.CPU_MACHINE, ProcessFiles.cpuOfMachine());
        return readings;
    }

    /** Returns the processor time by thread at the last reading. */
    ThreadTimes threads() {
        return threads;
    }

    /** Returns the bytes that the disk of server and PostgreSQL has written, after it wrote what waits in memory. */
    double written() throws IOException {
        return sight.disk == null ? Double.NaN : ProcessFiles.written(sight.disk);
    }

    private double logSyncs(InetSocketAddress metrics) throws IOException {
        Matcher value = LOG_SYNCS.matcher(HttpCall.get(metrics, sight.host, "/metrics/prometheus"));
        double sum = 0;
        boolean isThere = false;
        while (value.find()) {
            sum += Double.parseDouble(value.group(1));
            isThere = true;
        }
        return isThere ? sum : Double.NaN;
    }

    /** Adds the memory of the processes to a result. */
    void describeMemory(Result result) {
        if (sight.pid > 0) {
            result.set(Figure.RESIDENT, ProcessFiles.resident(sight.pid))
                    .set(Figure.PEAK, ProcessFiles.peakResident(sight.pid));
        }
        if (sight.postgresPid > 0) {
            result.set(Figure.POSTGRES_MEMORY, ProcessFiles.proportional(ProcessFiles.tree(sight.postgresPid)));
        }
    }
}
