package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.pop.PopDispatcher;
import dev.sluice.queue.Message;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.io.IOException;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.net.http.HttpResponse;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A pop over HTTP. */
class PopRequestTest extends HttpServiceFixture {
    @Test
    void hasThePayloadAsItWasPushed() {
        popAnswer.complete(new PopResult(
                PopResult.Status.MESSAGES, LEASE, List.of(message("{ \"a\" : 1.50, \"ü\":\"\\u00fc😋\" }")), 1, null));
        HttpResponse<String> response = get("/api/v1/pop/queue/q");
        assertThat(response.statusCode()).isEqualTo(200);
        String partition = PartitionIds.toUuid(7).toString();
        assertThat(response.body())
                .isEqualTo(("{'success':true,'queue':'q','partition':'p','partitionId':'$P','leaseId':'$L',"
                                + "'consumerGroup':'__QUEUE_MODE__','partitionsClaimed':1,'messages':[{'id':'$M',"
                                + "'transactionId':'t','traceId':null,'data':$D,'producerSub':null,"
                                + "'createdAt':'2026-05-16T10:00:00.123456Z','partitionId':'$P','partition':'p',"
                                + "'queue':'q','leaseId':'$L','consumerGroup':'__QUEUE_MODE__'}]}")
                        .replace('\'', '"')
                        .replace("$P", partition)
                        .replace("$L", LEASE.toString())
                        .replace("$M", MESSAGE.toString())
                        .replace("$D", "{ \"a\" : 1.50, \"ü\":\"\\u00fc😋\" }"));
    }

