package dev.sluice.bridge.bench.growth;

import java.util.Optional;
import java.util.stream.Stream;

/** What a sample of a soak has. The key is its name in the file. */
enum Gauge {
    PUSHED("pushed_per_second", "pushed/s"),
    DELIVERED("delivered_per_second", "delivered/s"),
    P50("push_p50_ms", "p50 ms"),
    P99("push_p99_ms", "p99 ms"),
    FAILED("failed", "failed"),
    CPU_BRIDGE("cpu_us_bridge", "bridge µs"),
    CPU_POSTGRES("cpu_us_postgres", "PG µs"),
    CORES_OTHERS("cores_busy_with_others", "others"),
    RESIDENT("resident_mb", "RSS MB"),
    HEAP_USED("heap_used_mb", "heap MB"),
    HEAP_COMMITTED("heap_committed_mb", "committed"),
    POSTGRES("postgres_pss_mb", "PG MB"),
    THREADS("threads", "threads"),
    OPEN_FILES("open_files", "files"),
    LOG("log_mb", "log MB"),
    DATABASE("database_mb", "database MB"),
    DEAD_TUPLES("dead_tuples", "dead rows"),
    LIVE_TUPLES("live_tuples", "live rows"),
    WAL_FILES("wal_files_mb", "WAL MB"),
    WAL_WRITTEN("wal_written_mb", "WAL written"),
    TEMPORARY("temporary_mb", "temp MB");

    private final String key;
    private final String header;

    Gauge(String key, String header) {
        this.key = key;
        this.header = header;
    }

    String key() {
        return key;
    }

    /** Returns the head of the column. */
    String header() {
        return header;
    }

    static Optional<Gauge> of(String key) {
        return Stream.of(values()).filter(gauge -> gauge.key.equals(key)).findFirst();
    }
}
