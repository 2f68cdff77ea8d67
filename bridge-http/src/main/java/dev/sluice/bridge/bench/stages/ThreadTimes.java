package dev.sluice.bridge.bench.stages;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The processor time of each thread of a process until now, as Linux counts it. */
public final class ThreadTimes {
    /** The unit of times in {@code stat}; Linux has had 100 a second for user space on all platforms. */
    private static final double TICKS_A_SECOND = 100;
    /** Fields of {@code stat} behind the name, counted from 0: proc(5). */
    private static final int USER = 11;

    private static final int KERNEL = 12;

    private final Map<Long, Time> threads;

    /**
     * The time of one thread in seconds.
     *
     * @param name its name without numbers, at most 15 characters
     * @param user in the program
     * @param kernel in the kernel
     */
    record Time(String name, double user, double kernel) {}

    ThreadTimes(Map<Long, Time> threads) {
        this.threads = threads;
    }

    /** Reads the times of all threads of a process; of none if the system does not tell. */
    public static ThreadTimes of(long pid) {
        var times = new HashMap<Long, Time>();
        try (Stream<Path> files = Files.list(Path.of("/proc", String.valueOf(pid), "task"))) {
            files.forEach(file -> read(file, times));
        } catch (IOException e) {
            return none();
        }
        return new ThreadTimes(times);
    }

    /** Returns the times of no thread. */
    public static ThreadTimes none() {
        return new ThreadTimes(Map.of());
    }

    private static void read(Path thread, Map<Long, Time> times) {
        try {
            String line = Files.readString(thread.resolve("stat"), StandardCharsets.ISO_8859_1);
            String[] fields = line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
            String name = line.substring(line.indexOf('(') + 1, line.lastIndexOf(')'));
            var time = new Time(
                    name.replaceAll("[0-9]+", "").replaceAll("[-# ]+$", ""),
                    Double.parseDouble(fields[USER]) / TICKS_A_SECOND,
                    Double.parseDouble(fields[KERNEL]) / TICKS_A_SECOND);
            times.put(Long.parseLong(String.valueOf(thread.getFileName())), time);
        } catch (IOException | IndexOutOfBoundsException | NumberFormatException e) {
            // The thread has ended.
        }
    }

    /** Returns the threads by the number that the system gives them. */
    Map<Long, Time> threads() {
        return threads;
    }

    /** Returns the seconds by name, of all threads with that name together. */
    public Map<String, Double> byName() {
        var sums = new TreeMap<String, Double>();
        threads.values().forEach(time -> sums.merge(time.name, time.user + time.kernel, Double::sum));
        return sums;
    }

    /** Returns the times since an earlier reading. */
    ThreadTimes since(ThreadTimes earlier) {
        var changes = new HashMap<Long, Time>();
        threads.forEach((id, now) -> {
            Time before = earlier.threads.getOrDefault(id, new Time(now.name, 0, 0));
            changes.put(id, new Time(now.name, now.user - before.user, now.kernel - before.kernel));
        });
        return new ThreadTimes(changes);
    }
}
