package dev.sluice.bridge.upgrade;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What two bridges show of a database and of their two logs, as lines of text, and what becomes of all messages when
 * the bridges drain, release, redrive and deliver everything. Values that depend on the time of the run are left out.
 */
final class Observation {
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final String NEW = "*";

    private final TestPostgres postgres;
    private final FixtureBridge bridge;
    private final List<String> lines = new ArrayList<>();
    private final Set<String> stored;

    private Observation(TestPostgres postgres, FixtureBridge bridge, Set<String> stored) {
        this.postgres = postgres;
        this.bridge = bridge;
        this.stored = stored;
    }

    /** Starts bridges on both logs, and observes. */
    static List<String> of(TestPostgres postgres, Path crashed, Path clean) {
        var stored = new TreeSet<>(postgres.query("select id from sluice.messages"));
        try (var first = FixtureBridge.start(postgres.url(), crashed);
                var second = FixtureBridge.start(postgres.url(), clean)) {
            var observation = new Observation(postgres, first, stored);
            observation.recoveries(List.of(first, second));
            observation.awaitNone("sluice.parked");
            observation.everythingAtRest();
            first.hold(false);
            first.awaitDrained();
            second.awaitDrained();
            observation.release();
            observation.redrive();
            observation.leases();
            observation.groups();
            observation.messages();
            return observation.lines;
        }
    }

    private void recoveries(List<FixtureBridge> bridges) {
        for (FixtureBridge each : bridges) {
            for (JsonNode lane : each.get("/api/v1/status/buffers?detail=true").get("lanes")) {
                JsonNode log = lane.get("log");
                add(
                        "log",
                        lane.get("name").asText() + " committed " + log.get("committedOffset") + " next "
                                + log.get("nextOffset") + " uncommitted " + log.get("uncommittedEntries") + " findings "
                                + lane.at("/recovery/findings"));
            }
        }
    }

    private void everythingAtRest() {
        bridge.get("/api/v1/buffers/failed").get("records").forEach(record -> add("failed", record));
        for (ObjectNode letter : PoppedMessages.of(
                bridge.send("fixture", "GET", "/api/v1/dlq?limit=1000", "").body())) {
            add("dead letter", letter);
        }
        for (JsonNode trace : bridge.get("/api/v1/traces/by-name/by-name").get("traces")) {
            add("trace", trace);
        }
        String query = bridge.post(
                        "/streams/v1/queries", "{'name':'totals','source_queue':'orders','config_hash':'h1'}")
                .get("query_id")
                .asText();
        for (String partition :
                postgres.query("select distinct partition_id from sluice.stream_state order by partition_id")) {
            String body = "{'query_id':'" + query + "','partition_id':'"
                    + PartitionIds.toUuid(Long.parseLong(partition)) + "'}";
            bridge.post("/streams/v1/state/get", body).get("rows").forEach(row -> add("state", row));
        }
        var groups = new TreeSet<String>();
        for (JsonNode group : bridge.get("/api/v1/consumer-groups")) {
            groups.add(without((ObjectNode) group, "maxTimeLag", "state").toString());
        }
        groups.forEach(group -> add("group", group));
        for (JsonNode queue : bridge.get("/api/v1/resources/queues?limit=1000").get("queues")) {
            add("queue", queue);
        }
    }

    /** Lets scheduled messages into their queues. */
    private void release() {
        postgres.execute("update sluice.scheduled set due_at = due_at - interval '200 years'");
        bridge.post("/api/v1/push", "{'items':[{'queue':'waker','delayMs':1}]}");
        awaitNone("sluice.scheduled");
    }

    private void awaitNone(String table) {
        await().atMost(PATIENCE)
                .until(() -> postgres.query("select count(*) from " + table).contains("0"));
    }

    private void redrive() {
        add("redriven", bridge.post("/api/v1/dlq/redrive", "{'all':true,'limit':1000}"));
        ObjectNode retried = (ObjectNode) bridge.post("/api/v1/buffers/failed/retry", "{'all':true}");
        add("retried", without(retried, "kept")); // Its reasons are text for people.
        bridge.awaitDrained();
    }

    /** Completes a message under a lease that was given before. */
    private void leases() {
        for (String row : postgres.query("select c.lease_id, c.partition_id, c.acked, c.lease_end, c.position"
                + " from sluice.cursors c join sluice.consumer_groups g on g.id = c.group_id"
                + " where g.name = 'holder' order by c.partition_id desc")) {
            String[] columns = row.split("\\|", -1);
            add("lease", "acked " + columns[2] + " end " + columns[3] + " position " + columns[4]);
            JsonNode answer = bridge.post(
                    "/api/v1/ack",
                    "{'transactionId':'h-0','status':'completed','consumerGroup':'holder','partitionId':'"
                            + PartitionIds.toUuid(Long.parseLong(columns[1])) + "','leaseId':'" + columns[0] + "'}");
            add("ack", answer.get(0));
        }
    }

    /** What each old group gets next. */
    private void groups() {
        for (String group : postgres.query("select distinct g.name, q.name from sluice.consumer_groups g"
                + " join sluice.queues q on q.id = g.queue_id order by g.name, q.name")) {
            String[] names = group.split("\\|", -1);
            popAll(names[1], names[0]).forEach((partition, messages) -> {
                for (ObjectNode message : messages) {
                    add("next " + group + "|" + partition, message.get("data") + " " + message.get("transactionId"));
                }
            });
        }
    }

    /** All messages of all queues, as a group gets them that begins now. */
    private void messages() {
        for (String queue :
                postgres.query("select name from sluice.queues where name <> 'waker' order by name collate \"C\"")) {
            popAll(queue, "fresh")
                    .forEach((partition, messages) ->
                            messages.forEach(message -> add("message " + queue + "|" + partition, message)));
        }
    }

    private Map<String, List<ObjectNode>> popAll(String queue, String group) {
        String path = "/api/v1/pop/queue/" + FixtureBridge.encoded(queue) + "?batch=1000&autoAck=true&consumerGroup="
                + FixtureBridge.encoded(group);
        var byPartition = new TreeMap<String, List<ObjectNode>>();
        while (true) {
            String answer = bridge.send("fixture", "GET", path, "").body();
            List<ObjectNode> messages = answer.isEmpty() ? List.of() : PoppedMessages.of(answer);
            if (messages.isEmpty()) {
                return byPartition;
            }
            for (ObjectNode message : messages) {
                byPartition
                        .computeIfAbsent(message.get("partition").asText(), name -> new ArrayList<>())
                        .add(steady(message));
            }
        }
    }

    /** Removes what differs between two runs. */
    private ObjectNode steady(ObjectNode message) {
        String transactionId = message.get("transactionId").asText();
        if (transactionId.startsWith("dlq:")) {
            message.put("id", NEW);
        }
        if (!stored.contains(message.get("id").asText())) {
            message.put("createdAt", NEW).put("partitionId", NEW);
        }
        return message;
    }

    private static ObjectNode without(ObjectNode object, String... fields) {
        return object.deepCopy().without(List.of(fields));
    }

    private void add(String what, JsonNode value) {
        add(
                what,
                value instanceof ObjectNode object ? without(object, "leaseId").toString() : value.toString());
    }

    private void add(String what, String text) {
        lines.add(what + " " + text.replace("\n", "\\n"));
    }
}
