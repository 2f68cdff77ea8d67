package dev.sluice.bridge.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The requests of the driver, and what it makes of answers. */
class TrafficTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static Answer answer(int status, String body) throws IOException {
        var answer = new Answer();
        answer.clear();
        String text = "HTTP/1.1 " + status + " X\r\nContent-Length: " + body.length() + "\r\n\r\n" + body;
        assertThat(answer.read(Channels.newChannel(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)))))
                .isTrue();
        return answer;
    }

    /** Returns the body of a request, after a look at its head. */
    private static String body(ByteBuffer request, String start) {
        String text = StandardCharsets.UTF_8.decode(request.duplicate()).toString();
        assertThat(text).startsWith(start + " HTTP/1.1\r\nHost: here:1\r\n");
        int end = text.indexOf("\r\n\r\n");
        String body = text.substring(end + 4);
        if (!body.isEmpty()) {
            assertThat(text.substring(0, end)).contains("Content-Length: " + body.length());
        }
        return body;
    }

    private static String popped(int... numbers) {
        var messages = new StringBuilder();
        for (int number : numbers) {
            long seq = 1_000_000_000_000L + number;
            messages.append(messages.isEmpty() ? "" : ",")
                    .append("{\"id\":\"i\",\"transactionId\":\"t-" + number + "\",\"data\":{\"seq\":" + seq)
                    .append("},\"partitionId\":\"p-" + number + "\",\"leaseId\":\"l-" + number + "\"}");
        }
        return "{\"success\":true,\"partitionId\":\"P\",\"leaseId\":\"L\",\"messages\":[" + messages + "]}";
    }

    @Test
    void pushesAreJsonWithNewIdsAndOnePartitionEach() throws IOException {
        var push = new PushTraffic(new PushTraffic.Shape("here:1", "q", "r", 2, 3, 200), 2, 100);
        Set<String> ids = new HashSet<>();
        for (int i = 0; i < 6; i++) {
            JsonNode items = JSON.readTree(body(push.next(i % 2, 10L * i), "POST /api/v1/push"))
                    .path("items");
            assertThat(items).hasSize(3);
            for (JsonNode item : items) {
                assertThat(item.path("queue").asText()).isEqualTo("q");
                assertThat(item.path("partition").asText()).isEqualTo("p00000" + i % 2);
                assertThat(ids.add(item.path("transactionId").asText())).isTrue();
                assertThat(item.path("payload").toString()).hasSize(200);
                assertThat(item.path("transactionId").asText())
                        .isEqualTo("r-" + item.path("payload").path("seq").asLong());
            }
            assertThat(push.dueNanos(3L * i)).isEqualTo(10L * i);
        }
    }

    @Test
    void onlyMessagesThatAreQueuedCountAsPushed() throws IOException {
        var push = new PushTraffic(new PushTraffic.Shape("here:1", "q", "r", 1, 2, 200), 1, 0);
        push.answered(0, answer(201, "[{\"status\":\"queued\"},{\"status\":\"queued\"}]"), 0);
        assertThat(push.firstFailure()).isNull();
        push.answered(0, answer(201, "[{\"status\":\"queued\"},{\"status\":\"buffered\"}]"), 0);
        push.answered(0, answer(503, "[{\"status\":\"queued\"}]"), 0);
        assertThat(push.messages()).isEqualTo(3);
        assertThat(push.failed()).isEqualTo(3);
        assertThat(push.firstFailure()).contains("buffered");
        push.reset();
        assertThat(push.messages() + push.failed()).isZero();
    }

    @Test
    void anAcknowledgementNamesEveryMessageOfThePop() throws IOException {
        var pop = new PopTraffic("here:1", "q", new PopTraffic.Way("batch=2", true, 3, null), 1);
        assertThat(body(pop.next(0, 0), "GET /api/v1/pop/queue/q?batch=2")).isEmpty();
        ByteBuffer ack = pop.answered(0, answer(200, popped(1, 2)), 0);
        assertThat(ack).isNotNull();
        assertThat(JSON.readTree(body(ack, "POST /api/v1/ack/batch")))
                .isEqualTo(JSON.readTree("{\"acknowledgments\":["
                        + "{\"transactionId\":\"t-1\",\"partitionId\":\"p-1\","
                        + "\"leaseId\":\"l-1\",\"status\":\"completed\"},"
                        + "{\"transactionId\":\"t-2\",\"partitionId\":\"p-2\","
                        + "\"leaseId\":\"l-2\",\"status\":\"completed\"}]}"));
        assertThat(pop.messages()).isZero();
        assertThat(pop.answered(0, answer(200, "[{\"success\":true},{\"success\":false}]"), 0))
                .isNull();
        assertThat(pop.messages()).isEqualTo(1);
        assertThat(pop.failed()).isEqualTo(1);
        assertThat(pop.isDone()).isFalse();
        assertThat(pop.answered(0, answer(200, popped(3)), 0)).isNotNull();
        assertThat(pop.isDone()).isTrue();
    }

    @Test
    void theGroupThatPopsAcknowledges() throws IOException {
        var way = new PopTraffic.Way("batch=2&consumerGroup=g7&subscriptionMode=all", true, 9, null);
        ByteBuffer ack = new PopTraffic("here:1", "q", way, 1).answered(0, answer(200, popped(1)), 0);
        assertThat(body(ack, "POST /api/v1/ack/batch")).contains("{\"consumerGroup\":\"g7\",\"acknowledgments\":[{");
        var none = new PopTraffic.Way("batch=2", true, 9, null);
        ByteBuffer plain = new PopTraffic("here:1", "q", none, 1).answered(0, answer(200, popped(1)), 0);
        assertThat(body(plain, "POST /api/v1/ack/batch"))
                .contains("{\"acknowledgments\":[{")
                .doesNotContain("consumerGroup");
    }

    @Test
    void anEmptyPopIsNoFailureAndARefusedOneIs() throws IOException {
        var pop = new PopTraffic("here:1", "q", new PopTraffic.Way("batch=2", false, 9, null), 1);
        assertThat(pop.answered(0, answer(204, ""), 0)).isNull();
        assertThat(pop.wasEmpty()).isTrue();
        assertThat(pop.failed()).isZero();
        assertThat(pop.answered(0, answer(200, popped(1, 2)), 0)).isNull();
        assertThat(pop.wasEmpty()).isFalse();
        assertThat(pop.messages()).isEqualTo(2);
        pop.answered(0, answer(404, "{\"error\":\"no\"}"), 0);
        assertThat(pop.failed()).isEqualTo(1);
        assertThat(pop.firstFailure()).isEqualTo("404 {\"error\":\"no\"}");
    }

    @Test
    void aDeliveryTakesFromWhenThePushWasDue() throws IOException {
        var push = new PushTraffic(new PushTraffic.Shape("here:1", "q", "r", 1, 2, 200), 1, 8);
        push.next(0, 1_000_000);
        var pop = new PopTraffic("here:1", "q", new PopTraffic.Way("batch=2", true, 9, push), 1);
        pop.answered(0, answer(200, popped(0, 1)), 6_000_000);
        assertThat(pop.delivery().count()).isEqualTo(2);
        assertThat(pop.delivery().percentile(50)).isBetween(4.9, 5.1);
    }

    @Test
    void aPoppedMessageWithoutALeaseIsNoticed() throws IOException {
        var pop = new PopTraffic("here:1", "q", new PopTraffic.Way("batch=2", true, 9, null), 1);
        Answer withoutLease = answer(200, popped(1).replace("leaseId", "other"));
        assertThatThrownBy(() -> pop.answered(0, withoutLease, 0))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("no leaseId");
    }

    @Test
    void findsTextsAsAStringDoes() {
        var random = new Random(7);
        for (int round = 0; round < 2000; round++) {
            String text = letters(random, random.nextInt(40));
            String wanted = letters(random, 1 + random.nextInt(4));
            var pattern = new BytePattern(wanted);
            byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
            int from = random.nextInt(text.length() + 1);
            assertThat(pattern.find(bytes, from, bytes.length)).isEqualTo(text.indexOf(wanted, from));
            int count = 0;
            for (int at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length())) {
                count++;
            }
            assertThat(pattern.count(bytes, 0, bytes.length)).isEqualTo(count);
        }
    }

    private static String letters(Random random, int length) {
        return random.ints(length, 'a', 'd')
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }
}
