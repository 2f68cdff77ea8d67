package dev.sluice.bridge.upgrade;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.connect.sink.FakeWorker;
import dev.sluice.connect.sink.QueueSinkTask;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.TestPostgres;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.sink.SinkRecord;

/** A life of a database with every kind of content. {@link #inTheDatabase} comes before {@link #inTheLog}. */
final class FixtureLife {
    private static final ObjectMapper JSON = new ObjectMapper();
    static final String ODD_QUEUE = "Ünï \"q\" \\ 🎈\u2028%2F";
    static final String ODD_PARTITION = " p\täß/";
    private static final String FAR = "2099-01-0";

    /** JSON texts that must come back byte for byte. */
    static final List<String> ODD_PAYLOADS = List.of(
            "null",
            "\"\"",
            "[ ]",
            "{ \"a\" : 1e400 , \"a\":-0.0}",
            "12345678901234567890123456789.10",
            "\"\\u0041\\ud83c\\udf88🎈\\\\\\\"\\/\"",
            "{\"\":{\"ä\u2028\":[null,true,\"\\t\"]}}",
            "\"tab\\\\t and \\\\N and \\\\. of a COPY\"");

    private final FixtureBridge bridge;
    private final TestPostgres postgres;

    FixtureLife(FixtureBridge bridge, TestPostgres postgres) {
        this.bridge = bridge;
        this.postgres = postgres;
    }

    void inTheDatabase() {
        configure("failing", "{'retryLimit':0}");
        configure("retried", "{'retryLimit':5,'leaseTime':600000000}");
        configure("leased", "{'leaseTime':600000000,'redeliveryLimit':0}");
        configure("secret", "{'encryptionEnabled':true,'retryLimit':0}");
        configure("shop.orders.eu", "{'priority':12,'dedupWindowMs':1000,'maxSize':100000,'ttl':2000000000}");
        manyOrders();
        oddMessages("db");
        groups();
        deadLetters();
        scheduled("db");
        streams();
        traces();
        deletions();
        fromATopic();
        bridge.awaitDrained();
        await().until(() -> postgres.query("select count(*) > 0 from sluice.minute_counters")
                .contains("t"));
    }

    /** Pushes what stays in the log: the drain must be on hold. */
    void inTheLog(String partition) {
        for (int push = 0; push < 6; push++) {
            var items = new ArrayList<ObjectNode>();
            for (int i = 0; i < 25; i++) {
                int number = push * 25 + i;
                ObjectNode item = item("orders", partition, "{\"order\":" + number + ",\"from\":\"log\"}");
                if (number % 3 != 0) {
                    item.put("transactionId", "l-" + number);
                }
                if (number % 4 == 0) {
                    item.put("traceId", new UUID(7, number).toString());
                }
                if (number % 7 == 0) {
                    item.putObject("headers").put("x-" + number, "ä \" \\ 🎈");
                }
                items.add(item);
            }
            push(push % 2 == 0 ? "alice" : "bob ö \"the builder\"", items);
        }
        oddMessages(partition);
        scheduled(partition);
        push("alice", List.of(item("big", partition, "\"" + "0123456789abcdef".repeat(1 << 16) + "\"")));
        push("alice", List.of(item("secret", partition, "{\"card\":\"4111\"}").put("transactionId", "s-log")));
        push("alice", List.of(item("shop.orders.eu", partition, "1"), item("shop.orders.eu", partition, "2")));
    }

    private void manyOrders() {
        for (int push = 0; push < 4; push++) {
            var items = new ArrayList<ObjectNode>();
            for (int i = 0; i < 40; i++) {
                int number = push * 40 + i;
                ObjectNode item = item("orders", "p" + number % 4, "{\"order\":" + number + ", \"total\": 12.50}");
                if (number % 5 != 0) {
                    item.put("transactionId", "o-" + number);
                }
                if (number % 3 == 0) {
                    item.put("traceId", new UUID(6, number).toString());
                }
                if (number % 7 == 0) {
                    item.putObject("headers").put("x-" + number, "ä \" \\ 🎈");
                }
                items.add(item);
            }
            push(push % 2 == 0 ? "alice" : "bob ö \"the builder\"", items);
        }
        for (int i = 0; i < 6; i++) {
            push(
                    "alice",
                    List.of(
                            withHeader(
                                    item("secret", "p", "{\"card\":" + i + "}").put("transactionId", "s-" + i)),
                            withHeader(
                                    item("failing", "p", "{\"n\": " + i + "}").put("transactionId", "f-" + i)),
                            item("retried", "p", "{\"n\": " + i + "}").put("transactionId", "r-" + i),
                            item("leased", "p", "{\"n\": " + i + "}").put("transactionId", "h-" + i),
                            item("shop.orders.eu", "p", "{\"n\": " + i + "}")));
        }
        push("alice", List.of(item("big", "db", "\"" + "fedcba9876543210".repeat(1 << 16) + "\"")));
    }

