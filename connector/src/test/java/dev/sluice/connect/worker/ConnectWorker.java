package dev.sluice.connect.worker;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.connect.worker.KafkaJvm.Tuning;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A distributed Connect worker with the packaged plug-in, and its REST interface. */
public final class ConnectWorker implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration START_TIMEOUT = Duration.ofMinutes(2);
    private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(100);
    /** The worker rejects a request during a rebalance; the client may send it again. */
    private static final int CONFLICT = 409;

    private static final int NOT_FOUND = 404;

    private final KafkaJvm jvm;
    private final URI uri;
    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();

    private ConnectWorker(KafkaJvm jvm, URI uri) {
        this.jvm = jvm;
        this.uri = uri;
    }

    /** The status of an answer, and its body if the body is JSON. */
    public record Answer(int status, JsonNode body) {}

    /**
     * Starts a worker and waits until it accepts requests. Workers of one broker with the same group share their
     * connectors.
     */
    public static ConnectWorker start(String name, KafkaBroker broker, String group)
            throws IOException, InterruptedException {
        return start(name, broker, group, Tuning.TESTS);
    }

    /** Starts a worker with a JVM for another purpose. */
    static ConnectWorker start(String name, KafkaBroker broker, String group, Tuning tuning)
            throws IOException, InterruptedException {
        return start(name, "current", tuning, broker, group, Map.of("plugin.discovery", "service_load"));
    }

    /**
     * Starts a worker of another release.
     *
     * @param settings further settings of the worker
     */
    static ConnectWorker start(
            String name, String release, KafkaBroker broker, String group, Map<String, String> settings)
            throws IOException, InterruptedException {
        return start(name, release, Tuning.TESTS, broker, group, settings);
    }

    private static ConnectWorker start(
            String name, String release, Tuning tuning, KafkaBroker broker, String group, Map<String, String> settings)
            throws IOException, InterruptedException {
        int port = Ports.free();
        Path directory = Files.createDirectories(KafkaJvm.logs().resolve(name));
        Path plugins = Files.createDirectories(plugins(name));
        PluginFolder.install(plugins);
        var properties = new TreeMap<>(Map.ofEntries(
                Map.entry("bootstrap.servers", broker.bootstrapServers()),
                Map.entry("group.id", group),
                Map.entry("config.storage.topic", group + "-configs"),
                Map.entry("config.storage.replication.factor", "1"),
                Map.entry("offset.storage.topic", group + "-offsets"),
                Map.entry("offset.storage.replication.factor", "1"),
                Map.entry("offset.storage.partitions", "1"),
                Map.entry("status.storage.topic", group + "-status"),
                Map.entry("status.storage.replication.factor", "1"),
                Map.entry("status.storage.partitions", "1"),
                Map.entry("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
                Map.entry("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
                Map.entry("value.converter.schemas.enable", "false"),
                Map.entry("header.converter", "org.apache.kafka.connect.storage.StringConverter"),
                Map.entry("offset.flush.interval.ms", "1000"),
                Map.entry("exactly.once.source.support", "enabled"),
                Map.entry("connector.client.config.override.policy", "All"),
                // The tasks of a killed worker move at once.
                Map.entry("scheduled.rebalance.max.delay.ms", "0"),
                Map.entry("session.timeout.ms", "5000"),
                Map.entry("heartbeat.interval.ms", "1000"),
                Map.entry("listeners", "http://127.0.0.1:" + port),
                Map.entry("rest.advertised.host.name", "127.0.0.1"),
                Map.entry("plugin.path", plugins.toString())));
        properties.putAll(settings);
        var text = new StringBuilder();
        properties.forEach(
                (key, value) -> text.append(key).append('=').append(value).append('\n'));
        Path configuration = Files.writeString(directory.resolve("worker.properties"), text);
        KafkaJvm jvm = KafkaJvm.start(
                name, release, tuning, "org.apache.kafka.connect.cli.ConnectDistributed", configuration.toString());
        var worker = new ConnectWorker(jvm, URI.create("http://127.0.0.1:" + port));
        worker.awaitReady();
        return worker;
    }

    /** Returns the {@code plugin.path} of a worker. A test may add plug-ins before it starts the worker. */
    static Path plugins(String name) throws IOException {
        return KafkaJvm.logs().resolve(name).resolve("plugins");
    }

    private void awaitReady() throws InterruptedException {
        long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
        while (true) {
            try {
                // Only a member of the group answers this.
                if (send("GET", "/connectors/none", null).status() == NOT_FOUND) {
                    return;
                }
            } catch (IOException notYet) {
                // The worker does not listen yet.
            }
            if (!jvm.isAlive() || System.nanoTime() - deadline > 0) {
                throw new IllegalStateException(jvm.failure("did not get ready"));
            }
            Thread.sleep(100);
        }
    }

    private Answer send(String method, String path, @Nullable String body) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(uri.resolve(path))
                .timeout(REQUEST_TIMEOUT)
                .header("Content-Type", "application/json")
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
                .build();
        HttpResponse<String> response = http.send(request, BodyHandlers.ofString());
        return new Answer(response.statusCode(), JSON.readTree(response.body()));
    }

    /** Sends a request, and repeats it during a rebalance of the workers. */
    public Answer request(String method, String path, @Nullable String body) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + REQUEST_TIMEOUT.toNanos();
        while (true) {
            Answer answer = send(method, path, body);
            if (answer.status() != CONFLICT || System.nanoTime() - deadline > 0) {
                return answer;
            }
            Thread.sleep(100);
        }
    }

    /** Sends a request that must succeed, and returns its body. */
    public JsonNode ask(String method, String path, @Nullable String body) throws IOException, InterruptedException {
        Answer answer = request(method, path, body);
        if (answer.status() / 100 != 2) {
            throw new IllegalStateException(method + " " + path + " answered " + answer);
        }
        return answer.body();
    }

    /** Creates a connector, or changes its configuration. */
    public void configure(String connector, Map<String, String> configuration)
            throws IOException, InterruptedException {
        ask("PUT", "/connectors/" + connector + "/config", JSON.writeValueAsString(configuration));
    }

    /** Has the worker validate a configuration. Returns one message for each property with an error. */
    public Map<String, String> validate(String connectorClass, Map<String, String> configuration)
            throws IOException, InterruptedException {
        JsonNode answer = ask(
                "PUT",
                "/connector-plugins/" + connectorClass + "/config/validate",
                JSON.writeValueAsString(configuration));
        var messages = new TreeMap<String, String>();
        for (JsonNode each : answer.get("configs")) {
            JsonNode value = each.get("value");
            if (!value.get("errors").isEmpty()) {
                messages.put(value.get("name").asText(), value.get("errors").toString());
            }
        }
        return messages;
    }

    /** Returns the state of the connector and of each of its tasks. */
    public List<String> states(String connector) throws IOException, InterruptedException {
        JsonNode status =
                request("GET", "/connectors/" + connector + "/status", null).body();
        var states = new ArrayList<>(status.path("tasks").findValuesAsText("state"));
        states.add(status.path("connector").path("state").asText());
        return states;
    }

    /** Returns the number of running tasks of the connector. */
    public long runningTasks(String connector) throws IOException, InterruptedException {
        Answer status = request("GET", "/connectors/" + connector + "/status", null);
        long running = 0;
        for (JsonNode task : status.body().path("tasks")) {
            running += task.get("state").asText().equals("RUNNING") ? 1 : 0;
        }
        return running;
    }

    /** Returns the number of workers that run tasks of the connector. */
    public long workersOf(String connector) throws IOException, InterruptedException {
        Answer status = request("GET", "/connectors/" + connector + "/status", null);
        return status.body().path("tasks").findValuesAsText("worker_id").stream()
                .distinct()
                .count();
    }

    /** Returns an attribute of the MBean of a sink task. */
    @Nullable
    Object sinkAttribute(String connector, String name) throws Exception {
        return jvm.attribute("dev.sluice:type=sink-task-metrics,connector=" + connector + ",*", name);
    }

    /** Returns a number that a task publishes as a metric of the worker; null if it does not. */
    public @Nullable Object metric(String connector, String setting, String name) throws Exception {
        return jvm.attribute("kafka.connect:type=plugins,connector=" + connector + ",setting=" + setting + ",*", name);
    }

    /** Removes a connector. */
    public void delete(String connector) throws IOException, InterruptedException {
        ask("DELETE", "/connectors/" + connector, null);
    }

    /** Ends the worker as {@code kill -9} does. */
    public void kill() throws InterruptedException {
        jvm.kill();
    }

    @Override
    public void close() throws InterruptedException {
        jvm.kill();
    }
}
