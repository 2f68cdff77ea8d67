package dev.sluice.bridge.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL process that serves a cluster, as the file {@code postmaster.pid} in the cluster names it. The file may
 * be left over: the process that has the number now may be any program.
 *
 * @param pid the process
 * @param port the port on which it listens; -1 if the file does not say
 */
record RunningServer(long pid, int port) {
    private static final Logger log = LoggerFactory.getLogger(RunningServer.class);

    /** Lines of the file, counted from 0 (PostgreSQL source, miscadmin.h). */
    private static final int PID_LINE = 0;

    private static final int PORT_LINE = 3;

    /** Returns the server of a cluster; empty if none runs. */
    static Optional<RunningServer> of(Path cluster) throws IOException {
        return named(cluster).filter(server -> server.isAlive() && server.mayServe(cluster));
    }

    /**
     * Removes the file if its process is not the server. PostgreSQL does not check that and would refuse to start. No
     * other process starts a server here, because the data directory is locked.
     */
    static void removeForeignFile(Path cluster) throws IOException {
        Optional<RunningServer> named = named(cluster);
        if (named.isPresent() && named.get().isAlive() && !named.get().mayServe(cluster)) {
            log.warn(
                    "The process that postmaster.pid names is not a PostgreSQL on this data, removing the file"
                            + " process={} cluster={}",
                    named.get().pid,
                    cluster);
            Files.delete(file(cluster));
        }
    }

    static Path file(Path cluster) {
        return cluster.resolve("postmaster.pid");
    }

    private static Optional<RunningServer> named(Path cluster) throws IOException {
        if (!Files.exists(file(cluster))) {
            return Optional.empty();
        }
        List<String> lines = Files.readAllLines(file(cluster));
        return Optional.of(new RunningServer(number(lines, PID_LINE), (int) number(lines, PORT_LINE)));
    }

    private static long number(List<String> lines, int line) {
        try {
            return line < lines.size() ? Long.parseLong(lines.get(line).strip()) : -1;
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    boolean isAlive() {
        return pid > 0 && ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    /**
     * Returns whether the process can be the server of a cluster: a PostgreSQL that was started on it, or whose working
     * directory it is. True if the system does not tell.
     */
    private boolean mayServe(Path cluster) {
        Optional<ProcessHandle.Info> process = ProcessHandle.of(pid).map(ProcessHandle::info);
        if (process.isEmpty()) {
            return false;
        }
        Optional<String> command = process.get().command();
        if (command.isPresent() && !command.get().endsWith("/postgres")) {
            return false;
        }
        String line = process.get().commandLine().orElse("");
        return line.contains(cluster.toString()) || worksIn(cluster);
    }

    /** Linux tells the working directory of a process unless the process has ended. Other systems: true. */
    private boolean worksIn(Path cluster) {
        Path processes = Path.of("/proc");
        try {
            return !Files.isDirectory(processes) || Files.isSameFile(processes.resolve(pid + "/cwd"), cluster);
        } catch (IOException e) {
            return false;
        }
    }
}