    @Test
    void hasNoLeaseWithAutoAck() {
        popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, null, List.of(message("1")), 1, null));
        assertThat(get("/api/v1/pop/queue/q?autoAck=true&consumerGroup=g").body())
                .contains("\"leaseId\":\"\"")
                .contains("\"consumerGroup\":\"g\"")
                .doesNotContain("null,\"messages");
    }

    @Test
    void holdsNoThreadWhileItsClientDoesNotRead() throws IOException {
        var many = new ArrayList<Message>();
        for (int i = 0; i < 120; i++) {
            many.add(message("\"" + "x".repeat(100_000) + "\""));
        }
        popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, LEASE, many, 1, null));
        pushAnswer.complete(List.of());
        var readers = new ArrayList<Socket>();
        try {
            for (int i = 0; i < 24; i++) { // The server has 16 threads.
                Socket one = connect();
                readers.add(one);
                send(one, "GET /api/v1/pop/queue/q HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            }
            for (Socket each : readers) {
                assertThat(each.getInputStream().read())
                        .as("its answer has begun")
                        .isEqualTo('H');
            }
            assertThat(post("/api/v1/push", "{\"items\":[]}").statusCode()).isEqualTo(201);
            assertThat(readers.get(0).getInputStream().readAllBytes())
                    .as("who reads at last gets all of it")
                    .hasSizeGreaterThan(120 * 100_000);
            readers.remove(0).close();
        } finally {
            for (Socket each : readers) {
                each.close();
            }
        }
        await().untilAsserted(() -> assertThat(undelivered).hasSize(23));
    }

    @ParameterizedTest
    @ValueSource(strings = {"EMPTY", "QUEUE_NOT_FOUND", "PARTITION_NOT_FOUND", "LEASE_HELD"})
    void isA204WithoutABodyWhenThereIsNothing(PopResult.Status status) {
        popAnswer.complete(new PopResult(status, null, List.of(), 0, null));
        HttpResponse<String> response = get("/api/v1/pop/queue/q/partition/p");
        assertThat(response.statusCode()).isEqualTo(204);
        assertThat(response.body()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            nullValues = "-",
            value = {
                "orders orders -",
                "a%2Fb a/b -",
                "a%20b a_b -",
                "a+b a+b -",
                "%C3%BC ü -",
                "100%25 100% -",
                "a.b;c a.b;c -",
                "q/partition/p q p",
                "q/partition/a%2F..%2Fb q a/../b",
                "q/partition/%2e%2e q .."
            })
    void takesNamesWithAnyCharacters(String path, String queue, @Nullable String partition) {
        popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
        assertThat(get("/api/v1/pop/queue/" + path).statusCode()).isEqualTo(204);
        assertThat(pops)
                .singleElement()
                .asString()
                .startsWith(new PopTarget(queue.replace('_', ' '), partition, PopTarget.DEFAULT_GROUP).toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            nullValues = "-",
            value = {
                "namespace=shop shop -",
                "task=orders - orders",
                "namespace=shop&task=orders shop orders",
                "namespace=a%2Fb&task= a/b -",
                "namespace=a&namespace=b a -"
            })
    void acrossQueuesTakesANamespaceOrATask(String query, @Nullable String namespace, @Nullable String task) {
        popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
        assertThat(get("/api/v1/pop?batch=3&consumerGroup=g&" + query).statusCode())
                .isEqualTo(204);
        assertThat(pops)
                .containsExactly(text(
                                new PopTarget(new PopTarget.Across(namespace, task), "g"),
                                new PopRequest(3, 1, false, Subscription.ALL))
                        + " PT0S");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "?namespace=", "?namespace=&task=&consumerGroup=g"})
    void acrossQueuesNeedsOneOfThem(String query) {
        HttpResponse<String> response = get("/api/v1/pop" + query);
        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(response.body()).contains("namespace or task is required");
        assertThat(get("/api/v1/pop?namespace=" + "n".repeat(300)).statusCode()).isEqualTo(400);
        assertThat(get("/api/v1/pop?task=a%00").statusCode()).isEqualTo(400);
        assertThat(pops).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "|1|1|false|PT0S",
                "batch=10|10|1|false|PT0S",
                "batch=0|1|1|false|PT0S",
                "batch=-5|1|1|false|PT0S",
                "batch=12abc|12|1|false|PT0S",
                "batch=abc|1|1|false|PT0S",
                "batch=|1|1|false|PT0S",
                "batch=99999999999999999999|500|1|false|PT0S",
                "batch=2&batch=3|2|1|false|PT0S",
                "partitions=4|1|4|false|PT0S",
                "autoAck=1|1|1|true|PT0S",
                "autoAck=yes|1|1|false|PT0S",
                "wait=true|1|1|false|PT5S",
                "wait=true&timeout=250|1|1|false|PT0.25S",
                "wait=1&timeout=0|1|1|false|PT0S",
                "wait=false&timeout=250|1|1|false|PT0S"
            })
    void understandsItsQuery(@Nullable String query, int batch, int partitions, boolean autoAck, Duration wait) {
        popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
        assertThat(get("/api/v1/pop/queue/q?" + (query == null ? "" : query)).statusCode())
                .isEqualTo(204);
        assertThat(pops)
                .containsExactly(text(
                                new PopTarget("q", null, PopTarget.DEFAULT_GROUP),
                                new PopRequest(batch, partitions, autoAck, Subscription.ALL))
                        + " " + wait);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "subscriptionMode=new|NEW|",
                "subscriptionMode=new-only|NEW|",
                "subscriptionMode=all|ALL|",
                "subscriptionMode=odd|ALL|",
                "subscriptionFrom=now|NEW|",
                "subscriptionFrom=|ALL|",
                "subscriptionMode=new&subscriptionFrom=|NEW|",
                "subscriptionMode=new&subscriptionFrom=2026-01-02T03:04:05Z|ALL|2026-01-02T03:04:05Z",
                "subscriptionFrom=2026-01-02T03:04:05%2B01:00|ALL|2026-01-02T02:04:05Z"
            })
    void understandsWhereAGroupStarts(String query, Subscription.Mode mode, @Nullable Instant from) {
        popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
        assertThat(get("/api/v1/pop/queue/q?" + query).statusCode()).isEqualTo(204);
        assertThat(pops).singleElement().asString().contains(new Subscription(mode, from).toString());
    }

    @Test
    void isRefusedWhenTheNameCannotExist() {
        assertError(
                get("/api/v1/pop/queue/" + "q".repeat(300)), 400, "queue must have at most 255 characters, has 300");
        assertThat(get("/api/v1/pop/queue/a%00b").statusCode()).isEqualTo(400);
        assertThat(get("/api/v1/pop/queue/q?consumerGroup=a%00").statusCode()).isEqualTo(400);
    }

    @Test
    void mayWaitLongerThanAnIdleConnection() throws IOException {
        restart(Duration.ofMillis(500), LONG);
        CompletableFuture<HttpResponse<String>> response =
                CompletableFuture.supplyAsync(() -> get("/api/v1/pop/queue/q?wait=true"));
        popAnswer.completeOnTimeout(
                new PopResult(PopResult.Status.MESSAGES, LEASE, List.of(message("1")), 1, null),
                1500,
                java.util.concurrent.TimeUnit.MILLISECONDS);
        assertThat(response.join().statusCode()).isEqualTo(200);
    }

    @Test
    void isNoticedToHaveLostItsClient() throws IOException {
        try (Socket left = connect();
                Socket stays = connect()) {
            send(left, "GET /api/v1/pop/queue/q?wait=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
            await().until(() -> clients.size() == 1);
            send(stays, "GET /api/v1/pop/queue/q?wait=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
            await().until(() -> clients.size() == 2);
            assertThat(clients).noneMatch(PopDispatcher.Client::isGone);
            left.close();
            await().until(() -> clients.get(0).isGone());
            assertThat(clients.get(1).isGone()).isFalse();
            stays.setOption(StandardSocketOptions.SO_LINGER, 0); // Closing sends a reset, as of a killed process.
            stays.close();
            await().until(() -> clients.get(1).isGone());
        }
        popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, LEASE, List.of(message("1")), 1, null));
        await().untilAsserted(() -> assertThat(undelivered).containsExactly(popAnswer.join(), popAnswer.join()));
    }

    @Test
    void mayBeFollowedByRequestsThatDoNotWaitForItsAnswer() throws IOException {
        String ask = "GET /api/v1/pop/queue/%s?wait=true HTTP/1.1\r\nHost: localhost\r\n%s\r\n";
        try (Socket socket = connect()) {
            // The second request comes with the first, the others while their predecessors wait. The
            // service checks all clients meanwhile.
            send(socket, ask.formatted("q1", "") + ask.formatted("q2", ""));
            await().until(() -> pops.size() == 1);
            assertThat(clients.get(0).isGone()).isFalse();
            send(socket, ask.formatted("q3", "") + ask.formatted("q4", "Connection: close\r\n"));
            await().pollDelay(Duration.ofMillis(100))
                    .until(() -> !clients.get(0).isGone());
            assertThat(clients.get(0).isGone()).isFalse();
            popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, LEASE, List.of(message("1")), 1, null));
            String answers = new String(socket.getInputStream().readAllBytes(), UTF_8);
            assertThat(answers.split("HTTP/1.1 200 OK", -1)).hasSize(5);
        }
        assertThat(pops).hasSize(4);
        for (int i = 1; i <= 4; i++) {
            assertThat(pops.get(i - 1)).contains("q" + i);
        }
        assertThat(undelivered).isEmpty();
    }

    @Test
    void givesBackWhatCouldNotBeSent() throws Exception {
        String large = "\"" + "x".repeat(60 << 20) + "\"";
        try (Socket socket = connect()) {
            send(socket, "GET /api/v1/pop/queue/q HTTP/1.1\r\nHost: localhost\r\n\r\n");
            await().until(() -> clients.size() == 1);
            popAnswer.complete(new PopResult(PopResult.Status.MESSAGES, LEASE, List.of(message(large)), 1, null));
            assertThat(socket.getInputStream().read()).isEqualTo('H');
            socket.setOption(StandardSocketOptions.SO_LINGER, 0);
        }
        await().until(() -> undelivered.size() == 1);
    }

    @Test
    void isRefusedWhenItsAddressIsNotEncodedCorrectly() {
        popAnswer.complete(new PopResult(PopResult.Status.EMPTY, null, List.of(), 0, null));
        assertThat(rawBody("GET /api/v1/pop/queue/%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                .endsWith("{\"error\":\"The address is not percent-encoded correctly\"}");
    }

    @Test
    void saysThatTheDatabaseIsUnavailableWithAStatusThatDoesNotEndTheLoopOfAClient() {
        popAnswer.completeExceptionally(new QueueException("pop", new SQLException("gone", "08006")));
        HttpResponse<String> response = get("/api/v1/pop/queue/q");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
        assertThat(response.body()).isEqualTo("{\"success\":false,\"error\":\"database_unavailable\",\"messages\":[]}");
    }

    @Test
    void saysThatTheOutcomeIsUnknownAndNotThatThereIsNothing() {
        popAnswer.completeExceptionally(OutcomeUnknownException.because("no answer"));
        HttpResponse<String> response = get("/api/v1/pop/queue/q?autoAck=true");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
        assertThat(response.body()).isEqualTo("{\"success\":false,\"error\":\"outcome_unknown\",\"messages\":[]}");
    }

    @Test
    void isRefusedWhenALargeMessageFindsNoMemory() {
        popAnswer.complete(PopResult.nothing(PopResult.Status.NO_MEMORY, null));
        HttpResponse<String> response = get("/api/v1/pop/queue/q");
        assertError(response, 503, RequestMemory.tooMany().getMessage());
        assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
    }

    @Test
    void isRefusedWhenTooManyWait() {
        popAnswer.completeExceptionally(new OverloadedException("Too many"));
        HttpResponse<String> response = get("/api/v1/pop/queue/q");
        assertError(response, 503, "Too many");
        assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
    }
}
