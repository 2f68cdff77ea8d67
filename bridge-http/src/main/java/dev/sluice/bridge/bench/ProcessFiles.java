package dev.sluice.bridge.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What Linux tells of processes in {@code /proc}. A value that the system does not tell is NaN. */
public final class ProcessFiles {
    private static final Path PROC = Path.of("/proc");
    private static final Path DEVICES = Path.of("/sys/dev/block");
    /** Field of the statistics of a device, counted from 0, in units of 512 bytes. */
    private static final int SECTORS_WRITTEN = 6;

    private static final double BYTES_OF_A_SECTOR = 512;
    /** The unit of times in {@code stat}; Linux has had 100 a second for user space on all platforms. */
    private static final double TICKS_A_SECOND = 100;
    /** Fields of {@code stat} behind the name of the program, counted from 0: proc(5). */
    private static final int PARENT = 1;

    private static final int USER = 11;
    private static final int SYSTEM = 12;
    private static final int CHILDREN_USER = 13;
    private static final int CHILDREN_SYSTEM = 14;
    private static final double KIB_A_MIB = 1024;
    private static final int IDLE = 3;
    private static final int IO_WAIT = 4;
    private static final int STEAL = 7;

    private ProcessFiles() {}

    /** Returns a process and its descendants. */
    public static List<Long> tree(long root) {
        var children = new HashMap<Long, List<Long>>();
        try (Stream<Path> files = Files.list(PROC)) {
            files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> Character.isDigit(name.charAt(0)))
                    .forEach(name -> {
                        String[] fields = stat(PROC.resolve(name));
                        if (fields.length > PARENT) {
                            children.computeIfAbsent(Long.parseLong(fields[PARENT]), parent -> new ArrayList<>())
                                    .add(Long.parseLong(name));
                        }
                    });
        } catch (IOException e) {
            return List.of();
        }
        var tree = new ArrayList<Long>(List.of(root));
        for (int i = 0; i < tree.size(); i++) {
            tree.addAll(children.getOrDefault(tree.get(i), List.of()));
        }
        return tree;
    }

    /** Returns the fields of {@code stat} behind the name of the program; none if the process is gone. */
    private static String[] stat(Path process) {
        try {
            String line = Files.readString(process.resolve("stat"), StandardCharsets.ISO_8859_1);
            return line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
        } catch (IOException | StringIndexOutOfBoundsException e) {
            return new String[0];
        }
    }

    /** Returns the processor time of a process alone, in seconds. */
    public static double cpu(long pid) {
        return time(stat(PROC.resolve(String.valueOf(pid))), USER, SYSTEM);
    }

    /** Returns the processor time of a process and its descendants, with those that have ended, in seconds. */
    public static double cpuOfTree(long root) {
        double sum = time(stat(PROC.resolve(String.valueOf(root))), USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM);
        for (long pid : tree(root)) {
            double own = pid == root ? 0 : cpu(pid);
            sum += Double.isNaN(own) ? 0 : own; // It has ended meanwhile: its parent has its time.
        }
        return sum;
    }

    private static double time(String[] fields, int... wanted) {
        double ticks = 0;
        for (int field : wanted) {
            ticks += field < fields.length ? Double.parseDouble(fields[field]) : Double.NaN;
        }
        return ticks / TICKS_A_SECOND;
    }

    /** Returns the processor time of the whole machine that was not idle, in seconds. */
    public static double cpuOfMachine() {
        try (Stream<String> lines = Files.lines(PROC.resolve("stat"))) {
            String[] fields =
                    lines.findFirst().orElse("").replaceFirst("cpu +", "").split(" ", -1);
            double busy = 0;
            for (int i = 0; i <= STEAL; i++) {
                busy += i == IDLE || i == IO_WAIT || i == STEAL ? 0 : Double.parseDouble(fields[i]);
            }
            return busy / TICKS_A_SECOND;
        } catch (IOException | RuntimeException e) {
            return Double.NaN;
        }
    }

    /**
     * Returns the bytes that the disk below a directory has written for all programs, after it wrote what waits in
     * memory. The counts that Linux keeps for each process do not tell this: a write of a few bytes counts as large as
     * the piece of the page cache that it changes, which can be a megabyte, whatever reaches the disk.
     */
    static double written(Path directory) throws IOException {
        if (!Files.isDirectory(DEVICES)) {
            return Double.NaN;
        }
        sync(directory);
        long device = ((Number) Files.getAttribute(directory, "unix:dev")).longValue();
        Path statistics = DEVICES.resolve(name(device)).resolve("stat");
        return Files.exists(statistics) ? deviceWritten(Files.readString(statistics)) : Double.NaN;
    }

    /** Returns the name of a device, which is its two numbers, as {@code makedev(3)} packs them. */
    static String name(long device) {
        long major = (device >>> 8 & 0xfff) | (device >>> 32 & ~0xfffL);
        long minor = (device & 0xff) | (device >>> 12 & 0xffffff00L);
        return major + ":" + minor;
    }

    /** Returns the bytes written that the statistics of a device tell; NaN if they are no such statistics. */
    static double deviceWritten(String statistics) {
        String[] fields = statistics.strip().split(" +", -1);
        return fields.length > SECTORS_WRITTEN
                ? Double.parseDouble(fields[SECTORS_WRITTEN]) * BYTES_OF_A_SECTOR
                : Double.NaN;
    }

    private static void sync(Path directory) throws IOException {
        var command = new ProcessBuilder("sync", "--file-system", directory.toString());
        try {
            Process sync = command.redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (sync.waitFor() != 0) {
                throw new IOException("cannot sync the disk of " + directory);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the disk of " + directory + " is synced", e);
        }
    }

    /** Returns the memory that a process has in RAM, in MB. */
    public static double resident(long pid) {
        return field(PROC.resolve(pid + "/status"), "VmRSS") / KIB_A_MIB;
    }

    /** Returns the most memory that a process has had in RAM, in MB. */
    static double peakResident(long pid) {
        return field(PROC.resolve(pid + "/status"), "VmHWM") / KIB_A_MIB;
    }

    /** Returns the memory of processes in MB, shared memory counted once. */
    public static double proportional(List<Long> pids) {
        double sum = 0;
        for (long pid : pids) {
            double memory = field(PROC.resolve(pid + "/smaps_rollup"), "Pss");
            sum += Double.isNaN(memory) && pids.size() > 1 ? 0 : memory;
        }
        return sum / KIB_A_MIB;
    }

    /** Returns the threads of a process. */
    public static double threads(long pid) {
        return field(PROC.resolve(pid + "/status"), "Threads");
    }

    /** Returns the files and sockets that a process has open. */
    public static double openFiles(long pid) {
        try (Stream<Path> files = Files.list(PROC.resolve(pid + "/fd"))) {
            return files.count();
        } catch (IOException e) {
            return Double.NaN;
        }
    }

    private static double field(Path file, String name) {
        try {
            Matcher field = Pattern.compile("(?m)^" + name + ":\\s+(\\d+)").matcher(Files.readString(file));
            return field.find() ? Double.parseDouble(field.group(1)) : Double.NaN;
        } catch (IOException e) {
            return Double.NaN;
        }
    }
}
