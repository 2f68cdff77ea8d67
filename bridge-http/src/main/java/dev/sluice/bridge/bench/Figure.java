package dev.sluice.bridge.bench;

import java.util.Optional;
import java.util.stream.Stream;

/** A number that the benchmark finds out about a path. Its key is the name in the file of results. */
public enum Figure {
    RATE("messages_per_second", "msg/s", 0, Better.HIGHER),
    REQUESTS("requests_per_second", "req/s", 0, Better.HIGHER),
    P50("p50_ms", "p50 ms", 2, Better.LOWER),
    P90("p90_ms", "p90", 2, Better.LOWER),
    P99("p99_ms", "p99", 2, Better.LOWER),
    P999("p999_ms", "p99.9", 2, Better.LOWER),
    MAX("max_ms", "max", 1, Better.LOWER),
    SECONDS("seconds", "s", 2, Better.LOWER),
    CPU_SERVER("cpu_us_bridge", "bridge µs", 2, Better.LOWER),
    CPU_COMPILER("cpu_us_compiler", "of it JIT", 2, Better.NEITHER),
    CPU_POSTGRES("cpu_us_postgres", "PG µs", 2, Better.LOWER),
    CPU_DRIVER("cpu_us_driver", "driver µs", 2, Better.NEITHER),
    CORES_OTHERS("cores_busy_with_others", "others", 2, Better.NEITHER),
    LOG_SYNCS("log_syncs_per_1000", "log syncs", 2, Better.LOWER),
    WAL_SYNCS("wal_syncs_per_1000", "PG syncs", 2, Better.LOWER),
    COMMITS("commits_per_1000", "commits", 2, Better.LOWER),
    WAL_BYTES("wal_bytes", "WAL B", 0, Better.LOWER),
    DISK_BYTES("disk_bytes_per_payload_byte", "disk ×", 2, Better.LOWER),
    ALLOCATED("allocated_bytes", "alloc B", 0, Better.LOWER),
    COLLECTIONS("collections", "GCs", 0, Better.LOWER),
    COLLECTION_TIME("collection_ms", "GC ms", 0, Better.LOWER),
    RESIDENT("resident_mb", "RSS MB", 0, Better.LOWER),
    PEAK("peak_resident_mb", "peak MB", 0, Better.LOWER),
    POSTGRES_MEMORY("postgres_pss_mb", "PG MB", 0, Better.LOWER),
    FAILED("failed", "failed", 0, Better.LOWER);

    /** Which direction of a change is an improvement. */
    enum Better {
        HIGHER,
        LOWER,
        NEITHER
    }

    private final String key;
    private final String header;
    private final int decimals;
    private final Better better;

    Figure(String key, String header, int decimals, Better better) {
        this.key = key;
        this.header = header;
        this.decimals = decimals;
        this.better = better;
    }

    public String key() {
        return key;
    }

    /** Returns the head of the column. */
    public String header() {
        return header;
    }

    public int decimals() {
        return decimals;
    }

    Better better() {
        return better;
    }

    public static Optional<Figure> of(String key) {
        return Stream.of(values()).filter(figure -> figure.key.equals(key)).findFirst();
    }
}
