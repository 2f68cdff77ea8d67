package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.IntakeFullException;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.buffer.DiskFullException;
import dev.sluice.queue.PartitionIds;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A push over HTTP. */
class PushRequestTest extends HttpServiceFixture {
    @Test
    void isAnsweredItemByItem() {
        var id = UUID.randomUUID();
        pushAnswer.complete(List.of(
                new PushResult.Queued(id, 7),
                new PushResult.Duplicate(MESSAGE, 7),
                new PushResult.Buffered(),
                new PushResult.Failed("too \"odd\"")));
        HttpResponse<String> response = post(
                "/api/v1/push",
                "{'items':[{'queue':'q','transactionId':'a','traceId':'" + LEASE
                        + "'},{'queue':'q','transactionId':'a'},{'queue':'r','transactionId':'b'},{'queue':'r','transactionId':'c'}]}");
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(response.body())
                .isEqualTo(
                        "[{'index':0,'transaction_id':'a','status':'queued','message_id':'$I','partition_id':'$P','trace_id':'$T','queueName':'q'},"
                                .concat(
                                        "{'index':1,'transaction_id':'a','status':'duplicate','message_id':'$M','queueName':'q'},")
                                .concat(
                                        "{'index':2,'transaction_id':'b','status':'buffered','queue':'r','partition':'Default','transactionId':'b','queueName':'r'},")
                                .concat(
                                        "{'index':3,'transaction_id':'c','status':'failed','error':'too \\\"odd\\\"','queueName':'r'}]")
                                .replace('\'', '"')
                                .replace("$I", id.toString())
                                .replace("$P", PartitionIds.toUuid(7).toString())
                                .replace("$T", LEASE.toString())
                                .replace("$M", MESSAGE.toString()));
        assertThat(durability).isEqualTo(Durability.STORED);
    }

    @Test
    void holdsNoThreadWhileItWaits() {
        var answers = new ArrayList<CompletableFuture<HttpResponse<String>>>();
        for (int i = 0; i < 100; i++) { // The service has 16 threads.
            answers.add(CompletableFuture.supplyAsync(
                    () -> post("/api/v1/push", "{'items':[{'queue':'q'}]}"), task -> new Thread(task).start()));
        }
        await().until(() -> pushed.size() == 100);
        assertThat(get("/live").statusCode()).isEqualTo(200);
        pushAnswer.complete(List.of(new PushResult.Buffered()));
        assertThat(answers)
                .allSatisfy(answer -> assertThat(answer.join().statusCode()).isEqualTo(201));
    }

    @Test
    void asksForTheLocalDiskOnlyWhenItSaysSo() {
        pushAnswer.complete(List.of(new PushResult.Buffered()));
        assertThat(post("/api/v1/push", "{'items':[{'queue':'q'}],'bufferMs':10}")
                        .statusCode())
                .isEqualTo(201);
        assertThat(durability).isEqualTo(Durability.BUFFERED);
    }

    @Test
    void ofNothingIsAnsweredWithNothing() {
        HttpResponse<String> response = post("/api/v1/push", "{'items':[]}");
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(response.body()).isEqualTo("[]");
    }

    @Test
    void isReadWhateverItsContentType() {
        pushAnswer.complete(List.of(new PushResult.Buffered()));
        assertThat(post("/api/v1/push", "{'items':[{'queue':'q'}]}", "Content-Type", "text/plain")
                        .statusCode())
                .isEqualTo(201);
    }

    @Test
    void isRefusedWithoutABody() {
        assertError(post("/api/v1/push", ""), 400, "Empty request body");
    }

    @Test
    void isRefusedWhenItIsNotWhatItMustBe() {
        assertError(post("/api/v1/push", "{}"), 400, "items array is required");
        assertError(post("/api/v1/push", "{'items':[{'queue':5}]}"), 400, "item 0: Queue must be a string");
        assertError(
                post("/api/v1/push", "{'items':"),
                400,
                "Invalid JSON: Unexpected end-of-input within/between Object entries at byte 9");
        assertThat(pushed).isEmpty();
    }

    @Test
    void mayHaveABodyAsLargeAsTheLimit() {
        pushAnswer.complete(List.of(new PushResult.Buffered()));
        String frame = "{'items':[{'queue':'q','payload':''}]}";
        String largest = frame.replace("''", "'" + "x".repeat(BODY_LIMIT - frame.length()) + "'");
        assertThat(post("/api/v1/push", largest).statusCode()).isEqualTo(201);
        assertThat(pushed.get(0).payload()).hasSize(BODY_LIMIT - frame.length() + 2);
        assertError(
                post("/api/v1/push", largest + " "),
                413,
                "Request body is larger than http.max.body.bytes (100000 bytes)");
    }

