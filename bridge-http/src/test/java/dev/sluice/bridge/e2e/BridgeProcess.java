package dev.sluice.bridge.e2e;

import dev.sluice.connect.worker.Ports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A bridge in a process of its own, as {@code ./sluice up} runs it, so that it can be killed. */
final class BridgeProcess implements AutoCloseable {
    /** Processes that are killed after a second had better start fast. */
    private static final List<String> PROGRAM = List.of("-Xmx512m", "-XX:+UseParallelGC", "-XX:TieredStopAtLevel=1");

    private final Process process;
    private final Path output;
    private final int port;

    private BridgeProcess(Process process, Path output, int port) {
        this.process = process;
        this.output = output;
        this.port = port;
    }

    /**
     * Starts a bridge on a free port and waits until it is ready.
     *
     * @param arguments what follows {@code up}
     */
    static BridgeProcess start(Path data, Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        return start(data, environment, PROGRAM, arguments);
    }

    /** The same with a heap of its own and the options of {@code ./sluice up}. */
    static BridgeProcess startWithHeap(String heap, Path data, Map<String, String> environment)
            throws IOException, InterruptedException {
        return startWith(
                List.of("-Xms64m", "-Xmn48m", heap, "-XX:+UseParallelGC", "-XX:+ExitOnOutOfMemoryError"),
                data,
                environment);
    }

    /** The same with other options of the Java virtual machine. */
    static BridgeProcess startWith(List<String> options, Path data, Map<String, String> environment)
            throws IOException, InterruptedException {
        return start(data, environment, options);
    }

    private static BridgeProcess start(
            Path data, Map<String, String> environment, List<String> options, String... arguments)
            throws IOException, InterruptedException {
        int port = Ports.free();
        Files.createDirectories(data);
        Path output = Files.createTempFile(data.getParent(), "bridge", ".log");
        var command = new ArrayList<>(program(options));
        command.add("up");
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().put("SLUICE_DATA_DIR", data.toString());
        builder.environment().put("SLUICE_HTTP_PORT", String.valueOf(port));
        builder.environment().putAll(environment);
        var bridge = new BridgeProcess(builder.start(), output, port);
        bridge.awaitReady();
        return bridge;
    }

    /** Returns the words that run the program; its arguments follow. */
    static List<String> program() {
        return program(PROGRAM);
    }

    private static List<String> program(List<String> options) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.add("-cp");
        command.add(System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
        command.add("dev.sluice.bridge.Main");
        return command;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    private void awaitReady() throws InterruptedException, IOException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(200);
        while (System.nanoTime() < deadline && process.isAlive()) {
            try {
                if (client().send("GET", "/ready", null).statusCode() == 200) {
                    return;
                }
            } catch (IOException notYet) {
                // Nobody listens yet.
            }
            Thread.sleep(50);
        }
        process.destroyForcibly();
        throw new IOException("the bridge did not get ready:\n" + Files.readString(output));
    }

    long pid() {
        return process.pid();
    }

    int port() {
        return port;
    }

    BridgeClient client() {
        return new BridgeClient(port);
    }

    String output() throws IOException {
        return Files.readString(output);
    }

    /** Ends it as {@code kill -9} does, and waits until it is gone. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Ends it as {@code SIGTERM} does. */
    @Override
    public void close() throws IOException, InterruptedException {
        process.destroy();
        if (!process.waitFor(120, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
            throw new IOException("the bridge did not stop:\n" + output());
        }
    }
}
