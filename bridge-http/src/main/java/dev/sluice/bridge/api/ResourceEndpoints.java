package dev.sluice.bridge.api;

import static dev.sluice.bridge.api.AdminJson.NOT_FOUND;
import static dev.sluice.bridge.api.AdminJson.OK;
import static dev.sluice.bridge.api.AdminJson.object;
import static dev.sluice.bridge.api.AdminJson.time;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.queue.Counter;
import dev.sluice.queue.MessageCounts;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PartitionStatus;
import dev.sluice.queue.QueueIds;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.QueueStatus;
import dev.sluice.queue.ResourceFilter;
import dev.sluice.queue.Resources;
import io.javalin.http.Context;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The routes that show which queues there are and what they hold. Counts are of the moment. */
final class ResourceEndpoints {
    private static final int MAX_LIMIT = 1_000;
    private static final int USUAL_LIMIT = 100;
    /** Time over which the throughput of the overview is taken. */
    private static final Duration RECENT = Duration.ofMinutes(5);

    private final Administration administration;

    ResourceEndpoints(Administration administration) {
        this.administration = administration;
    }

    /**
     * <pre>{@code
     * {"queues": [{"id": "…", "name": "orders", "namespace": "orders", "task": "", "createdAt": "…", "partitions": 3,
     *              "messages": {"total": 10, "pending": 7, "processing": 1}}, …]}
     * }</pre>
     */
    CompletableFuture<Answer> queues(Context ctx) {
        return administration.run(() -> Answer.json(OK, list(ResourceFilter.ALL, Resources.MAX_QUEUES, 0)));
    }

    /** As {@link #queues}, a part of it, with {@code "pagination": {"limit": 100, "offset": 0}}. */
    CompletableFuture<Answer> statusQueues(Context ctx) {
        var filter =
                new ResourceFilter(null, Parameters.textInQuery(ctx, "namespace"), Parameters.textInQuery(ctx, "task"));
        int limit = Parameters.numberInQuery(ctx, "limit", USUAL_LIMIT, 0, MAX_LIMIT);
        int offset = Parameters.numberInQuery(ctx, "offset", 0, 0, Integer.MAX_VALUE);
        return administration.run(() -> {
            ObjectNode body = list(filter, limit, offset);
            body.putObject("pagination").put("limit", limit).put("offset", offset);
            return Answer.json(OK, body);
        });
    }

    private ObjectNode list(ResourceFilter filter, int limit, int offset) {
        ObjectNode body = object();
        ArrayNode list = body.putArray("queues");
        for (QueueStatus each : administration.resources().queues(filter, limit, offset)) {
            ObjectNode queue = queue(list.addObject(), each.queue());
            queue.put("partitions", each.queue().partitions());
            queue.putObject("messages")
                    .put("total", each.counts().total())
                    .put("pending", each.counts().pending())
                    .put("processing", each.counts().processing());
        }
        return body;
    }

    /**
     * <pre>{@code
     * {"id": "…", "name": "orders", "namespace": "orders", "task": "", "createdAt": "…",
     *  "partitions": [{"id": "…", "name": "customer-7", "createdAt": "…",
     *                  "stats": {"total": 10, "pending": 7, "processing": 1, "completed": 2, "failed": 0, "deadLetter": 1},
     *                  "oldestMessage": "…", "newestMessage": "…"}],
     *  "totals": {"total": 10, …}}
     * }</pre>
     */
    CompletableFuture<Answer> queue(Context ctx) {
        String name = ctx.pathParam("queue");
        return found(name, status -> {
            ObjectNode body = queue(object(), status.queue());
            ArrayNode list = body.putArray("partitions");
            for (PartitionStatus each :
                    administration.resources().partitions(status.queue().id())) {
                ObjectNode partition = partition(list.addObject(), each);
                counts(partition.putObject("stats"), each.counts());
                partition.put("oldestMessage", time(each.oldestAt()));
                partition.put("newestMessage", time(each.newestAt()));
            }
            counts(body.putObject("totals"), status.counts());
            return body;
        });
    }