    private void oddMessages(String prefix) {
        var items = new ArrayList<ObjectNode>();
        for (String payload : ODD_PAYLOADS) {
            items.add(item(ODD_QUEUE, ODD_PARTITION + prefix, payload)
                    .put("transactionId", prefix + "/ä?#%\n\"'" + items.size() + "\\."));
        }
        push("subject 🎈 \\ \t", items);
    }

    private void groups() {
        acknowledge("orders", "billing", bridge.pop("orders", "consumerGroup=billing&batch=10"), "completed");
        bridge.pop("orders", "batch=15&autoAck=true");
        bridge.pop("orders", "consumerGroup=late&subscriptionFrom=2030-01-01T00:00:00Z");
        bridge.pop("orders", "consumerGroup=newest&subscriptionMode=new");
        JsonNode held = bridge.pop("leased", "consumerGroup=holder&batch=5");
        acknowledge("leased", "holder", only(held, 1), "completed");
        acknowledge("leased", "holder", only(held, 3), "completed");
        JsonNode retried = bridge.pop("retried", "consumerGroup=trier&batch=4");
        acknowledge("retried", "trier", only(retried, 0), "completed");
        acknowledge("retried", "trier", only(retried, 1), "failed");
        JsonNode again = bridge.pop("retried", "consumerGroup=trier&batch=2");
        acknowledge("retried", "trier", only(again, 0), "failed");
        bridge.pop("retried", "consumerGroup=trier&batch=1");
        bridge.pop("missing", "consumerGroup=waits&subscriptionMode=new");
        bridge.send("fixture", "GET", "/api/v1/pop?namespace=shop&task=orders&consumerGroup=across&batch=2", "");
        bridge.send("fixture", "GET", "/api/v1/pop?namespace=none&consumerGroup=waits&subscriptionMode=new", "");
    }

    private void deadLetters() {
        for (String queue : List.of("failing", "secret")) {
            JsonNode popped = bridge.pop(queue, "consumerGroup=careless&batch=2");
            acknowledge(queue, "careless", popped, "failed");
        }
        acknowledge("failing", "__QUEUE_MODE__", bridge.pop("failing", "batch=1"), "dlq");
    }

    private void scheduled(String name) {
        String partition = "later-" + name;
        push(
                "alice",
                List.of(
                        withHeader(item("later", partition, "{\"due\":2}").put("deliverAt", FAR + "2T00:00:00Z")),
                        item("later", partition, "{\"due\":1}")
                                .put("deliverAt", FAR + "1T00:00:00Z")
                                .put("traceId", new UUID(8, 1).toString())
                                .put("transactionId", "d-" + name),
                        item("later", partition + "-delayed", "{\"due\":0}").put("delayMs", 900_000_000_000L),
                        item("secret", partition, "{\"due\":3}").put("deliverAt", FAR + "3T00:00:00Z")));
    }

    private void streams() {
        String query = bridge.post(
                        "/streams/v1/queries",
                        "{'name':'totals','source_queue':'orders','sink_queue':'totals','config_hash':'h1'}")
                .get("query_id")
                .asText();
        for (String queue : List.of("orders", "secret")) {
            JsonNode popped = bridge.pop(queue, "batch=2&consumerGroup=streams." + query);
            JsonNode last = popped.get("messages").get(popped.get("messages").size() - 1);
            bridge.post(
                    "/streams/v1/cycle",
                    "{'query_id':'" + query + "','partition_id':'"
                            + last.get("partitionId").asText()
                            + "','consumer_group':'streams." + query
                            + "','state_ops':[{'type':'upsert','key':'sum','value':{ 'n' : 6.0 ,'windowEnd':17}},"
                            + "{'type':'upsert','key':'ä','value':null}],"
                            + "'push_items':[{'queue':'totals','transactionId':'total-" + queue
                            + "','payload':{'sum':6.0}}],"
                            + "'ack':{'transactionId':'"
                            + last.get("transactionId").asText() + "','leaseId':'"
                            + popped.get("leaseId").asText() + "','status':'completed','count':2}}");
        }
    }

    private void traces() {
        for (String queue : List.of("orders", "secret")) {
            JsonNode message = bridge.pop(queue, "consumerGroup=tracer&batch=1&autoAck=true")
                    .get("messages")
                    .get(0);
            bridge.post(
                    "/api/v1/traces",
                    "{'transactionId':'" + message.get("transactionId").asText() + "','partitionId':'"
                            + message.get("partitionId").asText()
                            + "','data':{'x': 2.50},'eventType':'warn','traceNames':['by-name','order 1']}");
        }
    }

