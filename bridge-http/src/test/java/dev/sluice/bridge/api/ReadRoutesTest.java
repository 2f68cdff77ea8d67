package dev.sluice.bridge.api;

import static dev.sluice.bridge.api.Shapes.assertShape;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The routes that show something, over HTTP: every field with its type. */
class ReadRoutesTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final String SIX = "{total:n,pending:n,processing:n,completed:n,failed:n,deadLetter:n}";
    private static final String WORKER =
            "{hostname:s,workerId:n,avgEventLoopLagMs:n,maxEventLoopLagMs:n,freeSlots:n,dbConnections:n,jobQueueSize:n,"
                    + "messagesProcessed:n}";
    private static final String TIMED = "timeRange:{from:t,to:t},bucketMinutes:n";

    @TempDir
    private static Path directory;

    private static TestPostgres postgres;
    private static RunningBridge bridge;
    private static String partitionId;
    private static String leaseId;

    /**
     * Queue shop.orders: o-1 completed, o-2 dead, o-3 leased, o-4 waits. Queue quiet: one message that no group reads.
     */
    @BeforeAll
    static void fill() {
        postgres = TestPostgres.withSchema();
        bridge = RunningBridge.start(
                postgres.url(), directory, Map.of("metrics.max.queues", "3", "push.stored.timeout.ms", "60000"));
        for (int i = 1; i <= 4; i++) {
            bridge.push("{\"items\":[{\"queue\":\"shop.orders\",\"partition\":\"p\",\"transactionId\":\"o-" + i
                    + "\",\"payload\":{\"n\": 1.50}}]}");
        }
        bridge.push("{\"items\":[{\"queue\":\"quiet\",\"payload\":null,\"transactionId\":\"z\"}]}");
        bridge.acknowledge(bridge.pop("shop.orders"));
        JsonNode second = bridge.pop("shop.orders").at("/messages/0");
        partitionId = second.get("partitionId").asText();
        bridge.post(
                "/api/v1/ack",
                "{\"transactionId\":\"o-2\",\"partitionId\":\"" + partitionId + "\",\"leaseId\":"
                        + second.get("leaseId") + ",\"status\":\"dlq\",\"error\":\"no stock\"}");
        leaseId = bridge.pop("shop.orders").get("leaseId").asText();
        bridge.pop("nothing");
        postgres.execute("""
                insert into sluice.minute_counters (bucket, queue, worker, retention_messages, eviction_messages, retention_events)
                values (date_trunc('minute', now()), 'quiet', 'another:1', 3, 2, 1)""");
        await().atMost(PATIENCE)
                .until(() -> postgres.query("select sum(push_messages), sum(pop_messages), sum(ack_requests)"
                                + " from sluice.minute_counters")
                        .equals(List.of("5|3|2")));
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
    }

    private static JsonNode get(String path) {
        HttpResponse<String> answer = bridge.get(path);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return RunningBridge.json(answer.body());
    }

    private static void assertStatus(int status, String error, HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(RunningBridge.json(answer.body()).get("error").asText()).contains(error);
    }

    @Test
    void queuesAreListedNewestFirstWithTheirMessages() {
        JsonNode body = get("/api/v1/resources/queues");
        String queue =
                "{id:u,name:s,namespace:s,task:s,createdAt:t,partitions:n,messages:{total:n,pending:n,processing:n}}";
        assertShape(body, "{queues:[" + queue + "]}");
        assertThat(body.findValuesAsText("name")).containsSubsequence("quiet", "shop.orders");
        JsonNode page = get("/api/v1/status/queues?namespace=shop&limit=1&offset=0");
        assertShape(page, "{queues:[" + queue + "],pagination:{limit:n,offset:n}}");
        assertThat(page.at("/queues/0/messages")).hasToString("{\"total\":4,\"pending\":1,\"processing\":1}");
        assertThat(get("/api/v1/status/queues?namespace=shop&limit=1&offset=1").at("/queues"))
                .isEmpty();
    }

    @Test
    void aQueueShowsItsPartitions() {
        JsonNode body = get("/api/v1/resources/queues/shop.orders");
        assertShape(
                body,
                "{id:u,name:s,namespace:s,task:s,createdAt:t,partitions:[{id:u,name:s,createdAt:t,stats:" + SIX
                        + ",oldestMessage:t,newestMessage:t}],totals:" + SIX + "}");
        assertThat(body.at("/partitions/0/id").asText()).isEqualTo(partitionId);
        assertThat(body.get("totals"))
                .hasToString(
                        "{\"total\":4,\"pending\":1,\"processing\":1,\"completed\":2,\"failed\":0,\"deadLetter\":1}");
        assertShape(
                get("/api/v1/status/queues/shop.orders"),
                "{queue:{id:u,name:s,namespace:s,task:s,createdAt:t,priority:n,config:{leaseTime:n,retryLimit:n,retryDelay:n,"
                        + "ttl:n,maxQueueSize:n,deadLetterQueue:b}},partitions:[{id:u,name:s,createdAt:t,messages:"
                        + SIX
                        + ",stats:" + SIX
                        + ",cursor:{totalConsumed:n,batchesConsumed:n},lastActivity:t,oldestMessage:t,newestMessage:t}],"
                        + "totals:{messages:" + SIX + "," + SIX.substring(1) + "}");
        assertStatus(404, "Queue not found", bridge.get("/api/v1/resources/queues/nobody"));
        assertStatus(404, "Queue not found", bridge.get("/api/v1/status/queues/nobody"));
    }

    @Test
    void namespacesTasksAndTheOverviewAddUp() {
        assertShape(
                get("/api/v1/resources/namespaces"),
                "{namespaces:[{namespace:s,queues:n,partitions:n,messages:{total:n,pending:n}}]}");
        assertShape(
                get("/api/v1/resources/tasks"),
                "{tasks:[{task:s,queues:n,partitions:n,messages:{total:n,pending:n}}]}");
        JsonNode overview = get("/api/v1/resources/overview");
        assertShape(
                overview,
                "{queues:n,partitions:n,namespaces:n,tasks:n,messages:" + SIX
                        + ",lag:{time:{avg:n,median:n,min:n,max:n},offset:{avg:n,median:n,min:n,max:n}},"
                        + "throughput:{ingestedPerSecond:n,processedPerSecond:n},timestamp:t,statsAge:n}");
        assertThat(overview.at("/messages/deadLetter").asInt()).isEqualTo(1);
        assertShape(
                RunningBridge.json(bridge.post("/api/v1/stats/refresh", "").body()),
                "{partition:{partitionsUpdated:n},queue:{queuesUpdated:n},namespace:{namespacesUpdated:n},"
                        + "task:{tasksUpdated:n},system:{systemUpdated:b},cleanup:{orphanedDeleted:n}}");
    }

    @Test
    void messagesAreListedWithWhatHasBecomeOfThem() {
        JsonNode body = get("/api/v1/messages?queue=shop.orders");
        assertShape(
                body,
                "{messages:[{id:u,transactionId:s,partitionId:u,queuePath:s,queue:s,partition:s,namespace:s,task:s,status:s,"
                        + "queueStatus:s,busStatus:{consumedBy:n,totalGroups:n},traceId:?u,producerSub:?s,queuePriority:n,"
                        + "createdAt:t,leaseExpiresAt:?t}],mode:{hasQueueMode:b,busGroupsCount:n,type:s}}");
        assertThat(body.findValuesAsText("transactionId")).containsExactly("o-4", "o-3", "o-2", "o-1");
        assertThat(body.findValuesAsText("status"))
                .containsExactly("processing", "processing", "dead_letter", "completed");
        assertThat(body.at("/mode/type").asText()).isEqualTo("queue");
        assertThat(get("/api/v1/messages?queue=shop.orders&limit=1&offset=3").findValuesAsText("transactionId"))
                .containsExactly("o-1");
        assertThat(get("/api/v1/messages?ns=shop&status=completed").findValuesAsText("transactionId"))
                .containsExactly("o-1");
        assertThat(get("/api/v1/messages?to=2020-01-01T00:00:00Z&from=2019-01-01T00:00:00Z")
                        .get("messages"))
                .isEmpty();
        assertStatus(400, "status", bridge.get("/api/v1/messages?status=lost"));
        assertStatus(400, "10000", bridge.get("/api/v1/messages?offset=10000"));
        assertStatus(400, "from", bridge.get("/api/v1/messages?from=yesterday"));
        JsonNode bare = get("/api/v1/status/queues/shop.orders/messages?limit=2&offset=1");
        assertShape(
                bare, "[{id:u,transactionId:s,partitionId:u,queuePath:s,queue:s,partition:s,status:s,createdAt:t}]");
        assertThat(bare.findValuesAsText("transactionId")).containsExactly("o-3", "o-2");
        assertThat(get("/api/v1/status/queues/nobody/messages")).isEmpty();
    }

    @Test
    void oneMessageIsShownWithItsPayloadByteForByte() {
        String path = "/api/v1/messages/" + partitionId + "/";
        JsonNode body = get(path + "o-2");
        assertShape(
                body,
                "{id:u,transactionId:s,partitionId:u,queuePath:s,payload:*,queue:s,partition:s,namespace:s,task:s,status:s,"
                        + "isEncrypted:b,traceId:?u,producerSub:?s,createdAt:t,errorMessage:?s,retryCount:?n,leaseExpiresAt:?t,"
                        + "queueConfig:{leaseTime:n,retryLimit:n,retryDelay:n,ttl:n,priority:n},"
                        + "mode:{hasQueueMode:b,busGroupsCount:n,type:s,consumedByGroups:n},"
                        + "consumerGroups:[{name:s,consumed:b,leaseExpiresAt:?t}]}");
        assertThat(bridge.get(path + "o-2").body()).contains("\"payload\":{\"n\": 1.50}");
        assertThat(body.get("status").asText()).isEqualTo("dead_letter");
        assertThat(body.get("errorMessage").asText()).isEqualTo("no stock");
        assertThat(get(path + "o-3").at("/consumerGroups/0/leaseExpiresAt").isTextual())
                .isTrue();
        assertStatus(404, "Message not found", bridge.get(path + "o-9"));
        assertStatus(404, "Message not found", bridge.get("/api/v1/messages/" + UUID.randomUUID() + "/o-1"));
        assertStatus(400, "partitionId must be a UUID", bridge.get("/api/v1/messages/7/o-1"));
    }

    @Test
    void tracesAreFoundByMessageAndByName() {
        String body = "{\"transactionId\":\"o-1\",\"partitionId\":\"" + partitionId
                + "\",\"data\":{\"x\": 2.50},\"traceNames\":[\"by-name\",\"order 1\"]}";
        HttpResponse<String> added = bridge.post("/api/v1/traces", body);
        assertThat(added.statusCode()).isEqualTo(201);
        assertShape(RunningBridge.json(added.body()), "{success:b,traceId:u}");
        bridge.post("/api/v1/traces", body.replace("[\"by-name\",\"order 1\"]", "\"order 1\",\"eventType\":\"warn\""));
        String trace = "id:u,event_type:s,data:*,consumer_group:s,worker_id:?s,created_at:t,trace_names:[s]";
        assertShape(get("/api/v1/traces/" + partitionId + "/o-1"), "{traces:[{" + trace + "}]}");
        assertThat(bridge.get("/api/v1/traces/" + partitionId + "/o-1").body()).contains("\"data\":{\"x\": 2.50}");
        JsonNode second = get("/api/v1/traces/by-name/order%201?limit=1&offset=1");
        assertShape(
                second,
                "{traces:[{" + trace
                        + ",transaction_id:s,partition_id:u,queue_name:s,partition_name:s,message_payload:*}],total:n,"
                        + "pagination:{limit:n,offset:n}}");
        assertThat(second.get("total").asInt()).isEqualTo(2);
        assertThat(second.at("/traces/0/event_type").asText()).isEqualTo("info");
        JsonNode names = get("/api/v1/traces/names");
        assertShape(
                names,
                "{trace_names:[{trace_name:s,trace_count:n,message_count:n,last_seen:t}],total:n,"
                        + "pagination:{limit:n,offset:n}}");
        assertThat(names.findValuesAsText("trace_name")).containsExactly("by-name", "order 1");
        assertStatus(404, "Message not found", bridge.post("/api/v1/traces", body.replace("o-1", "o-9")));
        assertStatus(400, "data is required", bridge.post("/api/v1/traces", body.replace("\"data\"", "\"date\"")));
        assertStatus(400, "required", bridge.post("/api/v1/traces", body.replace("\"transactionId\"", "\"id\"")));
        assertStatus(400, "partitionId must be a UUID", bridge.post("/api/v1/traces", body.replace(partitionId, "7")));
    }

    @Test
    void statusShowsAllAtAGlance() {
        JsonNode body = get("/api/v1/status?queue=shop.orders");
        assertShape(
                body,
                "{" + TIMED
                        + ",pointCount:n,throughput:[{timestamp:t,ingested:n,processed:n,popMessages:n,ingestedPerSecond:n,"
                        + "processedPerSecond:n,popPerSecond:n,avgLagMs:n,maxLagMs:n,avgEventLoopLagMs:n,maxEventLoopLagMs:n,"
                        + "minFreeSlots:n,dbErrors:n,ackFailed:n,dlqCount:n,queenCpuUserPct:n,queenCpuSysPct:n,queenRssMb:n,"
                        + "dbPoolActive:n,dbPoolIdle:n,dbPoolSize:n}],"
                        + "queues:[{id:u,name:s,namespace:s,task:s,partitions:n,totalConsumed:n}],"
                        + "messages:" + SIX.substring(0, SIX.length() - 1)
                        + ",requests:{push:n,pop:n,ack:n},batchEfficiency:{push:n,pop:n,ack:n}},"
                        + "leases:{active:n,partitionsWithLeases:n,totalBatchSize:n,totalAcked:n},"
                        + "deadLetterQueue:{totalMessages:n,affectedPartitions:n,topErrors:[{error:s,count:n}]},"
                        + "workers:[" + WORKER + "],errors:{dbErrors:n,ackFailed:n,dlqMessages:n},statsAge:n}");
        assertThat(body.at("/messages/requests")).hasToString("{\"push\":4,\"pop\":3,\"ack\":2}");
        assertThat(body.at("/leases/active").asInt()).isEqualTo(1);
        assertThat(body.at("/deadLetterQueue/topErrors/0/error").asText()).isEqualTo("no stock");
        assertThat(body.at("/errors/dlqMessages").asInt()).isEqualTo(1);
        assertStatus(400, "before", bridge.get("/api/v1/status?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"));
    }

    @Test
    void chartsHaveWhatWasCounted() {
        JsonNode pushes = get("/api/v1/status/analytics?interval=day");
        assertShape(pushes, "{dataPoints:[{timestamp:t,messages:n}],interval:s,from:t,to:t}");
        String point =
                "{timestamp:t,pushMessages:n,popMessages:n,ackMessages:n,pushRequests:n,popRequests:n,ackRequests:n,"
                        + "jobsDone:n,pushPerSecond:n,popPerSecond:n,ackPerSecond:n,avgEventLoopLagMs:n,maxEventLoopLagMs:n,"
                        + "avgFreeSlots:n,minFreeSlots:n,dbConnections:n,avgJobQueueSize:n,maxJobQueueSize:n,backoffSize:n,"
                        + "avgLagMs:n,maxLagMs:n,lagCount:n,dbErrors:n,ackSuccess:n,ackFailed:n,dlqCount:n}";
        JsonNode workers = get("/api/v1/analytics/worker-metrics");
        assertShape(
                workers,
                "{" + TIMED + ",pointCount:n,timeSeries:[" + point + "],workers:[" + WORKER + "],"
                        + "queues:[{queueName:s,popCount:n,avgLagMs:n,maxLagMs:n}],"
                        + "summary:{totalPushMessages:n,totalPopMessages:n,totalAckMessages:n,totalPushRequests:n,"
                        + "totalPopRequests:n,totalAckRequests:n,totalDbErrors:n,totalAckFailed:n,totalDlq:n,pendingMessages:n}}");
        assertThat(workers.at("/summary/totalPushMessages").asInt()).isEqualTo(5);
        assertThat(get("/api/v1/analytics/worker-metrics?hostname=elsewhere").get("timeSeries"))
                .isEmpty();
        JsonNode none = get("/api/v1/analytics/worker-metrics?workerId=1");
        for (String list : List.of("timeSeries", "workers", "queues")) {
            assertThat(none.get(list)).as(list).isEmpty();
        }
        assertShape(
                get("/api/v1/analytics/queue-lag?queue=shop.orders"),
                "[{queueName:s,popCount:n,avgLagMs:n,maxLagMs:n,bucketTime:t}]");
        JsonNode operations = get("/api/v1/analytics/queue-ops?queue=shop.orders");
        assertShape(
                operations,
                "{" + TIMED + ",series:[{bucket:t,queueName:s,pushRequests:n,pushMessages:n,popMessages:n,popEmpty:n,"
                        + "ackRequests:n,ackSuccess:n,ackFailed:n,transactions:n,partitionsCreated:n,partitionsDeleted:n,"
                        + "partitionCount:n,avgLagMs:n,maxLagMs:n,pushPerSecond:n,popPerSecond:n,ackPerSecond:n,"
                        + "emptyPerSecond:n,parkedCount:n}],queues:[s]}");
        assertThat(operations.at("/series/0/partitionCount").asInt()).isEqualTo(1);
        String retired = "retentionMsgs:n,completedRetentionMsgs:n,evictionMsgs:n,totalMsgs:n,eventCount:n}";
        JsonNode retention = get("/api/v1/analytics/retention");
        assertShape(retention, "{" + TIMED + ",series:[{bucket:t," + retired + "],totals:{" + retired + "}");
        assertThat(retention.get("totals"))
                .hasToString("{\"retentionMsgs\":3,\"completedRetentionMsgs\":0,\"evictionMsgs\":2,\"totalMsgs\":5,"
                        + "\"eventCount\":1}");
        assertThat(get("/api/v1/analytics/queue-lag?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"))
                .isEmpty();
    }

    @Test
    void popsThatWaitAreSeenWhileTheyDo() {
        bridge.get("/api/v1/pop/queue/nothing?wait=true&timeout=10");
        await().atMost(PATIENCE).untilAsserted(() -> {
            JsonNode body = get("/api/v1/analytics/queue-parked-replicas");
            assertShape(
                    body,
                    "{" + TIMED + ",series:[{bucket:t,queueName:s,hostname:s,workerId:n,parkedCount:n}],"
                            + "replicas:[{hostname:s,workerId:n}]}");
            assertThat(body.at("/series/0/parkedCount").asInt()).isEqualTo(1);
        });
    }

    @Test
    void theProcessIsSampled() {
        await().atMost(PATIENCE)
                .until(() -> get("/api/v1/analytics/system-metrics")
                                .get("replicaCount")
                                .asInt()
                        > 0);
        String range = "{avg:n,min:n,max:n,last:n}";
        assertShape(
                get("/api/v1/analytics/system-metrics"),
                ("{" + TIMED
                                + ",replicas:[{hostname:s,workerId:n,port:n,timeSeries:[{timestamp:t,sampleCount:n,metrics:{"
                                + "cpu:{user_us:#,system_us:#},memory:{rss_bytes:#,virtual_bytes:#},"
                                + "database:{pool_size:#,pool_idle:#,pool_active:#},threadpool:{db:{pool_size:#,queue_size:#},"
                                + "system:{pool_size:#,queue_size:#}},registries:{response:#},shared_state:{enabled:b}}}]}],"
                                + "replicaCount:n,pointCount:n}")
                        .replace("#", range));
    }

    @Test
    void postgresTellsAboutItself() throws SQLException {
        await().atMost(PATIENCE)
                .until(() -> !get("/api/v1/analytics/postgres-stats")
                        .get("hotUpdates")
                        .isEmpty());
        JsonNode body;
        try (Connection busy = postgres.dataSource().getConnection()) {
            busy.setAutoCommit(false);
            busy.createStatement().execute("select 1"); // Idle in a transaction, which counts as active.
            body = get("/api/v1/analytics/postgres-stats");
        }
        assertThat(body.fieldNames())
                .toIterable()
                .containsExactlyInAnyOrder(
                        "timestamp",
                        "database",
                        "databaseCache",
                        "tableCache",
                        "indexCache",
                        "cacheSummary",
                        "deadTuples",
                        "hotUpdates",
                        "activeQueries",
                        "autovacuumStatus",
                        "bufferConfig",
                        "bufferUsage",
                        "tableSizes");
        assertShape(body.get("timestamp"), "t");
        assertShape(body.get("databaseCache"), "{database:s,diskReads:n,cacheHits:n,cacheHitRatio:?n}");
        assertShape(body.get("tableCache"), "[{table:s,diskReads:n,cacheHits:n,cacheHitRatio:?n}]");
        assertShape(body.get("indexCache"), "[{table:s,index:s,diskReads:n,cacheHits:n,cacheHitRatio:?n}]");
        String cache = "{diskReads:n,cacheHits:n,cacheHitRatio:?n}";
        assertShape(body.get("cacheSummary"), "{tables:" + cache + ",indexes:" + cache + "}");
        assertShape(
                body.get("deadTuples"),
                "[{table:s,liveTuples:n,deadTuples:n,deadRatio:?n,lastVacuum:?t,lastAutovacuum:?t}]");
        assertShape(body.get("hotUpdates"), "[{table:s,updates:n,hotUpdates:n,hotRatio:n}]");
        assertShape(
                body.get("autovacuumStatus"),
                "[{table:s,autovacuumCount:n,autoanalyzeCount:n,lastAutovacuum:?t,lastAutoanalyze:?t}]");
        assertShape(
                body.get("activeQueries"),
                "[{pid:n,user:?s,application:s,state:s,waitEventType:?s,waitEvent:?s,durationMs:n,query:s}]");
        assertShape(body.get("bufferConfig"), "{sharedBuffers:s,sharedBuffersSize:n}");
        assertShape(body.get("tableSizes"), "[{table:s,totalBytes:n,tableBytes:n,indexBytes:n,rows:n}]");
        assertThat(body.get("bufferUsage")).isEmpty();
    }

    @Test
    void metricsAreTheSameAsJson() {
        assertShape(
                get("/metrics"),
                "{uptime:n,requests:{total:n,rate:n},messages:{total:n,rate:n},"
                        + "database:{poolSize:n,idleConnections:n,waitingRequests:n},"
                        + "memory:{rss:n,heapTotal:n,heapUsed:n,external:n,arrayBuffers:n},cpu:{user:n,system:n}}");
    }

    private static final Pattern SAMPLE = Pattern.compile(
            "([a-zA-Z_:][a-zA-Z0-9_:]*)(\\{[a-zA-Z_][a-zA-Z0-9_]*=\"[^\"]*\"(?:,[a-zA-Z_][a-zA-Z0-9_]*=\"[^\"]*\")*\\})?"
                    + " (-?\\d+(?:\\.\\d+)?(?:E-?\\d+)?|\\+Inf|NaN)");

    @Test
    void thePageForPrometheusFollowsTheTextFormat() {
        for (int i = 0; i < 6; i++) {
            bridge.get("/api/v1/pop/queue/many-" + i);
        }
        bridge.get("/no/such/route");
        bridge.post("/api/v1/lease/" + leaseId + "/extend", "{}");
        bridge.post("/api/v1/lease/" + UUID.randomUUID() + "/extend", "{}");
        bridge.post("/api/v1/lease/not-an-id/extend", "{}");
        // A request is counted after its answer.
        await().until(() -> bridge.get("/metrics/prometheus").body().contains("route=\"none\",status=\"4xx\""));
        HttpResponse<String> answer = bridge.get("/metrics/prometheus");
        assertThat(answer.headers().firstValue("Content-Type")).hasValue("text/plain; version=0.0.4; charset=utf-8");
        assertThat(answer.body()).endsWith("\n");
        var types = new HashSet<String>();
        var samples = new HashSet<String>();
        String family = "";
        String type = "";
        for (String line : answer.body().split("\n", -1)) {
            if (line.isEmpty()) {
                continue;
            }
            if (line.startsWith("# TYPE ")) {
                String[] parts = line.split(" ", -1);
                family = parts[2];
                type = parts[3];
                assertThat(types.add(family)).as(line).isTrue();
                assertThat(type).isIn("counter", "gauge", "histogram");
            } else if (line.startsWith("# HELP ")) {
                assertThat(line).matches("# HELP \\S+ \\S.*");
            } else {
                Matcher sample = SAMPLE.matcher(line);
                assertThat(sample.matches()).as(line).isTrue();
                assertThat(sample.group(1)).as(line).startsWith(family);
                assertThat(type.equals("counter"))
                        .as(line)
                        .isEqualTo(sample.group(1).endsWith("_total"));
                assertThat(samples.add(sample.group(1) + sample.group(2)))
                        .as(line)
                        .isTrue();
            }
        }
        assertThat(types)
                .contains(
                        "sluice_push_refused_total",
                        "sluice_log_bytes",
                        "sluice_log_oldest_age_seconds",
                        "sluice_log_syncs_total",
                        "sluice_drain_state",
                        "sluice_flush_batches_total",
                        "sluice_flush_duplicates_total",
                        "sluice_pop_empty_total",
                        "sluice_ack_messages_total",
                        "sluice_transactions_total",
                        "sluice_partitions_deleted_total",
                        "queen_maintenance_mode_enabled",
                        "queen_queue_push_requests_per_minute",
                        "queen_queue_push_messages_per_minute",
                        "queen_queue_pop_messages_per_minute",
                        "queen_queue_pop_empty_per_minute",
                        "queen_queue_transactions_per_minute",
                        "queen_queue_ack_per_minute",
                        "queen_queue_pop_lag_milliseconds",
                        "queen_queue_parked_consumers",
                        "queen_queue_metrics_age_seconds",
                        "queen_worker_messages_per_minute",
                        "queen_worker_requests_per_minute",
                        "queen_worker_ack_per_minute",
                        "queen_worker_jobs_done_per_minute",
                        "queen_worker_db_errors_per_minute",
                        "queen_worker_dlq_per_minute",
                        "queen_worker_lag_milliseconds",
                        "queen_worker_free_slots",
                        "queen_worker_db_connections",
                        "queen_worker_job_queue_size",
                        "queen_worker_metrics_age_seconds",
                        "queen_threadpool_size",
                        "queen_threadpool_queue_size",
                        "queen_response_registry_size",
                        "queen_shared_state_enabled",
                        "sluice_lease_extensions_total",
                        "sluice_retention_messages_total",
                        "sluice_http_request_duration_seconds",
                        "jvm_memory_used_bytes",
                        "queen_uptime_seconds",
                        "queen_cluster_push_messages_total");
        assertThat(answer.body())
                .contains("sluice_push_messages_total{queue=\"shop.orders\"} 4.0\n")
                .contains("sluice_ack_messages_total{outcome=\"dead_letter\",queue=\"shop.orders\"} 1.0\n")
                .contains("sluice_lease_extensions_total{outcome=\"granted\"} 1.0\n")
                .contains("sluice_lease_extensions_total{outcome=\"refused\"} 2.0\n")
                .containsPattern(
                        "queen_worker_requests_per_minute\\{hostname=\"[^\"]+\",op=\"ack\",pid=\"\\d+\",worker_id=\"0\"}")
                .contains("route=\"/api/v1/push\",status=\"2xx\"")
                .contains("route=\"none\",status=\"4xx\"");
        assertThat(samples.stream().filter(each -> each.startsWith("sluice_pop_empty_total")))
                .as("three queues by name, and the others")
                .hasSize(4)
                .contains("sluice_pop_empty_total{queues=\"other\"}");
    }
}
