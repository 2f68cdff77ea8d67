package dev.sluice.bridge.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.connect.worker.KafkaDistribution;
import dev.sluice.connect.worker.PluginFolder;
import dev.sluice.connect.worker.Ports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands of the section "First record" of docs/connect.md do what the page says, from an empty folder.
 *
 * <p>The test reads the commands out of the page and runs them in one shell. It replaces the two paths of the first
 * command, and the ports. {@code mvn} only notes its arguments: the build that runs this test has made the plug-in.
 * {@code sluice} starts the service from the class path of this test.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class ConnectPageIT {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern BLOCK = Pattern.compile("(?m)^ *```bash\\n(.*?)^ *```", Pattern.DOTALL);
    private static final int SECONDS = 240;

    /** The ports of the page, and those of this test. */
    private final Map<Integer, Integer> ports = new LinkedHashMap<>();

    @TempDir
    private Path directory;

    private Path sluice;
    private Path folder;

    @BeforeEach
    void sources() throws IOException {
        for (int port : new int[] {5432, 6632, 8083, 9092}) {
            ports.put(port, Ports.free());
        }
        folder = Files.createDirectory(directory.resolve("empty"));
        sluice = Files.createDirectory(directory.resolve("sluice"));
        Path target = Files.createDirectories(sluice.resolve("connector").resolve("target"));
        Path zip = PluginFolder.zip();
        Files.copy(zip, target.resolve(zip.getFileName()));
        Path examples = Files.createDirectories(sluice.resolve("config-examples/connect"));
        try (Stream<Path> files = Files.list(ROOT.resolve("config-examples/connect"))) {
            for (Path file : files.toList()) {
                Files.writeString(examples.resolve(file.getFileName()), withPorts(Files.readString(file)));
            }
        }
        script(sluice.resolve("sluice"), "echo $$ > '" + directory.resolve("service.pid") + "'\nexec " + service());
        Path programs = Files.createDirectory(directory.resolve("bin"));
        script(programs.resolve("mvn"), "echo \"$*\" >> '" + directory.resolve("mvn.arguments") + "'");
    }

    private static String service() {
        var words = new StringBuilder();
        BridgeProcess.program().forEach(word -> words.append('\'').append(word).append("' "));
        return words + "\"$@\"";
    }

    private static void script(Path file, String commands) throws IOException {
        Files.writeString(file, "#!/usr/bin/env bash\n" + commands + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private String withPorts(String text) {
        String changed = text;
        for (Map.Entry<Integer, Integer> port : ports.entrySet()) {
            changed = changed.replaceAll("(?<=[:=])" + port.getKey() + "\\b", String.valueOf(port.getValue()));
        }
        return changed;
    }

    /** Returns the commands of a section of the page, in order. */
    private static List<String> commands(String heading) throws IOException {
        String page = Files.readString(ROOT.resolve("docs/connect.md"));
        int start = page.indexOf("\n## " + heading + "\n");
        assertThat(start).as(heading).isPositive();
        int end = page.indexOf("\n## ", start + 1);
        var commands = new ArrayList<String>();
        Matcher block = BLOCK.matcher(page.substring(start, end));
        while (block.find()) {
            commands.add(block.group(1).stripIndent().strip());
        }
        return commands;
    }

    @Test
    void theCommandsOfThePageBringARecordIntoAQueueAndAMessageIntoATopic() throws Exception {
        var kafka = KafkaDistribution.make(directory.resolve("kafka"), ports.get(9092));
        List<String> commands = commands("First record");
        assertThat(commands.get(0)).isEqualTo("export SLUICE=~/sluice KAFKA=~/kafka_2.13-4.3.1");
        try {
            Map<String, String> outputs = run(commands);
            assertThat(Files.readAllLines(directory.resolve("mvn.arguments")))
                    .containsExactly("-q -f " + sluice + "/pom.xml -pl connector -am package -DskipTests");
            assertThat(output(outputs, "api/v1/pop"))
                    .contains("\"data\":{\"total\": 12.50}")
                    .contains("\"partition\":\"customer-7\"");
            assertThat(output(outputs, "console-consumer")).isEqualTo("{\"paid\":true}\n");
        } finally {
            endService();
            kafka.end();
        }
    }

    @Test
    void thePluginThatThePageBuildsIsThatOfTheInstallSection() throws IOException {
        String build = commands("Install").get(0);
        assertThat(build).isEqualTo("mvn -q -pl connector -am package -DskipTests");
        assertThat(commands("First record")).contains(build.replace("mvn -q", "mvn -q -f \"$SLUICE/pom.xml\""));
    }

    /** Runs the commands in one shell. Returns the output of each. */
    private Map<String, String> run(List<String> commands) throws IOException, InterruptedException {
        var script = new StringBuilder("set -euo pipefail\n");
        for (int i = 0; i < commands.size(); i++) {
            String command = withPorts(commands.get(i))
                    .replace("~/sluice", sluice.toString())
                    .replace("~/kafka_2.13-4.3.1", directory.resolve("kafka").toString());
            script.append("echo; echo '=== ")
                    .append(i)
                    .append("'\n")
                    .append(command)
                    .append('\n');
        }
        Path output = directory.resolve("output.log");
        Path errors = directory.resolve("errors.log");
        var builder = new ProcessBuilder("bash", "-c", script + "wait || true\n")
                .directory(folder.toFile())
                .redirectOutput(output.toFile())
                .redirectError(errors.toFile());
        builder.environment().put("SLUICE_HTTP_PORT", String.valueOf(ports.get(6632)));
        builder.environment().merge("PATH", "", (path, none) -> directory.resolve("bin") + ":" + path);
        Process shell = builder.start();
        boolean ended = shell.waitFor(SECONDS, TimeUnit.SECONDS);
        shell.destroyForcibly().waitFor();
        assertThat(ended && shell.exitValue() == 0)
                .as("%s\n%s\n%s", Files.readString(output), tail(errors), tail(folder.resolve("connect.log")))
                .isTrue();
        var outputs = new LinkedHashMap<String, String>();
        String[] parts = Files.readString(output).split("(?m)^=== \\d+\\n", -1);
        for (int i = 0; i < commands.size(); i++) {
            outputs.put(commands.get(i), parts[i + 1].replaceFirst("\\n$", ""));
        }
        return outputs;
    }

    private static String tail(Path file) throws IOException {
        String text = Files.exists(file) ? Files.readString(file, UTF_8) : "";
        return text.substring(Math.max(0, text.length() - 4000));
    }

    private static String output(Map<String, String> outputs, String part) {
        return outputs.entrySet().stream()
                .filter(each -> each.getKey().contains(part))
                .findFirst()
                .orElseThrow()
                .getValue();
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
