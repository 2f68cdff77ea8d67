package dev.sluice.bridge;

import dev.sluice.bridge.config.BridgeConfig;
import dev.sluice.bridge.config.ConfigSources;
import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.system.FileTree;
import dev.sluice.bridge.system.StartException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A short life of the service, for the JVM to watch. After a build, the script {@code sluice} runs this program with
 * options by which the JVM writes an archive of the classes that it has loaded. With the archive, later starts need not
 * read and check these classes again.
 *
 * <p>The program starts a service with its own PostgreSQL in a new directory, pushes, pops, acknowledges, asks what
 * monitoring asks, stops the service, looks at its local log, and deletes the directory. It listens on a free port of
 * 127.0.0.1 and reads no setting of the user.
 */
final class TrainingRun {
    private static final int ROUNDS = 50;
    private static final int OK = 200;
    private static final int FAILED = 1;

    private static final List<String> LOOKS =
            List.of("/ready", "/health", "/metrics", "/api/v1/status", "/api/v1/resources/queues");

    private final String url;

    private TrainingRun(String url) {
        this.url = url;
    }

    /**
     * Runs once. Exits with 1 if the service does not start or answers with an error.
     *
     * @param arguments a directory, in which the program makes a directory of its own, and a directory that gets the
     *     programs of PostgreSQL, for later starts to copy
     */
    public static void main(String[] arguments) {
        try {
            run(Path.of(arguments[0]), Path.of(arguments[1]), System.out);
        } catch (ConfigException | StartException | IOException e) {
            System.err.println("sluice: the training run failed: " + e);
            System.exit(FAILED);
        }
    }

    static void run(Path parent, Path programs, PrintStream out) throws ConfigException, StartException, IOException {
        Path directory = Files.createTempDirectory(Files.createDirectories(parent), "training-");
        try {
            Map<String, String> settings = Map.of(
                    "SLUICE_DATA_DIR", directory.resolve("data").toString(),
                    "SLUICE_HTTP_HOST", "127.0.0.1",
                    "SLUICE_HTTP_PORT", "0",
                    "SLUICE_SHUTDOWN_GRACE_MS", "0");
            BridgeConfig config = BridgeConfig.parse(ConfigSources.find(null, settings));
            try (Bridge bridge = Bridge.start(config, out::println, () -> false)) {
                out.println(config.describe() + bridge.introduction());
                new TrainingRun("http://127.0.0.1:" + bridge.port()).use();
            }
            Main.run(List.of("buffer", "inspect"), settings, out, out);
            keepPrograms(directory.resolve("data").resolve("postgres"), programs);
        } finally {
            FileTree.delete(directory);
        }
    }

    /** Moves the unpacked programs, which {@code PostgresBinaries} finds there by the checksum of their archive. */
    private static void keepPrograms(Path postgres, Path programs) throws IOException {
        Files.createDirectories(programs);
        try (DirectoryStream<Path> unpacked = Files.newDirectoryStream(postgres, "server-*")) {
            for (Path directory : unpacked) {
                Path kept = programs.resolve(directory.getFileName());
                FileTree.delete(kept);
                Files.move(directory, kept);
            }
        }
    }

    private void use() throws IOException {
        String items = "{\"items\":[{\"queue\":\"training\",\"partition\":\"a\",\"payload\":{\"n\":1,\"text\":\"é\"}},"
                + "{\"queue\":\"training\",\"partition\":\"b\",\"payload\":[true,null,1.5]}]}";
        for (int round = 0; round < ROUNDS; round++) {
            post("/api/v1/push", items);
            acknowledge(call("/api/v1/pop/queue/training?batch=2&partitions=2&wait=true", null));
            post("/api/v1/push", items);
            call("/api/v1/pop/queue/training?batch=2&autoAck=true", null);
        }
        for (String look : LOOKS) {
            call(look, null);
        }
    }

    /** Acknowledges the first message of an answer to a pop. */
    private void acknowledge(String popped) throws IOException {
        post(
                "/api/v1/ack/batch",
                "{\"acknowledgments\":[{\"transactionId\":\"%s\",\"partitionId\":\"%s\",\"leaseId\":\"%s\"}]}"
                        .formatted(
                                field("transactionId", popped),
                                field("partitionId", popped),
                                field("leaseId", popped)));
    }

    private static String field(String name, String json) throws IOException {
        Matcher found = Pattern.compile("\"" + name + "\":\"([^\"]+)\"").matcher(json);
        if (!found.find()) {
            throw new IOException("a pop is answered with " + json);
        }
        return found.group(1);
    }

    private void post(String path, String body) throws IOException {
        call(path, body.getBytes(StandardCharsets.UTF_8));
    }

    /** Sends a request, a POST if it has a body, and returns the body of the answer. */
    private String call(String path, byte @Nullable [] body) throws IOException {
        var connection = (HttpURLConnection) URI.create(url + path).toURL().openConnection();
        if (body != null) {
            connection.setRequestMethod("POST");
            connection.setRequestProperty("Content-Type", "application/json");
            connection.setDoOutput(true);
            try (OutputStream out = connection.getOutputStream()) {
                out.write(body);
            }
        }
        if (connection.getResponseCode() / 100 != OK / 100) {
            throw new IOException(path + " is answered with " + connection.getResponseCode());
        }
        try (InputStream in = connection.getInputStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
