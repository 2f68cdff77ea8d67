package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.AdminJson.time;
import static dev.sluice.bridge.http.Answer.NOT_FOUND;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.TimeRange;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.QueueIds;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.view.Counter;
import dev.sluice.queue.view.MessageCounts;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.MinuteCounters.Which;
import dev.sluice.queue.view.PartitionStatus;
import dev.sluice.queue.view.QueueOverview;
import dev.sluice.queue.view.QueueStatus;
import dev.sluice.queue.view.ResourceFilter;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The routes that show queues, namespaces and tasks with their current counts. */
public final class ResourceEndpoints {
    private static final int MAX_LIMIT = 1_000;
    private static final int USUAL_LIMIT = 100;
    /** The overview averages the throughput over this time. */
    private static final Duration RECENT = Duration.ofMinutes(5);
    /** A point for each minute, and one for the current minute. */
    private static final int RECENT_POINTS = 6;

    private final QueueOverview overview;
    private final MinuteCounters counters;
    private final DatabaseExecutor executor;
    private final int listMax;

    public ResourceEndpoints(QueueOverview overview, MinuteCounters counters, DatabaseExecutor executor, int listMax) {
        this.overview = overview;
        this.counters = counters;
        this.executor = executor;
        this.listMax = listMax;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/api/v1/resources/queues", READ_ONLY, this::queues),
                get("/api/v1/resources/queues/{queue}", READ_ONLY, this::queue),
                get("/api/v1/resources/namespaces", READ_ONLY, this::namespaces),
                get("/api/v1/resources/tasks", READ_ONLY, this::tasks),
                get("/api/v1/resources/overview", READ_ONLY, this::overview),
                get("/api/v1/status/queues", READ_ONLY, this::statusQueues),
                get("/api/v1/status/queues/{queue}", READ_ONLY, this::statusQueue),
                post("/api/v1/stats/refresh", ADMIN, this::refresh));
    }

    /**
     * Lists queues, newest first.
     *
     * <pre>{@code
     * {"queues": [{"id": "…", "name": "orders", "namespace": "orders", "task": "", "createdAt": "…", "partitions": 3,
     *              "messages": {"total": 10, "pending": 7, "processing": 1}}, …]}
     * }</pre>
     */
    private CompletableFuture<Answer> queues(Request request) {
        PageRequest page = PageRequest.of(request, "queues", listMax, listMax, 1);
        ResourceFilter filter = filter(request);
        return executor.read(() -> Answer.json(OK, list(request, filter, page)));
    }

    /**
     * Lists queues as {@link #queues} does, by default a hundred of them, with {@code "pagination": {"limit": 100,
     * "offset": 0}}.
     */
    private CompletableFuture<Answer> statusQueues(Request request) {
        ResourceFilter filter = filter(request);
        PageRequest page = PageRequest.of(request, "queues", USUAL_LIMIT, Math.min(MAX_LIMIT, listMax), 1);
        return executor.read(() -> {
            ObjectNode body = list(request, filter, page);
            body.putObject("pagination").put("limit", page.limit()).put("offset", page.offset());
            return Answer.json(OK, body);
        });
    }

    private static ResourceFilter filter(Request request) {
        return new ResourceFilter(
                null, Parameters.textInQuery(request, "namespace"), Parameters.textInQuery(request, "task"));
    }

    private ObjectNode list(Request request, ResourceFilter filter, PageRequest page) {
        ObjectNode body = object();
        ArrayNode list = body.putArray("queues");
        List<QueueStatus> rows = overview.queues(filter, page.number(0), page.rows(), page.offset());
        long last = 0;
        for (QueueStatus each : page.page(rows)) {
            ObjectNode queue = queue(list.addObject(), each.queue());
            queue.put("partitions", each.queue().partitions());
            queue.putObject("messages")
                    .put("total", each.counts().total())
                    .put("pending", each.counts().pending())
                    .put("processing", each.counts().processing());
            last = each.queue().id();
        }
        return PageRequest.announce(request, body, page.isTruncated(rows) ? page.cursor(last) : null);
    }

    /**
     * Shows a queue.
     *
     * <pre>{@code
     * {"id": "…", "name": "orders", "namespace": "orders", "task": "", "createdAt": "…",
     *  "partitions": [{"id": "…", "name": "customer-7", "createdAt": "…",
     *                  "stats": {"total": 10, "pending": 7, "processing": 1, "completed": 2, "failed": 0,
     *                    "deadLetter": 1},
     *                  "oldestMessage": "…", "newestMessage": "…"}],
     *  "totals": {"total": 10, …}}
     * }</pre>
     *
     * Partitions are ordered by name, and in pages; {@code totals} are the totals of the whole queue.
     */
    private CompletableFuture<Answer> queue(Request request) {
        String name = request.pathParameter("queue");
        PageRequest page = partitionsOf(request);
        return found(name, status -> {
            ObjectNode body = queue(object(), status.queue());
            ArrayNode list = body.putArray("partitions");
            List<PartitionStatus> rows = partitions(status, page);
            for (PartitionStatus each : page.page(rows)) {
                ObjectNode partition = partition(list.addObject(), each);
                counts(partition.putObject("stats"), each.counts());
                partition.put("oldestMessage", time(each.oldestAt()));
                partition.put("newestMessage", time(each.newestAt()));
            }
            counts(body.putObject("totals"), status.counts());
            return PageRequest.announce(request, body, next(page, rows));
        });
    }

    private PageRequest partitionsOf(Request request) {
        return PageRequest.of(request, "partitions", listMax, listMax, 1);
    }

    private List<PartitionStatus> partitions(QueueStatus queue, PageRequest page) {
        String after = page.text(0);
        return overview.partitions(queue.queue().id(), after == null ? "" : after, page.rows());
    }

    private static @Nullable String next(PageRequest page, List<PartitionStatus> rows) {
        return page.isTruncated(rows) ? page.cursor(rows.get(page.limit() - 1).name()) : null;
    }

    /**
     * Shows a queue as {@link #queue} does, with its options, the position of each group in each partition, and the
     * time of the last push.
     */
    private CompletableFuture<Answer> statusQueue(Request request) {
        String name = request.pathParameter("queue");
        PageRequest page = partitionsOf(request);
        return found(name, status -> {
            ObjectNode body = object();
            QueueOptions options = status.queue().options();
            ObjectNode queue = queue(body.putObject("queue"), status.queue()).put("priority", options.priority());
            queue.putObject("config")
                    .put("leaseTime", options.leaseTime().toSeconds())
                    .put("retryLimit", options.retryLimit())
                    .put(
                            "retryDelay",
                            options.retryDelay() == null
                                    ? 0
                                    : options.retryDelay().toMillis())
                    .put("ttl", options.ttl() == null ? 0 : options.ttl().toSeconds())
                    .put("maxQueueSize", options.maxSize())
                    .put("deadLetterQueue", options.deadLetterQueue());
            ArrayNode list = body.putArray("partitions");
            List<PartitionStatus> rows = partitions(status, page);
            for (PartitionStatus each : page.page(rows)) {
                ObjectNode partition = partition(list.addObject(), each);
                counts(partition.putObject("messages"), each.counts());
                counts(partition.putObject("stats"), each.counts());
                partition
                        .putObject("cursor")
                        .put("totalConsumed", each.consumed())
                        .put("batchesConsumed", 0);
                partition.put("lastActivity", time(each.lastPushAt()));
                partition.put("oldestMessage", time(each.oldestAt()));
                partition.put("newestMessage", time(each.newestAt()));
            }
            ObjectNode totals = body.putObject("totals");
            counts(totals.putObject("messages"), status.counts());
            counts(totals, status.counts());
            return PageRequest.announce(request, body, next(page, rows));
        });
    }

    private CompletableFuture<Answer> found(String name, Function<QueueStatus, ObjectNode> body) {
        return executor.read(() -> {
            @Nullable QueueStatus status = overview.queue(name).orElse(null);
            return status == null
                    ? Answer.json(NOT_FOUND, object().put("error", "Queue not found"))
                    : Answer.json(OK, body.apply(status));
        });
    }

    /**
     * {@code {"namespaces": [{"namespace": "orders", "queues": 2, "partitions": 3, "messages": {"total": 10, "pending":
     * 7}}]}}, by name.
     */
    private CompletableFuture<Answer> namespaces(Request request) {
        return grouped(request, "namespaces", "namespace", overview::namespaces);
    }

    /**
     * {@code {"tasks": [{"task": "", "queues": 2, "partitions": 3, "messages": {"total": 10, "pending": 7}}]}}, by
     * name.
     */
    private CompletableFuture<Answer> tasks(Request request) {
        return grouped(request, "tasks", "task", overview::tasks);
    }

    private interface TotalsByName {
        List<QueueOverview.Sum> after(@Nullable String label, int limit);
    }

    private CompletableFuture<Answer> grouped(Request request, String field, String name, TotalsByName sums) {
        PageRequest page = PageRequest.of(request, field, listMax, listMax, 1);
        return executor.read(() -> {
            ObjectNode body = object();
            ArrayNode list = body.putArray(field);
            List<QueueOverview.Sum> rows = sums.after(page.text(0), page.rows());
            String last = "";
            for (QueueOverview.Sum sum : page.page(rows)) {
                last = sum.label();
                list.addObject()
                        .put(name, sum.label())
                        .put("queues", sum.queues())
                        .put("partitions", sum.partitions())
                        .putObject("messages")
                        .put("total", sum.counts().total())
                        .put("pending", sum.counts().pending());
            }
            return Answer.json(
                    OK, PageRequest.announce(request, body, page.isTruncated(rows) ? page.cursor(last) : null));
        });
    }

    /**
     * Shows totals over all queues.
     *
     * <pre>{@code
     * {"queues": 2, "partitions": 3, "namespaces": 1, "tasks": 1,
     *  "messages": {"total": 10, "pending": 7, "processing": 1, "completed": 2, "failed": 0, "deadLetter": 1},
     *  "lag": {"time": {"avg": 1.5, "median": 1.5, "min": 1, "max": 2}, "offset": {…}},
     *  "throughput": {"ingestedPerSecond": 2.5, "processedPerSecond": 2.0}, "timestamp": "…", "statsAge": 0}
     * }</pre>
     *
     * {@code lag.time} is in seconds, {@code lag.offset} in messages, both over the partitions with unread messages.
     * The throughput is the one of the last five minutes.
     */
    private CompletableFuture<Answer> overview(Request request) {
        return executor.read(() -> {
            QueueOverview.Totals totals = overview.totals(ResourceFilter.ALL);
            ObjectNode body = object().put("queues", totals.sum().queues())
                    .put("partitions", totals.sum().partitions())
                    .put("namespaces", totals.namespaces())
                    .put("tasks", totals.tasks());
            counts(body.putObject("messages"), totals.sum().counts());
            QueueOverview.Lag lag = overview.lag();
            ObjectNode lags = body.putObject("lag");
            spread(lags.putObject("time"), lag.seconds());
            spread(lags.putObject("offset"), lag.messages());
            TimeRange recent = TimeRange.last(RECENT);
            long ingested = 0;
            long processed = 0;
            for (var point : counters.series(
                    recent.of(ResourceFilter.ALL, null), false, false, Which.ALL, RECENT_POINTS, null)) {
                ingested += point.get(Counter.PUSH_MESSAGES);
                processed += point.get(Counter.ACK_COMPLETED);
            }
            body.putObject("throughput")
                    .put("ingestedPerSecond", perSecond(ingested, RECENT))
                    .put("processedPerSecond", perSecond(processed, RECENT));
            return Answer.json(OK, body.put("timestamp", time(Instant.now())).put("statsAge", 0));
        });
    }

    /** Counts rows. Counts are never stale, so there is nothing to refresh. */
    private CompletableFuture<Answer> refresh(Request request) {
        return executor.read(() -> {
            QueueOverview.Totals totals = overview.totals(ResourceFilter.ALL);
            ObjectNode body = object();
            body.putObject("partition").put("partitionsUpdated", totals.sum().partitions());
            body.putObject("queue").put("queuesUpdated", totals.sum().queues());
            body.putObject("namespace").put("namespacesUpdated", totals.namespaces());
            body.putObject("task").put("tasksUpdated", totals.tasks());
            body.putObject("system").put("systemUpdated", true);
            body.putObject("cleanup").put("orphanedDeleted", 0);
            return Answer.json(OK, body);
        });
    }

    static double perSecond(long count, Duration time) {
        return Math.round(100.0 * count / Math.max(1, time.toSeconds())) / 100.0;
    }

    private static void spread(ObjectNode node, QueueOverview.Spread spread) {
        node.put("avg", spread.average())
                .put("median", spread.median())
                .put("min", spread.least())
                .put("max", spread.greatest());
    }

    private static ObjectNode queue(ObjectNode node, QueueInfo queue) {
        return node.put("id", QueueIds.toUuid(queue.id()).toString())
                .put("name", queue.name())
                .put("namespace", queue.namespace())
                .put("task", queue.task())
                .put("createdAt", time(queue.createdAt()));
    }

    private static ObjectNode partition(ObjectNode node, PartitionStatus partition) {
        return node.put("id", PartitionIds.toUuid(partition.id()).toString())
                .put("name", partition.name())
                .put("createdAt", time(partition.createdAt()));
    }

    /** {@code failed} is 0: a failed message is redelivered or becomes a dead letter. */
    static void counts(ObjectNode node, MessageCounts counts) {
        node.put("total", counts.total())
                .put("pending", counts.pending())
                .put("processing", counts.processing())
                .put("completed", counts.completed())
                .put("failed", 0)
                .put("deadLetter", counts.deadLetters());
    }
}
