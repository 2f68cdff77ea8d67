package dev.sluice.bridge.metrics;

import dev.sluice.bridge.metrics.ProcessUsage.Usage;
import java.util.function.ToDoubleFunction;

/** The metrics sampled every second. The table has their keys; a dot in a key is a level in the JSON answer. */
public enum SampledMetric {
    /** Processor time in user mode since the start, in microseconds. */
    CPU_USER("cpu.user_us", usage -> usage.userMicros()),
    /** Processor time in kernel mode since the start, in microseconds. */
    CPU_SYSTEM("cpu.system_us", usage -> usage.systemMicros()),
    /** Resident memory in bytes. */
    MEMORY_RESIDENT("memory.rss_bytes", usage -> usage.residentBytes()),
    /** Address space in bytes. */
    MEMORY_VIRTUAL("memory.virtual_bytes", usage -> usage.virtualBytes()),
    /** Open connections to the database. */
    POOL_SIZE("database.pool_size", usage -> usage.pool().size()),
    /** Unused connections. */
    POOL_IDLE("database.pool_idle", usage -> usage.pool().idle()),
    /** Connections in use. */
    POOL_ACTIVE("database.pool_active", usage -> usage.pool().active()),
    /** Open connections again: Queen reports a thread per connection. */
    DATABASE_THREADS("threadpool.db.pool_size", usage -> usage.pool().size()),
    /** Threads that wait for a connection. */
    DATABASE_QUEUE("threadpool.db.queue_size", usage -> usage.pool().waiting()),
    /** Live threads. */
    SYSTEM_THREADS("threadpool.system.pool_size", usage -> usage.threads()),
    /** Always 0, because no task waits for a system thread. */
    SYSTEM_QUEUE("threadpool.system.queue_size", usage -> 0),
    /** Pops without an answer. */
    WAITING_POPS("registries.response", usage -> usage.waitingPops());

    private final String key;

    @SuppressWarnings("ImmutableEnumChecker") // The functions have no state.
    private final ToDoubleFunction<Usage> value;

    SampledMetric(String key, ToDoubleFunction<Usage> value) {
        this.key = key;
        this.value = value;
    }

    /** Returns the key in the table. */
    public String key() {
        return key;
    }

    double of(Usage usage) {
        return value.applyAsDouble(usage);
    }
}
