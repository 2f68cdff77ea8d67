package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.AdminJson.time;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.TimeRange;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.QueueIds;
import dev.sluice.queue.view.Counter;
import dev.sluice.queue.view.MessageCounts;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.MinuteCounters.Created;
import dev.sluice.queue.view.MinuteCounters.Point;
import dev.sluice.queue.view.MinuteCounters.Range;
import dev.sluice.queue.view.MinuteCounters.Which;
import dev.sluice.queue.view.QueueOverview;
import dev.sluice.queue.view.QueueStatus;
import dev.sluice.queue.view.ResourceFilter;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The routes charts are drawn from: what was counted by minute, over the time from {@code from} to {@code to}, by
 * default the last hour, in points whose length {@link TimeRange#bucket} gives. There is a point only where something
 * was counting.
 */
public final class AnalyticsEndpoints {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration DAY = Duration.ofDays(1);
    /** The largest number of points by time. With the shortest points of a long chart it covers more than 13 years. */
    private static final int TIMES = 20_000;

    private final MinuteCounters counters;
    private final QueueOverview overview;
    private final DatabaseExecutor executor;
    private final int listMax;

    public AnalyticsEndpoints(MinuteCounters counters, QueueOverview overview, DatabaseExecutor executor, int listMax) {
        this.counters = counters;
        this.overview = overview;
        this.executor = executor;
        this.listMax = listMax;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/api/v1/status", READ_ONLY, this::status),
                get("/api/v1/status/analytics", READ_ONLY, this::pushes),
                get("/api/v1/analytics/system-metrics", READ_ONLY, this::systemMetrics),
                get("/api/v1/analytics/worker-metrics", READ_ONLY, this::workerMetrics),
                get("/api/v1/analytics/queue-lag", READ_ONLY, this::queueLag),
                get("/api/v1/analytics/queue-ops", READ_ONLY, this::queueOps),
                get("/api/v1/analytics/queue-parked-replicas", READ_ONLY, this::parked),
                get("/api/v1/analytics/retention", READ_ONLY, this::retention));
    }

    /** The time, the queues and the bridges that a request asks for. */
    private record Asked(
            TimeRange time, ResourceFilter queues, @Nullable String host, boolean noBridge) {
        static Asked of(Request request, Duration usual) {
            return new Asked(
                    TimeRange.of(request, usual),
                    new ResourceFilter(
                            Parameters.nameInQuery(request, "queue"),
                            Parameters.textInQuery(request, "namespace"),
                            Parameters.textInQuery(request, "task")),
                    Parameters.textInQuery(request, "hostname"),
                    Parameters.numberInQuery(request, "workerId", BridgeName.ID, 0, Integer.MAX_VALUE)
                            != BridgeName.ID);
        }

        Range range() {
            return time.of(queues, host);
        }
    }

    /**
     * Shows the state of everything: a point of {@code throughput} for each bucket, newest first; the queues; their
     * messages by state; leases; dead letters with their most frequent errors; the bridges; and errors.
     */
    private CompletableFuture<Answer> status(Request request) {
        Asked asked = Asked.of(request, HOUR);
        PageRequest page = PageRequest.of(request, "queues", listMax, listMax, 1);
        return executor.read(() -> {
            List<Point> points = byTime(asked);
            UsageByTime usage = UsageByTime.read(counters, asked.range());
            ObjectNode body = object();
            asked.time().describe(body);
            body.put("pointCount", points.size());
            ArrayNode throughput = body.putArray("throughput");
            points.forEach(point -> ChartJson.throughputPoint(
                    throughput.addObject(), point, asked.time().bucket(), usage));
            Sums sums = Sums.of(points);
            statusOfQueues(request, page, body, asked.queues(), sums);
            QueueOverview.Leases leases = overview.leases(asked.queues());
            body.putObject("leases")
                    .put("active", leases.active())
                    .put("partitionsWithLeases", leases.partitions())
                    .put("totalBatchSize", leases.messages())
                    .put("totalAcked", leases.acked());
            QueueOverview.DeadLetterSummary letters = overview.deadLetters(asked.queues());
            ArrayNode errors = body.putObject("deadLetterQueue")
                    .put("totalMessages", letters.letters())
                    .put("affectedPartitions", letters.partitions())
                    .putArray("topErrors");
            letters.errors()
                    .forEach(each ->
                            errors.addObject().put("error", each.error()).put("count", each.letters()));
            workers(body.putArray("workers"), asked);
            body.putObject("errors")
                    .put("dbErrors", sums.get(Counter.DATABASE_ERRORS))
                    .put("ackFailed", sums.get(Counter.ACK_FAILED))
                    .put("dlqMessages", sums.get(Counter.DEAD_LETTERS));
            return Answer.json(OK, body.put("statsAge", 0));
        });
    }

    private List<Point> byTime(Asked asked) {
        return counters.series(asked.range(), false, false, Which.ALL, TIMES, null);
    }

    /** Returns the sums over the whole time, for each queue behind {@code after} or for each bridge. */
    private List<Point> sums(Asked asked, boolean byQueue, int limit, @Nullable String after) {
        var all = new Range(asked.time().from(), asked.time().to(), Duration.ZERO, asked.queues(), asked.host());
        Instant bucket = all.from().truncatedTo(ChronoUnit.MINUTES);
        return counters.series(
                all,
                byQueue,
                !byQueue,
                byQueue ? Which.POPPED : Which.ALL,
                limit,
                after == null ? null : new MinuteCounters.Key(bucket, after, ""));
    }

    private void statusOfQueues(Request request, PageRequest page, ObjectNode body, ResourceFilter filter, Sums sums) {
        List<QueueStatus> rows = overview.queues(filter, page.number(0), page.rows(), page.offset());
        List<QueueStatus> shown = page.page(rows);
        Map<Long, Long> consumed = overview.consumedByQueue(
                shown.stream().map(each -> each.queue().id()).toList());
        ArrayNode list = body.putArray("queues");
        for (QueueStatus each : shown) {
            list.addObject()
                    .put("id", QueueIds.toUuid(each.queue().id()).toString())
                    .put("name", each.queue().name())
                    .put("namespace", each.queue().namespace())
                    .put("task", each.queue().task())
                    .put("partitions", each.queue().partitions())
                    .put("totalConsumed", consumed.getOrDefault(each.queue().id(), 0L));
        }
        PageRequest.announce(
                request,
                body,
                page.isTruncated(rows)
                        ? page.cursor(shown.get(shown.size() - 1).queue().id())
                        : null);
        ObjectNode messages = body.putObject("messages");
        ResourceEndpoints.counts(messages, overview.totals(filter).sum().counts());
        messages.putObject("requests")
                .put("push", sums.get(Counter.PUSH_REQUESTS))
                .put("pop", sums.get(Counter.POP_REQUESTS))
                .put("ack", sums.get(Counter.ACK_REQUESTS));
        messages.putObject("batchEfficiency")
                .put("push", ChartJson.ratio(sums.get(Counter.PUSH_MESSAGES), sums.get(Counter.PUSH_REQUESTS)))
                .put("pop", ChartJson.ratio(sums.get(Counter.POP_MESSAGES), sums.get(Counter.POP_REQUESTS)))
                .put("ack", ChartJson.ratio(ChartJson.acknowledged(sums), sums.get(Counter.ACK_REQUESTS)));
    }

    private void workers(ArrayNode list, Asked asked) {
        Map<String, Sums> byWorker = new TreeMap<>();
        for (Point point : sums(asked, false, listMax, null)) {
            byWorker.computeIfAbsent(point.worker(), unused -> new Sums()).add(point);
        }
        Map<String, UsageByTime> usage = UsageByTime.byWorker(counters, asked.range());
        byWorker.forEach((name, sums) -> {
            UsageByTime.Usage used = UsageByTime.last(usage.get(name));
            BridgeName.of(name)
                    .describe(list.addObject())
                    .put("avgEventLoopLagMs", 0)
                    .put("maxEventLoopLagMs", 0)
                    .put("freeSlots", used.poolIdle())
                    .put("dbConnections", used.poolSize())
                    .put("jobQueueSize", 0)
                    .put("messagesProcessed", sums.get(Counter.PUSH_MESSAGES) + sums.get(Counter.POP_MESSAGES));
        });
    }

    /**
     * {@code {"dataPoints": [{"timestamp": "…", "messages": 10}], "interval": "hour", "from": "…", "to": "…"}}, oldest
     * first; the first page has the newest points.
     */
    private CompletableFuture<Answer> pushes(Request request) {
        Asked asked = Asked.of(request, DAY);
        String interval = Parameters.textInQuery(request, "interval");
        Duration bucket = "minute".equals(interval) ? Duration.ofMinutes(1) : "day".equals(interval) ? DAY : HOUR;
        var range = new Range(asked.time().from(), asked.time().to(), bucket, asked.queues(), null);
        PageRequest page = PageRequest.of(request, "pushes", listMax, listMax, 1);
        return executor.read(() -> {
            ObjectNode body = object();
            ArrayNode list = body.putArray("dataPoints");
            Instant after = page.time(0);
            List<Point> rows = counters.series(
                    range,
                    false,
                    false,
                    Which.ALL,
                    page.rows(),
                    after == null ? null : new MinuteCounters.Key(after, MinuteCounters.NO_QUEUE, ""));
            List<Point> points = page.page(rows);
            for (int i = points.size() - 1; i >= 0; i--) {
                list.addObject()
                        .put("timestamp", time(points.get(i).bucket()))
                        .put("messages", points.get(i).get(Counter.PUSH_MESSAGES));
            }
            body.put("interval", interval == null ? "hour" : interval)
                    .put("from", time(range.from()))
                    .put("to", time(range.to()));
            return Answer.json(
                    OK,
                    PageRequest.announce(
                            request,
                            body,
                            page.isTruncated(rows)
                                    ? page.cursor(points.get(points.size() - 1).bucket())
                                    : null));
        });
    }

    /** Shows the counts of the bridges by time (newest first), by bridge and by queue, and their sums. */
    private CompletableFuture<Answer> workerMetrics(Request request) {
        Asked asked = Asked.of(request, HOUR);
        PageRequest page = PageRequest.of(request, "worker-queues", listMax, listMax, 1);
        return executor.read(() -> {
            List<Point> points = asked.noBridge() ? List.of() : byTime(asked);
            UsageByTime usage = UsageByTime.read(counters, asked.range());
            ObjectNode body = object();
            asked.time().describe(body);
            ArrayNode series = body.put("pointCount", points.size()).putArray("timeSeries");
            points.forEach(point -> ChartJson.workerPoint(
                    series.addObject(), point, asked.time().bucket(), usage));
            ArrayNode workers = body.putArray("workers");
            if (!asked.noBridge()) {
                workers(workers, asked);
            }
            List<Point> rows = asked.noBridge() ? List.of() : sums(asked, true, page.rows(), page.text(0));
            ArrayNode queues = body.putArray("queues");
            String last = "";
            for (Point point : page.page(rows)) {
                last = point.queue();
                queues.addObject()
                        .put("queueName", last)
                        .put("popCount", point.get(Counter.POP_MESSAGES))
                        .put("avgLagMs", ChartJson.ratio(point.get(Counter.LAG_SUM_MS), point.get(Counter.LAG_COUNT)))
                        .put("maxLagMs", point.get(Counter.LAG_MAX_MS));
            }
            PageRequest.announce(request, body, page.isTruncated(rows) ? page.cursor(last) : null);
            Sums sums = Sums.of(points);
            MessageCounts all = overview.totals(ResourceFilter.ALL).sum().counts();
            body.putObject("summary")
                    .put("totalPushMessages", sums.get(Counter.PUSH_MESSAGES))
                    .put("totalPopMessages", sums.get(Counter.POP_MESSAGES))
                    .put("totalAckMessages", ChartJson.acknowledged(sums))
                    .put("totalPushRequests", sums.get(Counter.PUSH_REQUESTS))
                    .put("totalPopRequests", sums.get(Counter.POP_REQUESTS))
                    .put("totalAckRequests", sums.get(Counter.ACK_REQUESTS))
                    .put("totalDbErrors", sums.get(Counter.DATABASE_ERRORS))
                    .put("totalAckFailed", sums.get(Counter.ACK_FAILED))
                    .put("totalDlq", sums.get(Counter.DEAD_LETTERS))
                    .put("pendingMessages", all.pending());
            return Answer.json(OK, body);
        });
    }

    /**
     * {@code [{"queueName": "orders", "popCount": 10, "avgLagMs": 12.5, "maxLagMs": 40, "bucketTime": "…"}]}, newest
     * first.
     */
    private CompletableFuture<Answer> queueLag(Request request) {
        Asked asked = Asked.of(request, HOUR);
        PageRequest page = pageOfPoints(request, "queue-lag");
        return executor.read(() -> {
            ArrayNode list = JsonNodeFactory.instance.arrayNode();
            List<Point> rows = counters.series(asked.range(), true, false, Which.POPPED, page.rows(), key(page));
            PageRequest.announce(request, next(page, rows));
            for (Point point : page.page(rows)) {
                ObjectNode node = list.addObject()
                        .put("queueName", point.queue())
                        .put("popCount", point.get(Counter.POP_MESSAGES));
                ChartJson.lag(node, point);
                node.put("bucketTime", time(point.bucket()));
            }
            return Answer.json(OK, list);
        });
    }

    private PageRequest pageOfPoints(Request request, String list) {
        return PageRequest.of(request, list, listMax, listMax, 3);
    }

    private static MinuteCounters.@Nullable Key key(PageRequest page) {
        Instant bucket = page.time(0);
        String queue = page.text(1);
        String worker = page.text(2);
        return bucket == null || queue == null || worker == null ? null : new MinuteCounters.Key(bucket, queue, worker);
    }

    private static @Nullable String next(PageRequest page, List<Point> rows) {
        if (!page.isTruncated(rows)) {
            return null;
        }
        Point last = rows.get(page.limit() - 1);
        return page.cursor(last.bucket(), last.queue(), last.worker());
    }

    /** Shows counts by time and queue, newest first, and the names of the queues. */
    private CompletableFuture<Answer> queueOps(Request request) {
        Asked asked = Asked.of(request, HOUR);
        PageRequest page = pageOfPoints(request, "queue-ops");
        return executor.read(() -> {
            Duration bucket = asked.time().bucket();
            List<Point> rows = counters.series(asked.range(), true, false, Which.NAMED, page.rows(), key(page));
            List<Point> points = page.page(rows);
            Set<String> names = new TreeSet<>();
            points.forEach(point -> names.add(point.queue()));
            Map<String, Long> partitions = overview.partitionNumbers(names);
            Map<String, Long> created = new HashMap<>();
            for (Created each : counters.partitionsCreated(asked.range(), names)) {
                created.put(each.bucket() + " " + each.queue(), each.partitions());
            }
            ObjectNode body = object();
            asked.time().describe(body);
            PageRequest.announce(request, body, next(page, rows));
            ArrayNode series = body.putArray("series");
            for (Point point : points) {
                ChartJson.operations(series.addObject(), point, bucket)
                        .put("partitionsCreated", created.getOrDefault(point.bucket() + " " + point.queue(), 0L))
                        .put("partitionsDeleted", point.get(Counter.PARTITIONS_DELETED))
                        .put("partitionCount", partitions.getOrDefault(point.queue(), 0L));
            }
            ArrayNode queues = body.putArray("queues");
            names.forEach(queues::add);
            return Answer.json(OK, body);
        });
    }

    /** Shows the largest number of waiting pops by time, queue and bridge, and the bridges. */
    private CompletableFuture<Answer> parked(Request request) {
        Asked asked = Asked.of(request, HOUR);
        PageRequest page = pageOfPoints(request, "parked");
        return executor.read(() -> {
            ObjectNode body = object();
            asked.time().describe(body);
            ArrayNode series = body.putArray("series");
            Set<String> names = new TreeSet<>();
            List<Point> rows = counters.series(asked.range(), true, true, Which.PARKED, page.rows(), key(page));
            PageRequest.announce(request, body, next(page, rows));
            for (Point point : page.page(rows)) {
                names.add(point.worker());
                ObjectNode node =
                        series.addObject().put("bucket", time(point.bucket())).put("queueName", point.queue());
                BridgeName.of(point.worker()).describe(node).put("parkedCount", point.get(Counter.PARKED));
            }
            ArrayNode replicas = body.putArray("replicas");
            names.forEach(name -> BridgeName.of(name).describe(replicas.addObject()));
            return Answer.json(OK, body);
        });
    }

    /** Shows messages deleted by retention, by time and reason, newest first, and their sums. */
    private CompletableFuture<Answer> retention(Request request) {
        Asked asked = Asked.of(request, HOUR);
        return executor.read(() -> {
            ObjectNode body = object();
            asked.time().describe(body);
            ArrayNode series = body.putArray("series");
            var sums = new Sums();
            for (Point point : byTime(asked)) {
                var one = Sums.of(List.of(point));
                if (one.get(Counter.RETENTION_EVENTS) > 0) {
                    ChartJson.retained(series.addObject().put("bucket", time(point.bucket())), one);
                }
                sums.add(point);
            }
            ChartJson.retained(body.putObject("totals"), sums);
            return Answer.json(OK, body);
        });
    }

    /** Shows samples of the bridges by bridge and time, oldest first. */
    private CompletableFuture<Answer> systemMetrics(Request request) {
        Asked asked = Asked.of(request, HOUR);
        return executor.read(() -> {
            ObjectNode body = object();
            asked.time().describe(body);
            SystemMetricsJson.write(body, asked.noBridge() ? List.of() : counters.samples(asked.range()));
            return Answer.json(OK, body);
        });
    }
}
