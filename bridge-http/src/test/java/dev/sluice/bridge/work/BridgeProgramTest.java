package dev.sluice.bridge.work;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;

/** The engine in a bridge, from a file, with the handler in a plug-in. */
class BridgeProgramTest extends WorkContract {
    private Path file;

    @BeforeAll
    @Override
    void startAll() throws IOException {
        Path plugins = directory.resolve("plugins");
        PluginJars.of(plugins.resolve("probe"), List.of(ProbeHandler.class));
        file = directory.resolve("bridge.properties");
        super.startAll();
    }

    private String settings() {
        return """
                http.port=0
                data.dir=%s
                connection.url=%s
                connection.user=postgres
                shutdown.timeout.ms=5000
                work.plugins.dir=%s
                work.handlers=probe
                work.concurrency=8
                work.lease.ms=2000
                work.claim.ahead.ms=0
                work.close.timeout.ms=100
                work.interrupt.grace.ms=1000
                work.handlers.probe.type=dev.sluice.bridge.work.ProbeHandler
                work.handlers.probe.timeout.ms=1500
                work.handlers.probe.retry.waits=10ms,20ms
                work.handlers.probe.retry.jitter=0
                work.handlers.probe.keep.results=true
                work.handlers.probe.config.notes=%s
                """.formatted(directory.resolve("data"), postgres.url(), directory.resolve("plugins"), notes);
    }

    @Override
    Process start() throws IOException {
        Files.writeString(file, settings());
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx200m", "-cp", PluginJars.classPath()));
        command.addAll(List.of("dev.sluice.bridge.Main", command(), "--config", file.toString()));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("bridge.log").toFile())
                .start();
    }

    /** Returns the command of the launcher. */
    String command() {
        return "up";
    }
}
