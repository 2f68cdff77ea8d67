package dev.sluice.bridge.metrics;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * Measures what this process uses of the machine and of the database, from {@code /proc} if it exists. Elsewhere all
 * processor time counts as user time, and the committed heap and non-heap memory counts as memory. Any thread may ask.
 */
public final class ProcessUsage {
    private static final Path STAT = Path.of("/proc/self/stat");
    private static final Path STATM = Path.of("/proc/self/statm");
    private static final long PAGE_BYTES = 4096;
    private static final long MICROS_PER_TICK = 10_000;
    private static final long NANOS_PER_MICRO = 1000;
    /** Positions in /proc/self/stat after the name of the command. */
    private static final int USER_TICKS = 11;

    private static final int SYSTEM_TICKS = 12;

    private final Supplier<Pool> pool;
    private final Supplier<Integer> waitingPops;

    /**
     * Connections to the database.
     *
     * @param size open connections
     * @param idle unused connections
     * @param active connections in use
     * @param waiting threads that wait for a connection
     */
    public record Pool(int size, int idle, int active, int waiting) {}

    /**
     * The usage at one moment.
     *
     * @param userMicros processor time in user mode since the start, in microseconds
     * @param systemMicros processor time in kernel mode since the start, in microseconds
     * @param residentBytes resident memory
     * @param virtualBytes address space
     * @param pool connections to the database
     * @param threads live threads
     * @param waitingPops pops without an answer
     */
    public record Usage(
            long userMicros,
            long systemMicros,
            long residentBytes,
            long virtualBytes,
            Pool pool,
            int threads,
            int waitingPops) {}

    /** Reads the given suppliers for each measurement. */
    public ProcessUsage(Supplier<Pool> pool, Supplier<Integer> waitingPops) {
        this.pool = pool;
        this.waitingPops = waitingPops;
    }

    /** Measures the usage now. */
    public Usage now() {
        long[] processor = processor();
        long[] memory = memory();
        return new Usage(
                processor[0],
                processor[1],
                memory[0],
                memory[1],
                pool.get(),
                ManagementFactory.getThreadMXBean().getThreadCount(),
                waitingPops.get());
    }

    /** Returns the name of this machine in charts. */
    public static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    /** Returns how long the process has run. */
    public static long uptimeMillis() {
        return ManagementFactory.getRuntimeMXBean().getUptime();
    }

    private static long[] processor() {
        try {
            String stat = Files.readString(STAT);
            List<String> fields = Arrays.asList(
                    stat.substring(stat.lastIndexOf(')') + 2).strip().split(" ", -1));
            return new long[] {
                Long.parseLong(fields.get(USER_TICKS)) * MICROS_PER_TICK,
                Long.parseLong(fields.get(SYSTEM_TICKS)) * MICROS_PER_TICK
            };
        } catch (IOException | RuntimeException e) {
            var system = ManagementFactory.getOperatingSystemMXBean();
            long nanos = system instanceof com.sun.management.OperatingSystemMXBean ours ? ours.getProcessCpuTime() : 0;
            return new long[] {Math.max(0, nanos / NANOS_PER_MICRO), 0};
        }
    }

    private static long[] memory() {
        try {
            String[] pages = Files.readString(STATM).strip().split(" ", -1);
            return new long[] {Long.parseLong(pages[1]) * PAGE_BYTES, Long.parseLong(pages[0]) * PAGE_BYTES};
        } catch (IOException | RuntimeException e) {
            var memory = ManagementFactory.getMemoryMXBean();
            MemoryUsage heap = memory.getHeapMemoryUsage();
            long bytes = heap.getCommitted() + memory.getNonHeapMemoryUsage().getCommitted();
            return new long[] {bytes, bytes};
        }
    }
}
