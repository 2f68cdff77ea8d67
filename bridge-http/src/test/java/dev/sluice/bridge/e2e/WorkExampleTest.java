package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.bridge.work.PluginJars;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example of a plug-in, {@code config-examples/work-plugin}, and {@code work.properties}, which runs it. */
class WorkExampleTest {
    private static final Path EXAMPLES = Path.of("..", "config-examples");
    private static final Path PROJECT = EXAMPLES.resolve("work-plugin");
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    private Path directory;

    private Path classes;
    private Path testClasses;

    @BeforeEach
    void build() throws IOException {
        classes = Files.createDirectories(directory.resolve("classes"));
        testClasses = Files.createDirectories(directory.resolve("test-classes"));
        PluginJars.compile(files(PROJECT.resolve("src/main/java")), classes, PluginJars.classPath());
        PluginJars.compile(
                files(PROJECT.resolve("src/test/java")),
                testClasses,
                classes + java.io.File.pathSeparator + PluginJars.classPath());
        for (Path resource : files(PROJECT.resolve("src/main/resources"))) {
            Path copy = classes.resolve(PROJECT.resolve("src/main/resources").relativize(resource));
            Files.createDirectories(copy.getParent());
            Files.copy(resource, copy);
        }
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    /** Makes the folder that the project's build makes: the jar, and those of its libraries. */
    private void plugin(Path folder) throws Exception {
        Map<String, Path> entries = files(classes).stream()
                .collect(Collectors.toMap(file -> classes.relativize(file).toString(), file -> file));
        PluginJars.jar(folder.resolve("orders-plugin-1.0.0.jar"), entries);
        for (Class<?> library : List.of(
                ObjectMapper.class,
                JsonFactory.class,
                Class.forName("com.fasterxml.jackson.annotation.JsonProperty"))) {
            Path jar = Path.of(
                    library.getProtectionDomain().getCodeSource().getLocation().toURI());
            Files.copy(jar, folder.resolve(jar.getFileName()));
        }
    }

    @Test
    void theProjectHasOurVersions() throws IOException {
        String ours = Files.readString(Path.of("..", "pom.xml"));
        String theirs = Files.readString(PROJECT.resolve("pom.xml"));
        assertThat(theirs)
                .contains("<version>" + only(ours, "<artifactId>sluice-parent</artifactId>\\s*<version>([^<]+)<"))
                .contains("<version>" + only(ours, "<jackson.version>([^<]+)<"))
                .contains("<version>" + only(ours, "<junit.version>([^<]+)<"));
        Matcher plugin = Pattern.compile("<artifactId>(maven-[a-z]+-plugin)</artifactId>\\s*<version>([^<]+)<")
                .matcher(theirs);
        while (plugin.find()) {
            assertThat(plugin.group(2))
                    .as(plugin.group(1))
                    .isEqualTo(only(ours, "<artifactId>" + plugin.group(1) + "</artifactId>\\s*<version>([^<]+)<"));
        }
    }

    private static String only(String text, String pattern) {
        Matcher found = Pattern.compile(pattern).matcher(text);
        assertThat(found.find()).as(pattern).isTrue();
        return found.group(1);
    }

    @Test
    void theTestOfTheProjectPasses() throws Exception {
        URL[] places = {classes.toUri().toURL(), testClasses.toUri().toURL()};
        try (var loader = new URLClassLoader(places, WorkExampleTest.class.getClassLoader())) {
            Class<?> test = loader.loadClass("com.acme.orders.OrderHandlerTest");
            int methods = 0;
            for (Method method : test.getDeclaredMethods()) {
                if (method.isAnnotationPresent(Test.class)) {
                    methods++;
                    Constructor<?> constructor = test.getDeclaredConstructor();
                    constructor.setAccessible(true);
                    Object instance = constructor.newInstance();
                    Field folder = test.getDeclaredField("directory");
                    folder.setAccessible(true);
                    folder.set(instance, Files.createTempDirectory(directory, "invoices"));
                    for (Method before : test.getDeclaredMethods()) {
                        if (before.isAnnotationPresent(BeforeEach.class)) {
                            before.setAccessible(true);
                            before.invoke(instance);
                        }
                    }
                    method.setAccessible(true);
                    method.invoke(instance);
                }
            }
            assertThat(methods).isEqualTo(3);
        }
    }

    @Test
    void theServiceRunsThePluginFromTheFile() throws Exception {
        Path invoices = directory.resolve("invoices");
        plugin(directory.resolve("plugins/orders"));
        try (var postgres = TestPostgres.empty();
                var bridge = BridgeProcess.start(
                        directory.resolve("data"),
                        Map.of(
                                "SLUICE_CONNECTION_URL", postgres.url(),
                                "SLUICE_CONNECTION_USER", "postgres",
                                "SLUICE_WORK_PLUGINS_DIR",
                                        directory.resolve("plugins").toString(),
                                "SLUICE_WORK_HANDLERS_ORDERS_CONFIG_DIRECTORY", invoices.toString()),
                        "--config",
                        EXAMPLES.resolve("work.properties").toString())) {
            post(
                    bridge,
                    "/api/v1/push",
                    "{\"items\":[{\"queue\":\"work.orders\",\"payload\":{\"order\":\"A-17\",\"cents\":1205}},"
                            + "{\"queue\":\"work.orders\",\"payload\":{\"order\":\"A 18\",\"cents\":1}}]}");
            await().atMost(PATIENCE).until(() -> Files.exists(invoices.resolve("A-17.txt")));
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(new String(
                                    bridge.client()
                                            .send("GET", "/api/v1/dlq?queue=work.orders", null)
                                            .body(),
                                    StandardCharsets.UTF_8))
                            .contains("order must be 1 to 40 letters, digits and hyphens"));
            assertThat(Files.readString(invoices.resolve("A-17.txt")).strip()).isEqualTo("Order A-17: 12.05");
        }
    }