    /**
     * As {@link #queue}, with the options of the queue, what its groups have read of each partition, and when it was last pushed
     * to.
     */
    CompletableFuture<Answer> statusQueue(Context ctx) {
        String name = ctx.pathParam("queue");
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
            for (PartitionStatus each :
                    administration.resources().partitions(status.queue().id())) {
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
            return body;
        });
    }

    private CompletableFuture<Answer> found(String name, Function<QueueStatus, ObjectNode> body) {
        return administration.run(() -> {
            @Nullable
            QueueStatus status = administration.resources().queue(name).orElse(null);
            return status == null
                    ? Answer.json(NOT_FOUND, object().put("error", "Queue not found"))
                    : Answer.json(OK, body.apply(status));
        });
    }

    /** {@code {"namespaces": [{"namespace": "orders", "queues": 2, "partitions": 3, "messages": {"total": 10, "pending": 7}}]}}. */
    CompletableFuture<Answer> namespaces(Context ctx) {
        return grouped("namespaces", "namespace", QueueInfo::namespace);
    }

    /** {@code {"tasks": [{"task": "", "queues": 2, "partitions": 3, "messages": {"total": 10, "pending": 7}}]}}. */
    CompletableFuture<Answer> tasks(Context ctx) {
        return grouped("tasks", "task", QueueInfo::task);
    }

    private CompletableFuture<Answer> grouped(String field, String name, Function<QueueInfo, String> key) {
        return administration.run(() -> {
            ObjectNode body = object();
            ArrayNode list = body.putArray(field);
            Map<String, Sum> sums = new TreeMap<>();
            for (QueueStatus each : all()) {
                sums.computeIfAbsent(key.apply(each.queue()), unused -> new Sum())
                        .add(each);
            }
            sums.forEach((value, sum) -> list.addObject()
                    .put(name, value)
                    .put("queues", sum.queues)
                    .put("partitions", sum.partitions)
                    .putObject("messages")
                    .put("total", sum.counts.total())
                    .put("pending", sum.counts.pending()));
            return Answer.json(OK, body);
        });
    }

    private List<QueueStatus> all() {
        return administration.resources().queues(ResourceFilter.ALL, Resources.MAX_QUEUES, 0);
    }

    /** What several queues hold together. */
    static final class Sum {
        long queues;
        long partitions;
        MessageCounts counts = MessageCounts.NONE;

        void add(QueueStatus status) {
            queues++;
            partitions += status.queue().partitions();
            counts = counts.plus(status.counts());
        }
    }

    /**
     * <pre>{@code
     * {"queues": 2, "partitions": 3, "namespaces": 1, "tasks": 1,
     *  "messages": {"total": 10, "pending": 7, "processing": 1, "completed": 2, "failed": 0, "deadLetter": 1},
     *  "lag": {"time": {"avg": 1.5, "median": 1.5, "min": 1, "max": 2}, "offset": {…}},
     *  "throughput": {"ingestedPerSecond": 2.5, "processedPerSecond": 2.0}, "timestamp": "…", "statsAge": 0}
     * }</pre>
     *
     * {@code lag.time} is in seconds, {@code lag.offset} in messages, both over the partitions with something unread. The throughput
     * is that of the last five minutes.
     */
    CompletableFuture<Answer> overview(Context ctx) {
        return administration.run(() -> {
            List<QueueStatus> queues = all();
            var sum = new Sum();
            queues.forEach(sum::add);
            ObjectNode body = object().put("queues", sum.queues)
                    .put("partitions", sum.partitions)
                    .put("namespaces", distinct(queues, QueueInfo::namespace))
                    .put("tasks", distinct(queues, QueueInfo::task));
            counts(body.putObject("messages"), sum.counts);
            Resources.Lag lag = administration.resources().lag();
            ObjectNode lags = body.putObject("lag");
            spread(lags.putObject("time"), lag.seconds());
            spread(lags.putObject("offset"), lag.messages());
            TimeRange recent = TimeRange.last(RECENT);
            long ingested = 0;
            long processed = 0;
            for (var point : administration.counters().series(recent.of(ResourceFilter.ALL, null), false, false)) {
                ingested += point.get(Counter.PUSH_MESSAGES);
                processed += point.get(Counter.ACK_COMPLETED);
            }
            body.putObject("throughput")
                    .put("ingestedPerSecond", perSecond(ingested, RECENT))
                    .put("processedPerSecond", perSecond(processed, RECENT));
            return Answer.json(OK, body.put("timestamp", time(Instant.now())).put("statsAge", 0));
        });
    }

    /** Counts are never stale, so there is nothing to do but to say how much there is. */
    CompletableFuture<Answer> refresh(Context ctx) {
        return administration.run(() -> {
            List<QueueStatus> queues = all();
            var sum = new Sum();
            queues.forEach(sum::add);
            ObjectNode body = object();
            body.putObject("partition").put("partitionsUpdated", sum.partitions);
            body.putObject("queue").put("queuesUpdated", sum.queues);
            body.putObject("namespace").put("namespacesUpdated", distinct(queues, QueueInfo::namespace));
            body.putObject("task").put("tasksUpdated", distinct(queues, QueueInfo::task));
            body.putObject("system").put("systemUpdated", true);
            body.putObject("cleanup").put("orphanedDeleted", 0);
            return Answer.json(OK, body);
        });
    }

    static long distinct(List<QueueStatus> queues, Function<QueueInfo, String> of) {
        return queues.stream().map(each -> of.apply(each.queue())).distinct().count();
    }

    static double perSecond(long count, Duration time) {
        return Math.round(100.0 * count / Math.max(1, time.toSeconds())) / 100.0;
    }

    private static void spread(ObjectNode node, Resources.Spread spread) {
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

    /** Nothing stays failed: a failed message is redelivered, or a dead letter. */
    static void counts(ObjectNode node, MessageCounts counts) {
        node.put("total", counts.total())
                .put("pending", counts.pending())
                .put("processing", counts.processing())
                .put("completed", counts.completed())
                .put("failed", 0)
                .put("deadLetter", counts.deadLetters());
    }
}
