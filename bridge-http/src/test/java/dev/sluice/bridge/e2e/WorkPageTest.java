package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.work.PluginJars;
import dev.sluice.connect.worker.Ports;
import dev.sluice.queue.PriorityLane;
import dev.sluice.work.WorkBuffer;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands of {@code docs/work.md} from an empty folder, as they stand there, but for the folder of the source and
 * the port. {@code sluice} starts the service from the class path of this test, and the libraries that a build leaves
 * are jars of the classes of this test.
 */
class WorkPageTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern BLOCK = Pattern.compile("(?m)^ *```bash\\n(.*?)^ *```", Pattern.DOTALL);
    private static final int SECONDS = 240;

    @TempDir
    private Path directory;

    private final int port = Ports.free();
    private Path sluice;
    private Path folder;

    @BeforeEach
    void sources() throws Exception {
        folder = Files.createDirectory(directory.resolve("empty"));
        sluice = Files.createDirectory(directory.resolve("sluice"));
        var words = new StringBuilder("exec");
        BridgeProcess.program().forEach(word -> words.append(" '").append(word).append('\''));
        Path script = Files.writeString(
                sluice.resolve("sluice"),
                "#!/usr/bin/env bash\necho $$ > '" + directory.resolve("service.pid") + "'\n" + words + " \"$@\"\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path libraries = Files.createDirectories(sluice.resolve("bridge-http/target/sluice/lib"));
        library(libraries.resolve("sluice-work.jar"), WorkBuffer.class);
        library(libraries.resolve("sluice-connector.jar"), PriorityLane.class);
    }

    private static void library(Path jar, Class<?> type) throws IOException, URISyntaxException {
        Path place =
                Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
        if (Files.isRegularFile(place)) {
            Files.copy(place, jar);
            return;
        }
        try (Stream<Path> files = Files.walk(place)) {
            Map<String, Path> entries = files.filter(Files::isRegularFile)
                    .collect(Collectors.toMap(file -> place.relativize(file).toString(), file -> file));
            PluginJars.jar(jar, entries);
        }
    }

    private List<String> commands() throws IOException {
        String page = Files.readString(ROOT.resolve("docs/work.md"));
        int start = page.indexOf("\n## Ten minutes\n");
        assertThat(start).isPositive();
        var commands = new ArrayList<String>();
        Matcher block = BLOCK.matcher(page.substring(start, page.indexOf("\n## ", start + 1)));
        while (block.find()) {
            commands.add(block.group(1)
                    .stripTrailing()
                    .stripIndent()
                    .replace("~/sluice", sluice.toString())
                    .replace("127.0.0.1:6632", "127.0.0.1:" + port));
        }
        return commands;
    }

    @Test
    void theCommandsOfThePageLeadToAGreetingAndADeadLetter() throws Exception {
        List<String> commands = commands();
        assertThat(commands).hasSizeGreaterThan(10);
        var script = new StringBuilder("set -euo pipefail\n");
        for (int i = 0; i < commands.size(); i++) {
            script.append("echo; echo '=== ")
                    .append(i)
                    .append("'\n")
                    .append(commands.get(i))
                    .append('\n');
        }
        Path output = directory.resolve("output.log");
        var builder = new ProcessBuilder("bash", "-c", script + "wait || true\n")
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().put("SLUICE_HTTP_PORT", String.valueOf(port));
        String java = Path.of(System.getProperty("java.home"), "bin").toString();
        builder.environment().merge("PATH", "", (path, none) -> java + ":" + path);
        Process shell = builder.start();
        try {
            boolean ended = shell.waitFor(SECONDS, TimeUnit.SECONDS);
            assertThat(ended && shell.exitValue() == 0)
                    .as("%s\n%s", Files.readString(output), log())
                    .isTrue();
        } finally {
            shell.destroyForcibly().waitFor();
            endService();
        }
        assertThat(Files.readString(output))
                .contains("Hello \"Ada\", attempt 1")
                .contains("failed 3 times: ")
                .contains("there is nobody to greet")
                .contains("sluice_work_completed_total{type=\"greetings\"} 1.0")
                .contains("sluice_work_dead_lettered_total{type=\"greetings\"} 1.0");
        assertThat(log()).contains("sluice: Stopped, 0 messages left in the local log");
    }

    private String log() throws IOException {
        Path log = folder.resolve("sluice.log");
        return Files.exists(log) ? Files.readString(log) : "";
    }

    /** Ends a service that a failed command has left running; it stops its PostgreSQL. */
    private void endService() throws IOException {
        Path file = directory.resolve("service.pid");
        if (Files.exists(file)) {
            ProcessHandle.of(Long.parseLong(Files.readString(file).strip()))
                    .filter(process -> process.info().commandLine().orElse("").contains("dev.sluice.bridge.Main"))
                    .ifPresent(process -> {
                        process.destroy();
                        process.onExit().orTimeout(60, TimeUnit.SECONDS).join();
                    });
        }
    }
}
