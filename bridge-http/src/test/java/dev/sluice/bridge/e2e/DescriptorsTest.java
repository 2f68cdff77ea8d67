package dev.sluice.bridge.e2e;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.bridge.api.RawRequest;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that may open no more files still takes pushes. */
class DescriptorsTest {
    private static final int LEFT = 40;
    private static final int SILENT = 100;

    @TempDir
    private Path directory;

    private static int pushed(BridgeProcess bridge) {
        String body = "{\"items\":[{\"queue\":\"files\",\"payload\":1}]}";
        return RawRequest.send(bridge.port(), "POST", "/api/v1/push", body).status();
    }

    private static void limitFiles(long pid, long files) throws IOException, InterruptedException {
        int status = new ProcessBuilder("prlimit", "--pid", String.valueOf(pid), "--nofile=" + files)
                .inheritIO()
                .start()
                .waitFor();
        assertThat(status).isZero();
    }

    @Test
    void idleConnectionsAreClosedForPushes() throws Exception {
        assumeTrue(Files.exists(Path.of("/usr/bin/prlimit")), "prlimit is not installed");
        var silent = new ArrayList<Socket>();
        try (var postgres = TestPostgres.empty();
                var bridge = BridgeProcess.start(
                        directory.resolve("data"),
                        Map.of("SLUICE_CONNECTION_URL", postgres.url(), "SLUICE_CONNECTION_USER", "postgres"))) {
            assertThat(pushed(bridge)).isEqualTo(201);
            assertThat(bridge.client().send("GET", "/metrics/prometheus", null).statusCode())
                    .isEqualTo(200);
            long open;
            try (var files = Files.list(Path.of("/proc/" + bridge.pid() + "/fd"))) {
                open = files.count();
            }
            limitFiles(bridge.pid(), open + LEFT);
            try {
                for (int i = 0; i < SILENT; i++) {
                    silent.add(new Socket(InetAddress.getLoopbackAddress(), bridge.port()));
                    silent.get(i).getOutputStream().write("POST /api/v1/push HTTP/1.1\r\n".getBytes(US_ASCII));
                    if (i == LEFT) {
                        assertThat(pushed(bridge)).isEqualTo(201);
                    }
                }
                for (int i = 0; i < 5; i++) {
                    assertThat(pushed(bridge)).isEqualTo(201);
                }
                await().atMost(Duration.ofSeconds(60))
                        .untilAsserted(() -> assertThat(bridge.output())
                                .contains("No connection can be accepted, so idle ones are closed"));
            } finally {
                for (Socket each : silent) {
                    each.close();
                }
            }
        }
    }
}
