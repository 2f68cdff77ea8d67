package dev.sluice.bridge.bench;

import dev.sluice.bridge.system.FileTree;
import dev.sluice.bridge.system.Threads;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A bridge that the benchmark starts, in a process of its own, with a data directory that is deleted in the end. If
 * nobody sets {@code connection.url}, it runs its embedded PostgreSQL in that directory. Owned by one thread.
 */
public final class OwnBridge implements AutoCloseable {
    private static final long LONGEST_START_NANOS = TimeUnit.SECONDS.toNanos(180);
    private static final int LONGEST_STOP_SECONDS = 60;
    private static final long POLL_MILLIS = 5;
    private static final int LAST_LINES = 15;
    private static final int PORT_LINE = 3;

    private final Path directory;
    private final Program program;
    private final int port;
    /** Stops the bridge if somebody ends the benchmark: nobody else would. */
    private final Thread stopper = Threads.daemon("sluice-bench-stop", this::stopWithBenchmark);

    private volatile @Nullable Process process;

    /**
     * How a bridge is started.
     *
     * @param launcher the script {@code sluice}; null to start the class from the class path of this process
     * @param config a file of settings; null for none
     */
    public record Program(@Nullable Path launcher, @Nullable Path config) {
        /** The options of the script, for a process that is started without it. */
        private static final List<String> OPTIONS = List.of("-XX:+UseParallelGC", "-Xmx512m");

        List<String> command() {
            var command = new ArrayList<String>();
            if (launcher != null) {
                command.add(launcher.toString());
            } else {
                command.addAll(java("dev.sluice.bridge.Main"));
            }
            command.add("up");
            if (config != null) {
                command.addAll(List.of("--config", config.toString()));
            }
            return command;
        }

        /** Returns the words that start a class from the class path of this process. */
        static List<String> java(String mainClass) {
            var command = new ArrayList<String>();
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(OPTIONS);
            command.addAll(List.of(
                    "-cp",
                    System.getProperty("surefire.test.class.path", System.getProperty("java.class.path", "")),
                    mainClass));
            return command;
        }
    }

    public OwnBridge(Program program, Path parent) throws IOException {
        this.program = program;
        this.directory = Files.createTempDirectory(parent, "sluice-bench-");
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        Runtime.getRuntime().addShutdownHook(stopper);
    }

    public InetSocketAddress address() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    }

    public long pid() {
        Process running = process;
        return running == null ? 0 : running.pid();
    }

    public Path directory() {
        return directory;
    }

    private Path output() {
        return directory.resolve("bridge.log");
    }

    /**
     * Starts the process and pushes until a push is answered.
     *
     * @return the seconds from the start of the process until the answer
     */
    public double start(ByteBuffer push) throws IOException, InterruptedException, BenchException {
        var builder = new ProcessBuilder(program.command()).redirectErrorStream(true);
        builder.redirectOutput(ProcessBuilder.Redirect.appendTo(output().toFile()));
        builder.environment().put("SLUICE_DATA_DIR", directory.resolve("data").toString());
        builder.environment().put("SLUICE_HTTP_HOST", "127.0.0.1");
        builder.environment().put("SLUICE_HTTP_PORT", String.valueOf(port));
        long begin = System.nanoTime();
        Process started = builder.start();
        process = started;
        while (System.nanoTime() - begin < LONGEST_START_NANOS && started.isAlive()) {
            try (var call = new HttpCall(address())) {
                if (call.send(push.duplicate()).isSuccess()) {
                    return (System.nanoTime() - begin) / 1e9;
                }
            } catch (IOException notYet) {
                // Nobody listens yet.
            }
            Thread.sleep(POLL_MILLIS);
        }
        throw BenchException.failed("the bridge does not answer a push; its last lines:\n" + lastLines());
    }

    boolean isAlive() {
        Process running = process;
        return running != null && running.isAlive();
    }

    /** Returns the end of what the bridge has printed. */
    public String lastLines() throws IOException {
        List<String> lines = Files.readAllLines(output());
        return String.join("\n", lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size()));
    }

    /** Returns the first process of the embedded PostgreSQL; 0 if there is none. */
    public long postgresPid() throws IOException {
        List<String> lines = postmaster();
        return lines.isEmpty() ? 0 : Long.parseLong(lines.get(0).strip());
    }

    private List<String> postmaster() throws IOException {
        Path file = postgres().resolve("cluster").resolve("postmaster.pid");
        return Files.exists(file) ? Files.readAllLines(file) : List.of();
    }

    private Path postgres() {
        return directory.resolve("data").resolve("postgres");
    }

    /** Returns the address of the embedded PostgreSQL with user and password; empty if there is none. */
    public Optional<String> databaseUrl() throws IOException {
        List<String> lines = postmaster();
        if (lines.size() <= PORT_LINE) {
            return Optional.empty();
        }
        // host:port:database:user:password, as libpq reads it.
        String[] fields = Files.readString(postgres().resolve("pgpass")).strip().split(":", -1);
        return Optional.of("jdbc:postgresql://127.0.0.1:" + lines.get(PORT_LINE).strip() + "/sluice?user="
                + fields[fields.length - 2] + "&password=" + fields[fields.length - 1]);
    }

    /** Stops the process, which stops its PostgreSQL. Kills both if that takes too long. */
    public void stop() throws IOException, InterruptedException {
        Process running = process;
        if (running == null) {
            return;
        }
        long postgres = postgresPid();
        running.destroy();
        if (!running.waitFor(LONGEST_STOP_SECONDS, TimeUnit.SECONDS)) {
            running.destroyForcibly().waitFor();
            if (postgres > 0) {
                ProcessHandle.of(postgres).ifPresent(ProcessHandle::destroy);
            }
        }
        process = null;
    }

    private void stopWithBenchmark() {
        try {
            stop();
            FileTree.delete(directory);
        } catch (IOException e) {
            // The directory stays; its name says whose it is.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() throws IOException {
        try {
            Runtime.getRuntime().removeShutdownHook(stopper);
        } catch (IllegalStateException e) {
            return; // The benchmark is being ended, and the stopper does the rest.
        }
        try {
            stop();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return; // The processes may still use the directory.
        }
        FileTree.delete(directory);
    }
}