    /** A service without handlers runs the database; the handlers are in a process beside it. */
    @Test
    void aProcessThatOnlyWorksUsesTheDatabaseOfARunningService() throws Exception {
        Path data = directory.resolve("data");
        Path invoices = directory.resolve("invoices");
        plugin(directory.resolve("plugins/orders"));
        Map<String, String> settings = Map.of(
                "SLUICE_DATA_DIR", data.toString(),
                "SLUICE_WORK_PLUGINS_DIR", directory.resolve("plugins").toString(),
                "SLUICE_WORK_HANDLERS_ORDERS_CONFIG_DIRECTORY", invoices.toString());
        Path log = directory.resolve("work.log");
        Process alone = work(settings, log);
        assertThat(alone.waitFor()).isEqualTo(1);
        assertThat(Files.readString(log))
                .contains("sluice: there is no PostgreSQL to work on: connection.url is not set, and no service runs"
                        + " one in " + data + " (data.dir)");
        try (var bridge = BridgeProcess.start(data, Map.of())) {
            post(bridge, "/api/v1/configure", "{\"queue\":\"work.orders\",\"options\":{\"encryptionEnabled\":true}}");
            post(
                    bridge,
                    "/api/v1/push",
                    "{\"items\":[{\"queue\":\"work.orders\",\"payload\":" + "{\"order\":\"A-17\",\"cents\":1205}}]}");
            Process work = work(settings, log);
            await().atMost(PATIENCE).until(() -> Files.exists(invoices.resolve("A-17.txt")));
            work.destroy();
            assertThat(work.waitFor()).isEqualTo(143);
            assertThat(Files.readString(log))
                    .contains("Sluice handles works of jdbc:postgresql://127.0.0.1:")
                    .contains("sluice: Stopped, 0 works given back, which other processes run again")
                    .doesNotContain("ERROR");
            assertThat(bridge.isAlive()).isTrue();
        }
    }

    private static void post(BridgeProcess bridge, String path, String body) throws Exception {
        int status = bridge.client()
                .send("POST", path, body.getBytes(StandardCharsets.UTF_8))
                .statusCode();
        assertThat(status).as(path).isBetween(200, 201);
    }

    private static Process work(Map<String, String> settings, Path log) throws IOException {
        var command = new java.util.ArrayList<>(BridgeProcess.program());
        command.addAll(
                List.of("work", "--config", EXAMPLES.resolve("work.properties").toString()));
        var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment().putAll(new HashMap<>(settings));
        return builder.start();
    }
}
