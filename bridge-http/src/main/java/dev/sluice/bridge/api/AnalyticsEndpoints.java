package dev.sluice.bridge.api;

import static dev.sluice.bridge.api.AdminJson.OK;
import static dev.sluice.bridge.api.AdminJson.object;
import static dev.sluice.bridge.api.AdminJson.time;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.queue.Counter;
import dev.sluice.queue.MinuteCounters.Created;
import dev.sluice.queue.MinuteCounters.Point;
import dev.sluice.queue.MinuteCounters.Range;
import dev.sluice.queue.QueueIds;
import dev.sluice.queue.QueueStatus;
import dev.sluice.queue.ResourceFilter;
import dev.sluice.queue.Resources;
import io.javalin.http.Context;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The routes charts are drawn from: what was counted by minute, over the time from {@code from} to {@code to}, by default the last
 * hour, in points whose length {@link TimeRange#bucket} gives. There is a point only where something was counted.
 */
final class AnalyticsEndpoints {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration DAY = Duration.ofDays(1);

    private final Administration administration;

    AnalyticsEndpoints(Administration administration) {
        this.administration = administration;
    }

    /** What is asked for: a time, queues and bridges. */
    private record Asked(
            TimeRange time, ResourceFilter queues, @Nullable String host, boolean nobody) {
        static Asked of(Context ctx, Duration usual) {
            return new Asked(
                    TimeRange.of(ctx, usual),
                    new ResourceFilter(
                            Parameters.nameInQuery(ctx, "queue"),
                            Parameters.textInQuery(ctx, "namespace"),
                            Parameters.textInQuery(ctx, "task")),
                    Parameters.textInQuery(ctx, "hostname"),
                    Parameters.numberInQuery(ctx, "workerId", Worker.ID, 0, Integer.MAX_VALUE) != Worker.ID);
        }

        Range range() {
            return time.of(queues, host);
        }
    }

    /**
     * All at a glance: a point of {@code throughput} for each bucket, newest first; the queues; their messages by state; leases;
     * dead letters with their most frequent errors; the bridges; and errors.
     */
    CompletableFuture<Answer> status(Context ctx) {
        Asked asked = Asked.of(ctx, HOUR);
        return administration.run(() -> {
            List<Point> points = administration.counters().series(asked.range(), false, false);
            UsageByTime usage = UsageByTime.read(administration.counters(), asked.range());
            ObjectNode body = object();
            asked.time().describe(body);
            body.put("pointCount", points.size());
            ArrayNode throughput = body.putArray("throughput");
            points.forEach(point ->
                    throughputPoint(throughput.addObject(), point, asked.time().bucket(), usage));
            Sums sums = Sums.of(points);
            statusOfQueues(body, asked.queues(), sums);
            Resources.Leases leases = administration.resources().leases(asked.queues());
            body.putObject("leases")
                    .put("active", leases.active())
                    .put("partitionsWithLeases", leases.partitions())
                    .put("totalBatchSize", leases.messages())
                    .put("totalAcked", leases.acked());
            Resources.DeadLetterSummary letters = administration.resources().deadLetters(asked.queues());
            ArrayNode errors = body.putObject("deadLetterQueue")
                    .put("totalMessages", letters.letters())
                    .put("affectedPartitions", letters.partitions())
                    .putArray("topErrors");
            letters.errors()
                    .forEach(each ->
                            errors.addObject().put("error", each.error()).put("count", each.letters()));
            workers(body.putArray("workers"), asked.range());
            body.putObject("errors")
                    .put("dbErrors", sums.get(Counter.DATABASE_ERRORS))
                    .put("ackFailed", sums.get(Counter.ACK_FAILED))
                    .put("dlqMessages", sums.get(Counter.DEAD_LETTERS));
            return Answer.json(OK, body.put("statsAge", 0));
        });
    }

    private void statusOfQueues(ObjectNode body, ResourceFilter filter, Sums sums) {
        Map<Long, Long> consumed = administration.resources().consumedByQueue();
        ArrayNode list = body.putArray("queues");
        var all = new ResourceEndpoints.Sum();
        for (QueueStatus each : administration.resources().queues(filter, Resources.MAX_QUEUES, 0)) {
            all.add(each);
            list.addObject()
                    .put("id", QueueIds.toUuid(each.queue().id()).toString())
                    .put("name", each.queue().name())
                    .put("namespace", each.queue().namespace())
                    .put("task", each.queue().task())
                    .put("partitions", each.queue().partitions())
                    .put("totalConsumed", consumed.getOrDefault(each.queue().id(), 0L));
        }
        ObjectNode messages = body.putObject("messages");
        ResourceEndpoints.counts(messages, all.counts);
        messages.putObject("requests")
                .put("push", sums.get(Counter.PUSH_REQUESTS))
                .put("pop", sums.get(Counter.POP_REQUESTS))
                .put("ack", sums.get(Counter.ACK_REQUESTS));
        messages.putObject("batchEfficiency")
                .put("push", ratio(sums.get(Counter.PUSH_MESSAGES), sums.get(Counter.PUSH_REQUESTS)))
                .put("pop", ratio(sums.get(Counter.POP_MESSAGES), sums.get(Counter.POP_REQUESTS)))
                .put("ack", ratio(acknowledged(sums), sums.get(Counter.ACK_REQUESTS)));
    }

    private static void throughputPoint(ObjectNode node, Point point, Duration bucket, UsageByTime usage) {
        UsageByTime.Usage used = usage.at(point.bucket());
        long acknowledged = point.get(Counter.ACK_COMPLETED);
        node.put("timestamp", time(point.bucket()))
                .put("ingested", point.get(Counter.PUSH_MESSAGES))
                .put("processed", acknowledged)
                .put("popMessages", point.get(Counter.POP_MESSAGES))
                .put("ingestedPerSecond", perSecond(point, Counter.PUSH_MESSAGES, bucket))
                .put("processedPerSecond", ResourceEndpoints.perSecond(acknowledged, bucket))
                .put("popPerSecond", perSecond(point, Counter.POP_MESSAGES, bucket));
        lag(node, point);
        node.put("avgEventLoopLagMs", 0)
                .put("maxEventLoopLagMs", 0)
                .put("minFreeSlots", used.poolIdle())
                .put("dbErrors", point.get(Counter.DATABASE_ERRORS))
                .put("ackFailed", point.get(Counter.ACK_FAILED))
                .put("dlqCount", point.get(Counter.DEAD_LETTERS))
                .put("queenCpuUserPct", used.userPercent())
                .put("queenCpuSysPct", used.systemPercent())
                .put("queenRssMb", used.residentMegabytes())
                .put("dbPoolActive", used.poolActive())
                .put("dbPoolIdle", used.poolIdle())
                .put("dbPoolSize", used.poolSize());
    }

    private void workers(ArrayNode list, Range range) {
        Map<String, Sums> byWorker = new TreeMap<>();
        for (Point point : administration.counters().series(range, false, true)) {
            byWorker.computeIfAbsent(point.worker(), unused -> new Sums()).add(point);
        }
        Map<String, UsageByTime> usage = UsageByTime.byWorker(administration.counters(), range);
        byWorker.forEach((name, sums) -> {
            UsageByTime.Usage used = UsageByTime.last(usage.get(name));
            Worker.of(name)
                    .describe(list.addObject())
                    .put("avgEventLoopLagMs", 0)
                    .put("maxEventLoopLagMs", 0)
                    .put("freeSlots", used.poolIdle())
                    .put("dbConnections", used.poolSize())
                    .put("jobQueueSize", 0)
                    .put("messagesProcessed", sums.get(Counter.PUSH_MESSAGES) + sums.get(Counter.POP_MESSAGES));
        });
    }

    /** {@code {"dataPoints": [{"timestamp": "…", "messages": 10}], "interval": "hour", "from": "…", "to": "…"}}, oldest first. */
    CompletableFuture<Answer> pushes(Context ctx) {
        Asked asked = Asked.of(ctx, DAY);
        String interval = Parameters.textInQuery(ctx, "interval");
        Duration bucket = "minute".equals(interval) ? Duration.ofMinutes(1) : "day".equals(interval) ? DAY : HOUR;
        var range = new Range(asked.time().from(), asked.time().to(), bucket, asked.queues(), null);
        return administration.run(() -> {
            ObjectNode body = object();
            ArrayNode list = body.putArray("dataPoints");
            List<Point> points = administration.counters().series(range, false, false);
            for (int i = points.size() - 1; i >= 0; i--) {
                list.addObject()
                        .put("timestamp", time(points.get(i).bucket()))
                        .put("messages", points.get(i).get(Counter.PUSH_MESSAGES));
            }
            return Answer.json(
                    OK,
                    body.put("interval", interval == null ? "hour" : interval)
                            .put("from", time(range.from()))
                            .put("to", time(range.to())));
        });
    }

    /** Counts of the bridges by time, newest first; by bridge; by queue; and their sums. */
    CompletableFuture<Answer> workerMetrics(Context ctx) {
        Asked asked = Asked.of(ctx, HOUR);
        return administration.run(() -> {
            List<Point> points =
                    asked.nobody() ? List.of() : administration.counters().series(asked.range(), false, false);
            UsageByTime usage = UsageByTime.read(administration.counters(), asked.range());
            ObjectNode body = object();
            asked.time().describe(body);
            ArrayNode series = body.put("pointCount", points.size()).putArray("timeSeries");
            points.forEach(
                    point -> workerPoint(series.addObject(), point, asked.time().bucket(), usage));
            ArrayNode workers = body.putArray("workers");
            if (!asked.nobody()) {
                workers(workers, asked.range());
            }
            Map<String, Sums> byQueue = new TreeMap<>();
            if (!asked.nobody()) {
                for (Point point : administration.counters().series(asked.range(), true, false)) {
                    byQueue.computeIfAbsent(point.queue(), unused -> new Sums()).add(point);
                }
            }
            ArrayNode queues = body.putArray("queues");
            byQueue.forEach((name, sums) -> {
                if (!name.isEmpty() && sums.get(Counter.POP_MESSAGES) > 0) {
                    queues.addObject()
                            .put("queueName", name)
                            .put("popCount", sums.get(Counter.POP_MESSAGES))
                            .put("avgLagMs", ratio(sums.get(Counter.LAG_SUM_MS), sums.get(Counter.LAG_COUNT)))
                            .put("maxLagMs", sums.get(Counter.LAG_MAX_MS));
                }
            });
            Sums sums = Sums.of(points);
            var all = new ResourceEndpoints.Sum();
            administration
                    .resources()
                    .queues(ResourceFilter.ALL, Resources.MAX_QUEUES, 0)
                    .forEach(all::add);
            body.putObject("summary")
                    .put("totalPushMessages", sums.get(Counter.PUSH_MESSAGES))
                    .put("totalPopMessages", sums.get(Counter.POP_MESSAGES))
                    .put("totalAckMessages", acknowledged(sums))
                    .put("totalPushRequests", sums.get(Counter.PUSH_REQUESTS))
                    .put("totalPopRequests", sums.get(Counter.POP_REQUESTS))
                    .put("totalAckRequests", sums.get(Counter.ACK_REQUESTS))
                    .put("totalDbErrors", sums.get(Counter.DATABASE_ERRORS))
                    .put("totalAckFailed", sums.get(Counter.ACK_FAILED))
                    .put("totalDlq", sums.get(Counter.DEAD_LETTERS))
                    .put("pendingMessages", all.counts.pending());
            return Answer.json(OK, body);
        });
    }

    private static void workerPoint(ObjectNode node, Point point, Duration bucket, UsageByTime usage) {
        UsageByTime.Usage used = usage.at(point.bucket());
        long acknowledged = point.get(Counter.ACK_COMPLETED) + point.get(Counter.ACK_FAILED);
        long requests =
                point.get(Counter.PUSH_REQUESTS) + point.get(Counter.POP_REQUESTS) + point.get(Counter.ACK_REQUESTS);
        node.put("timestamp", time(point.bucket()))
                .put("pushMessages", point.get(Counter.PUSH_MESSAGES))
                .put("popMessages", point.get(Counter.POP_MESSAGES))
                .put("ackMessages", acknowledged)
                .put("pushRequests", point.get(Counter.PUSH_REQUESTS))
                .put("popRequests", point.get(Counter.POP_REQUESTS))
                .put("ackRequests", point.get(Counter.ACK_REQUESTS))
                .put("jobsDone", requests)
                .put("pushPerSecond", perSecond(point, Counter.PUSH_MESSAGES, bucket))
                .put("popPerSecond", perSecond(point, Counter.POP_MESSAGES, bucket))
                .put("ackPerSecond", ResourceEndpoints.perSecond(acknowledged, bucket))
                .put("avgEventLoopLagMs", 0)
                .put("maxEventLoopLagMs", 0)
                .put("avgFreeSlots", used.poolIdle())
                .put("minFreeSlots", used.poolIdle())
                .put("dbConnections", used.poolSize())
                .put("avgJobQueueSize", 0)
                .put("maxJobQueueSize", 0)
                .put("backoffSize", 0);
        lag(node, point);
        node.put("lagCount", point.get(Counter.LAG_COUNT))
                .put("dbErrors", point.get(Counter.DATABASE_ERRORS))
                .put("ackSuccess", point.get(Counter.ACK_COMPLETED))
                .put("ackFailed", point.get(Counter.ACK_FAILED))
                .put("dlqCount", point.get(Counter.DEAD_LETTERS));
    }

    /** {@code [{"queueName": "orders", "popCount": 10, "avgLagMs": 12.5, "maxLagMs": 40, "bucketTime": "…"}]}, newest first. */
    CompletableFuture<Answer> queueLag(Context ctx) {
        Asked asked = Asked.of(ctx, HOUR);
        return administration.run(() -> {
            ArrayNode list = JsonNodeFactory.instance.arrayNode();
            for (Point point : administration.counters().series(asked.range(), true, false)) {
                if (!point.queue().isEmpty() && point.get(Counter.POP_MESSAGES) > 0) {
                    ObjectNode node = list.addObject()
                            .put("queueName", point.queue())
                            .put("popCount", point.get(Counter.POP_MESSAGES));
                    lag(node, point);
                    node.put("bucketTime", time(point.bucket()));
                }
            }
            return Answer.json(OK, list);
        });
    }

    /** Counts by time and queue, newest first, and the names of the queues. */
    CompletableFuture<Answer> queueOps(Context ctx) {
        Asked asked = Asked.of(ctx, HOUR);
        return administration.run(() -> {
            Duration bucket = asked.time().bucket();
            Map<String, Long> partitions = new HashMap<>();
            administration
                    .resources()
                    .queues(asked.queues(), Resources.MAX_QUEUES, 0)
                    .forEach(each ->
                            partitions.put(each.queue().name(), each.queue().partitions()));
            Map<String, Long> created = new HashMap<>();
            for (Created each : administration.counters().partitionsCreated(asked.range())) {
                created.put(each.bucket() + " " + each.queue(), each.partitions());
            }
            ObjectNode body = object();
            asked.time().describe(body);
            ArrayNode series = body.putArray("series");
            Set<String> names = new TreeSet<>();
            for (Point point : administration.counters().series(asked.range(), true, false)) {
                if (!point.queue().isEmpty()) {
                    names.add(point.queue());
                    ObjectNode node = operations(series.addObject(), point, bucket);
                    node.put("partitionsCreated", created.getOrDefault(point.bucket() + " " + point.queue(), 0L))
                            .put("partitionsDeleted", point.get(Counter.PARTITIONS_DELETED))
                            .put("partitionCount", partitions.getOrDefault(point.queue(), 0L));
                }
            }
            ArrayNode queues = body.putArray("queues");
            names.forEach(queues::add);
            return Answer.json(OK, body);
        });
    }

    private static ObjectNode operations(ObjectNode node, Point point, Duration bucket) {
        node.put("bucket", time(point.bucket()))
                .put("queueName", point.queue())
                .put("pushRequests", point.get(Counter.PUSH_REQUESTS))
                .put("pushMessages", point.get(Counter.PUSH_MESSAGES))
                .put("popMessages", point.get(Counter.POP_MESSAGES))
                .put("popEmpty", point.get(Counter.POP_EMPTY))
                .put("ackRequests", point.get(Counter.ACK_REQUESTS))
                .put("ackSuccess", point.get(Counter.ACK_COMPLETED))
                .put("ackFailed", point.get(Counter.ACK_FAILED))
                .put("transactions", point.get(Counter.TRANSACTIONS));
        lag(node, point);
        return node.put("pushPerSecond", perSecond(point, Counter.PUSH_MESSAGES, bucket))
                .put("popPerSecond", perSecond(point, Counter.POP_MESSAGES, bucket))
                .put("ackPerSecond", perSecond(point, Counter.ACK_COMPLETED, bucket))
                .put("emptyPerSecond", perSecond(point, Counter.POP_EMPTY, bucket))
                .put("parkedCount", point.get(Counter.PARKED));
    }

    /** The most pops that waited at a time, by time, queue and bridge; and the bridges. */
    CompletableFuture<Answer> parked(Context ctx) {
        Asked asked = Asked.of(ctx, HOUR);
        return administration.run(() -> {
            ObjectNode body = object();
            asked.time().describe(body);
            ArrayNode series = body.putArray("series");
            Set<String> names = new TreeSet<>();
            for (Point point : administration.counters().series(asked.range(), true, true)) {
                if (!point.queue().isEmpty() && point.get(Counter.PARKED) > 0) {
                    names.add(point.worker());
                    ObjectNode node = series.addObject()
                            .put("bucket", time(point.bucket()))
                            .put("queueName", point.queue());
                    Worker.of(point.worker()).describe(node).put("parkedCount", point.get(Counter.PARKED));
                }
            }
            ArrayNode replicas = body.putArray("replicas");
            names.forEach(name -> Worker.of(name).describe(replicas.addObject()));
            return Answer.json(OK, body);
        });
    }

    /** Messages that had their time, by time and reason, newest first; and their sums. */
    CompletableFuture<Answer> retention(Context ctx) {
        Asked asked = Asked.of(ctx, HOUR);
        return administration.run(() -> {
            ObjectNode body = object();
            asked.time().describe(body);
            ArrayNode series = body.putArray("series");
            var sums = new Sums();
            for (Point point : administration.counters().series(asked.range(), false, false)) {
                var one = Sums.of(List.of(point));
                if (one.get(Counter.RETENTION_EVENTS) > 0) {
                    retained(series.addObject().put("bucket", time(point.bucket())), one);
                }
                sums.add(point);
            }
            retained(body.putObject("totals"), sums);
            return Answer.json(OK, body);
        });
    }

    private static void retained(ObjectNode node, Sums sums) {
        long retention = sums.get(Counter.RETENTION_MESSAGES);
        long completed = sums.get(Counter.COMPLETED_RETENTION_MESSAGES);
        long eviction = sums.get(Counter.EVICTION_MESSAGES);
        node.put("retentionMsgs", retention)
                .put("completedRetentionMsgs", completed)
                .put("evictionMsgs", eviction)
                .put("totalMsgs", retention + completed + eviction)
                .put("eventCount", sums.get(Counter.RETENTION_EVENTS));
    }

    /** How the bridges were: samples by bridge and time, oldest first. */
    CompletableFuture<Answer> systemMetrics(Context ctx) {
        Asked asked = Asked.of(ctx, HOUR);
        return administration.run(() -> {
            ObjectNode body = object();
            asked.time().describe(body);
            SystemMetricsJson.write(
                    body, asked.nobody() ? List.of() : administration.counters().samples(asked.range()));
            return Answer.json(OK, body);
        });
    }

    private static void lag(ObjectNode node, Point point) {
        node.put("avgLagMs", ratio(point.get(Counter.LAG_SUM_MS), point.get(Counter.LAG_COUNT)))
                .put("maxLagMs", point.get(Counter.LAG_MAX_MS));
    }

    private static double perSecond(Point point, Counter counter, Duration bucket) {
        return ResourceEndpoints.perSecond(point.get(counter), bucket);
    }

    private static long acknowledged(Sums sums) {
        return sums.get(Counter.ACK_COMPLETED) + sums.get(Counter.ACK_FAILED);
    }

    private static double ratio(long count, long of) {
        return of == 0 ? 0 : Math.round(100.0 * count / of) / 100.0;
    }

    /** Counts of several points together. */
    private static final class Sums {
        private final Map<Counter, Long> values = new EnumMap<>(Counter.class);

        static Sums of(List<Point> points) {
            var sums = new Sums();
            points.forEach(sums::add);
            return sums;
        }

        void add(Point point) {
            for (Counter counter : Counter.values()) {
                values.merge(counter, point.get(counter), counter.isSum() ? Long::sum : Math::max);
            }
        }

        long get(Counter counter) {
            return values.getOrDefault(counter, 0L);
        }
    }
}
