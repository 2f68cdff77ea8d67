package dev.sluice.bridge.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.queue.TestPostgres;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An answer that is larger than the memory outside the heap arrives whole, and the connection goes on. */
class LargeAnswersTest {
    private static final List<String> LITTLE_MEMORY =
            List.of("-Xmx256m", "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=6m");
    private static final int ITEMS = 60_000;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @Test
    void arriveWhole(@TempDir Path directory) throws Exception {
        byte[] body = ("{\"items\":[{\"queue\":\"w\"}" + ",{\"queue\":\"w\"}".repeat(ITEMS - 1) + "]}").getBytes(UTF_8);
        try (TestPostgres postgres = TestPostgres.empty().withoutSyncs();
                BridgeProcess bridge = BridgeProcess.startWith(
                        LITTLE_MEMORY,
                        directory.resolve("data"),
                        Map.of("SLUICE_CONNECTION_URL", postgres.url(), "SLUICE_CONNECTION_USER", "postgres"))) {
            HttpClient client =
                    HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
            for (int i = 0; i < 2; i++) {
                var push = HttpRequest.newBuilder(
                                URI.create("http://127.0.0.1:" + bridge.port() + "/api/v1/push?round=" + i))
                        .timeout(LIMIT)
                        .POST(BodyPublishers.ofByteArray(body))
                        .build();
                HttpResponse<byte[]> answer = client.send(push, BodyHandlers.ofByteArray());
                assertThat(answer.statusCode()).isEqualTo(201);
                assertThat(answer.body()).hasSizeGreaterThan(6 << 20);
                JsonNode results = new ObjectMapper().readTree(answer.body());
                assertThat(results).hasSize(ITEMS);
            }
        }
    }
}