    @Test
    void isRefusedWithAClearAnswerWhenItIsFarTooLarge() {
        String body = "x".repeat(20 << 20);
        assertError(post("/api/v1/push", body), 413, "Request body is larger than http.max.body.bytes (100000 bytes)");
        BodyPublisher chunked = BodyPublishers.ofInputStream(() -> InputStream.nullInputStream());
        assertError(send("POST", "/api/v1/push", chunked), 400, "Empty request body");
        BodyPublisher largeChunked = BodyPublishers.fromPublisher(BodyPublishers.ofString(body));
        assertError(
                send("POST", "/api/v1/push", largeChunked),
                413,
                "Request body is larger than http.max.body.bytes (100000 bytes)");
        assertThat(get("/live").statusCode()).isEqualTo(200);
    }

    @Test
    void doesNotHoldUpOthersWhenItsBodyIsSlow() throws IOException {
        restart(Duration.ofSeconds(3), LONG);
        pushAnswer.complete(List.of(new PushResult.Buffered()));
        String ask = "POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n{";
        var slow = new ArrayList<Socket>();
        try {
            // The service has 16 threads; if each waited for its clients in turn, the last would wait 48 seconds.
            for (int i = 0; i < 260; i++) {
                slow.add(connect());
                send(slow.get(i), ask);
            }
            long start = System.nanoTime();
            for (int i = 0; i < 3; i++) {
                assertThat(get("/live").statusCode()).isEqualTo(200);
                assertThat(get("/health").statusCode()).isEqualTo(200);
                assertThat(post("/api/v1/push", "{'items':[{'queue':'q'}]}").statusCode())
                        .isEqualTo(201);
            }
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
            for (Socket socket : slow) {
                assertThat(new String(socket.getInputStream().readAllBytes(), UTF_8))
                        .as("after the idle timeout")
                        .startsWith("HTTP/1.1 408 ")
                        .contains("http.idle.timeout.ms");
            }
        } finally {
            for (Socket socket : slow) {
                socket.close();
            }
        }
    }

    @Test
    void isRefusedWhenItsBodyComesInDrops() throws Exception {
        Duration timeout = Duration.ofSeconds(1);
        restart(LONG, timeout);
        try (Socket socket = connect()) {
            long start = System.nanoTime();
            send(socket, "POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n{");
            while (socket.getInputStream().available() == 0) {
                assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(120));
                try {
                    send(socket, " ");
                } catch (IOException e) {
                    break; // It has been refused just now.
                }
                Thread.sleep(50);
            }
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThanOrEqualTo(timeout);
            byte[] answer = new byte[12];
            assertThat(socket.getInputStream().readNBytes(answer, 0, 12)).isEqualTo(12);
            assertThat(new String(answer, UTF_8)).isEqualTo("HTTP/1.1 408");
        }
    }

    @Test
    void isReadInChunks() {
        pushAnswer.complete(List.of(new PushResult.Buffered()));
        String body = "{\"items\":[{\"queue\":\"q\",\"payload\":\"" + "y".repeat(70_000) + "\"}]}";
        assertThat(send("POST", "/api/v1/push", BodyPublishers.fromPublisher(BodyPublishers.ofString(body)))
                        .statusCode())
                .isEqualTo(201);
        assertThat(pushed.get(0).payload()).hasSize(70_002);
    }

    @Test
    void isRefusedWhenItIsCompressedInAWayWeDoNotKnow() {
        assertError(
                post("/api/v1/push", "x", "Content-Encoding", "br"),
                415,
                "Content-Encoding is not supported: br (supported: gzip, zstd)");
    }

    @Test
    void saysWhenToTryAgainWhenTheLogIsFull() {
        pushAnswer.completeExceptionally(new IntakeFullException(90, 100));
        HttpResponse<String> response = post("/api/v1/push", "{'items':[{'queue':'q'}]}");
        assertError(response, 503, "the buffer is full: 90 of 100 bytes are in use (buffer.max.bytes)");
        assertThat(response.headers().firstValue("Retry-After")).hasValue("5");
    }

    @Test
    void isRefusedWhenTheDiskIsFullOrBroken() {
        pushAnswer.completeExceptionally(new DiskFullException("segment 5: no space", new IOException("x")));
        assertError(post("/api/v1/push", "{'items':[{'queue':'q'}]}"), 507, "The disk of the local log is full");
        pushAnswer = CompletableFuture.failedFuture(new IOException("secret path"));
        assertError(post("/api/v1/push", "{'items':[{'queue':'q'}]}"), 503, "The local log cannot be written");
    }

    @Test
    void doesNotTellWhatIsOurOwnMistake() {
        pushAnswer = CompletableFuture.failedFuture(new IllegalStateException("secret"));
        assertError(post("/api/v1/push", "{'items':[{'queue':'q'}]}"), 500, "Internal error");
    }
}
