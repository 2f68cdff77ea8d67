package dev.sluice.bridge.metrics;

import dev.sluice.bridge.metrics.ProcessUsage.Usage;
import java.util.function.ToDoubleFunction;

/** What is sampled of a process every second. The keys stand in the table; dots are levels in the answer. */
public enum SampledMetric {
    /** Processor time of the process's own code since its start, in microseconds. */
    CPU_USER("cpu.user_us", usage -> usage.userMicros()),
    /** Processor time of the system for it, in microseconds. */
    CPU_SYSTEM("cpu.system_us", usage -> usage.systemMicros()),
    /** Memory in RAM, in bytes. */
    MEMORY_RESIDENT("memory.rss_bytes", usage -> usage.residentBytes()),
    /** Address space, in bytes. */
    MEMORY_VIRTUAL("memory.virtual_bytes", usage -> usage.virtualBytes()),
    /** Connections to the database. */
    POOL_SIZE("database.pool_size", usage -> usage.pool().size()),
    /** Those not used. */
    POOL_IDLE("database.pool_idle", usage -> usage.pool().idle()),
    /** Those used. */
    POOL_ACTIVE("database.pool_active", usage -> usage.pool().active()),
    /** Connections, for a thread of the database has one. */
    DATABASE_THREADS("threadpool.db.pool_size", usage -> usage.pool().size()),
    /** Threads that wait for a connection. */
    DATABASE_QUEUE("threadpool.db.queue_size", usage -> usage.pool().waiting()),
    /** Live threads. */
    SYSTEM_THREADS("threadpool.system.pool_size", usage -> usage.threads()),
    /** Always 0: nothing waits for a thread of the system. */
    SYSTEM_QUEUE("threadpool.system.queue_size", usage -> 0),
    /** Pops that wait. */
    WAITING_POPS("registries.response", usage -> usage.waitingPops());

    private final String key;

    @SuppressWarnings("ImmutableEnumChecker") // The functions above hold nothing.
    private final ToDoubleFunction<Usage> value;

    SampledMetric(String key, ToDoubleFunction<Usage> value) {
        this.key = key;
        this.value = value;
    }

    /** Returns the name in the table. */
    public String key() {
        return key;
    }

    double of(Usage usage) {
        return value.applyAsDouble(usage);
    }
}