    private void deletions() {
        for (String row : postgres.query("select partition_id, transaction_id from sluice.messages"
                + " where transaction_id in ('o-2', 'o-6', 'o-14', 'o-158') order by seq")) {
            String[] columns = row.split("\\|", -1);
            String partition = PartitionIds.toUuid(Long.parseLong(columns[0])).toString();
            bridge.send("fixture", "DELETE", "/api/v1/messages/" + partition + "/" + columns[1], "");
        }
        push("alice", List.of(item("cleared", "p", "1"), item("cleared", "q", "2"), item("gone", "p", "3")));
        bridge.send("fixture", "DELETE", "/api/v1/queues/cleared/clear", "");
        bridge.send("fixture", "DELETE", "/api/v1/resources/queues/gone", "");
        push("alice", List.of(item("cleared", "p", "4")));
    }

    /** A worker's sink, whose records bring their times of creation. */
    private void fromATopic() {
        var topic = new TopicPartition("topic", 3);
        var records = new ArrayList<SinkRecord>();
        for (int i = 0; i < 20; i++) {
            String value = "{\"record\":" + i + "}";
            records.add(new SinkRecord(
                    topic.topic(),
                    topic.partition(),
                    null,
                    "key-" + i % 2,
                    null,
                    value,
                    i,
                    1_600_000_000_000L + i,
                    TimestampType.CREATE_TIME));
        }
        var properties = Map.of(
                "name", "fixture-sink",
                "connection.url", postgres.url(),
                "connection.user", "postgres",
                "queue.from", "constant:imported",
                "partition.from", "key",
                "created.from", "timestamp");
        try (var worker = new FakeWorker(new QueueSinkTask(), Map.of(topic, records), 7)) {
            worker.start(properties).pollAll();
        }
    }

    /** Parks messages of the queue {@code held}. Close the connection when they may leave. */
    Connection park() throws SQLException {
        push("alice", List.of(item("held", "p", "0").put("transactionId", "held-0")));
        Connection lock = postgres.dataSource().getConnection();
        lock.setAutoCommit(false);
        try (Statement statement = lock.createStatement()) {
            statement.execute("select p.* from sluice.partitions p join sluice.queues q on q.id = p.queue_id"
                    + " where q.name = 'held' for update of p");
        }
        for (int i = 1; i <= 3; i++) {
            push(
                    "alice",
                    List.of(withHeader(item("held", "p", "{\"parked\": " + i + "}")
                            .put("traceId", new UUID(9, i).toString())
                            .put("transactionId", "held-" + i))));
        }
        await().until(() -> postgres.query("select count(*) from sluice.parked").contains("3"));
        bridge.awaitDrained();
        return lock;
    }

    private void configure(String queue, String options) {
        bridge.post("/api/v1/configure", "{'queue':'" + queue + "','options':" + options + "}");
    }

    private static ObjectNode item(String queue, String partition, String payload) {
        return JSON.createObjectNode()
                .put("queue", queue)
                .put("partition", partition)
                .putRawValue("payload", new RawValue(payload));
    }

    private static ObjectNode withHeader(ObjectNode item) {
        item.putObject("headers").put("content-language", "da").put("X-Tenant", "Ærø 7");
        return item;
    }

    private void push(String subject, List<ObjectNode> items) {
        String body = "{\"items\":" + text(items) + "}";
        JsonNode answers = RunningBridge.json(
                bridge.send(subject, "POST", "/api/v1/push", body).body());
        for (JsonNode answer : answers) {
            String status = answer.get("status").asText();
            if (!status.equals("queued") && !status.equals("buffered")) {
                throw new IllegalStateException(answer.toString());
            }
        }
    }

    private static String text(List<ObjectNode> items) {
        return "[" + String.join(",", items.stream().map(FixtureLife::text).toList()) + "]";
    }

    private static String text(ObjectNode item) {
        try {
            return JSON.writeValueAsString(item);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static JsonNode only(JsonNode popped, int index) {
        ObjectNode one = popped.deepCopy();
        one.putArray("messages").add(popped.get("messages").get(index));
        return one;
    }

    private void acknowledge(String queue, String group, JsonNode popped, String status) {
        var body = JSON.createObjectNode().put("consumerGroup", group);
        var list = body.putArray("acknowledgments");
        for (JsonNode message : popped.path("messages")) {
            ObjectNode one = list.addObject().put("status", status).put("error", "no \"such\" card in " + queue);
            for (String field : List.of("transactionId", "partitionId", "leaseId")) {
                one.set(field, message.path(field));
            }
        }
        for (JsonNode answer : bridge.post("/api/v1/ack/batch", body.toString())) {
            if (!answer.get("success").asBoolean()) {
                throw new IllegalStateException(queue + ": " + answer);
            }
        }
    }
}
