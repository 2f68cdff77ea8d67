package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.system.DataDirectory;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line as a process of its own. */
class MainTest {
    private static final int SECONDS = 150;

    @TempDir
    Path directory;

    private Process start(Map<String, String> environment, String... arguments) throws IOException {
        var command = new ArrayList<String>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", // The processes live a second, so a fast start matters most.
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command);
        builder.environment().keySet().removeIf(name -> name.startsWith("SLUICE_"));
        builder.environment().putAll(environment);
        return builder.redirectErrorStream(true)
                .redirectOutput(directory.resolve("output").toFile())
                .start();
    }

    private String output() {
        try {
            return Files.readString(directory.resolve("output"), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }

    /** Returns the lines for people, without the log. */
    private List<String> run(int status, Map<String, String> environment, String... arguments) throws Exception {
        Process process = start(environment, arguments);
        assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output()).isEqualTo(status);
        return output().lines().filter(line -> line.startsWith("sluice:")).toList();
    }

    private Map<String, String> settings(Path data) {
        return Map.of("SLUICE_DATA_DIR", data.toString(), "SLUICE_HTTP_PORT", "0");
    }

    @Test
    void refusesUnknownArguments() throws Exception {
        assertThat(run(2, Map.of(), "down"))
                .containsExactly(
                        "sluice: the command must be: up [--config FILE], work [--config FILE]," + " buffer or bench");
        assertThat(run(2, Map.of(), "up", "--fast")).containsExactly("sluice: up takes --config FILE, not --fast");
        assertThat(run(2, Map.of(), "up", "--config")).containsExactly("sluice: up takes --config FILE, not --config");
    }

    @Test
    void namesEveryMistakeInTheConfiguration() throws Exception {
        Path file = Files.writeString(directory.resolve("bad.properties"), "http.port=x\nbufer.dir=y\n");
        assertThat(run(1, Map.of(), "up", "--config", file.toString()))
                .hasSize(2)
                .anySatisfy(line -> assertThat(line).contains("http.port"))
                .anySatisfy(line -> assertThat(line).contains("unknown key bufer.dir, did you mean buffer.dir?"));
        assertThat(run(1, Map.of(), "up", "--config", "none.properties"))
                .containsExactly("sluice: configuration file none.properties does not exist");
    }

    @Test
    void saysThatThePortIsTaken() throws Exception {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThat(run(
                            1,
                            Map.of(
                                    "SLUICE_DATA_DIR",
                                    directory.resolve("data").toString(),
                                    "SLUICE_HTTP_PORT",
                                    String.valueOf(taken.getLocalPort())),
                            "up"))
                    .singleElement()
                    .asString()
                    .contains("http.port " + taken.getLocalPort() + " on 127.0.0.1 cannot be used")
                    .contains("set another http.port");
        }
        assertThat(directory.resolve("data")).doesNotExist();
    }

    @Test
    void saysThatTheDataDirectoryCannotBeWrittenTo() throws Exception {
        Path file = Files.writeString(directory.resolve("file"), "");
        assertThat(run(1, settings(file), "up"))
                .singleElement()
                .asString()
                .isEqualTo("sluice: data.dir " + file + " cannot be written to: " + file + " is not a directory");
        assertThat(run(1, settings(file.resolve("below")), "up"))
                .singleElement()
                .asString()
                .isEqualTo("sluice: data.dir " + file.resolve("below") + " cannot be written to: "
                        + file.resolve("below") + ": Not a directory");
        assertThat(output().lines()).as("nothing else").hasSize(1);
    }

    @Test
    void saysThatTheDataDirectoryIsInUse() throws Exception {
        Path data = directory.resolve("data");
        try (var held = DataDirectory.take(data)) {
            assertThat(run(1, settings(data), "up"))
                    .singleElement()
                    .asString()
                    .startsWith("sluice: data.dir " + data + " is in use by process "
                            + ProcessHandle.current().pid() + " on ")
                    .endsWith("; stop it, or set another data.dir");
            assertThat(held.path()).isDirectory();
        }
    }

    @Test
    void saysThatTheDatabaseDoesNotLetItIn() throws Exception {
        try (TestPostgres database = TestPostgres.empty()) {
            String url = database.url() + "_missing";
            assertThat(run(
                            1,
                            Map.of(
                                    "SLUICE_DATA_DIR",
                                    directory.resolve("data").toString(),
                                    "SLUICE_HTTP_PORT",
                                    "0",
                                    "SLUICE_CONNECTION_URL",
                                    url,
                                    "SLUICE_CONNECTION_USER",
                                    "postgres"),
                            "up"))
                    .singleElement()
                    .asString()
                    .contains("does not exist");
        }
    }

    @Test
    void leavesNothingRunningWhenToldToStopWhileItStarts() throws Exception {
        Path data = directory.resolve("data");
        Path cluster = data.resolve("postgres/cluster");
        Process process = start(settings(data), "up");
        try {
            await().atMost(Duration.ofSeconds(SECONDS))
                    .until(() -> !process.isAlive() || output().contains("Creating a database in"));
            assertThat(process.isAlive()).as(output()).isTrue();
        } finally {
            process.destroy();
        }
        assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).as("stops").isTrue();
        assertThat(output()).contains("sluice: Stopping").doesNotContain("Ctrl-C stops it.");
        // A signalled process may need a moment to end. None is started any more.
        await().untilAsserted(() -> assertThat(ProcessHandle.allProcesses()
                        .map(each -> each.info().commandLine().orElse(""))
                        .filter(line -> line.contains(cluster.toString())))
                .isEmpty());
        assertThat(cluster.resolve("postmaster.pid")).doesNotExist();
    }

    @Test
    void servesWithTheSmallestExampleAndStopsWhenTold() throws Exception {
        Path example = Path.of("..", "config-examples", "minimal.properties").toRealPath();
        Path data = directory.resolve("data");
        Process process = start(settings(data), "up", "--config", example.toString());
        try {
            await().atMost(Duration.ofSeconds(SECONDS))
                    .until(() -> !process.isAlive() || output().contains("Ctrl-C stops it."));
            assertThat(process.isAlive()).as(output()).isTrue();
            assertThat(output())
                    .contains("sluice: Unpacking PostgreSQL into")
                    .contains("sluice: Creating a database in")
                    .contains("/api/v1/push -d '{\"items\":")
                    .contains("PGPASSFILE=")
                    .doesNotContain("ERROR");
            encryptsWithAKeyOfItsOwn(output(), data);
        } finally {
            process.destroy();
        }
        assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS))
                .as("stops in time")
                .isTrue();
        assertThat(output()).contains("sluice: Stopping").contains("sluice: Stopped, 0 messages left in the local log");
        assertThat(data.resolve("postgres/cluster/postmaster.pid")).doesNotExist();
    }

    private static void encryptsWithAKeyOfItsOwn(String printed, Path data) throws Exception {
        Matcher address = Pattern.compile("http://127\\.0\\.0\\.1:\\d+").matcher(printed);
        assertThat(address.find()).isTrue();
        HttpClient client = HttpClient.newHttpClient();
        post(
                client,
                address.group() + "/api/v1/configure",
                "{\"queue\":\"secrets\",\"options\":{\"encryptionEnabled\":true}}");
        post(client, address.group() + "/api/v1/push", "{\"items\":[{\"queue\":\"secrets\",\"payload\":\"whisper\"}]}");
        var pop = HttpRequest.newBuilder(
                URI.create(address.group() + "/api/v1/pop/queue/secrets?wait=true&timeout=100000&autoAck=true"));
        HttpResponse<String> popped = client.send(pop.build(), BodyHandlers.ofString());
        assertThat(popped.body()).contains("\"whisper\"");
        assertThat(data.resolve(LocalKey.FILE)).exists();
    }

    private static void post(HttpClient client, String uri, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(uri))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body));
        HttpResponse<String> answer = client.send(request.build(), BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isBetween(200, 201);
    }
}
