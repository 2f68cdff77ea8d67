package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.Access.READ_WRITE;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.NOT_FOUND;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.delete;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PartitionKey;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.GroupInfo;
import dev.sluice.queue.admin.GroupPartition;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.admin.SeekTarget;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The routes under {@code /api/v1/consumer-groups}: show the lag of groups, move groups, and delete groups. */
public final class ConsumerGroupEndpoints {
    private static final Duration LAGGING_AFTER = Duration.ofSeconds(300);
    private static final long USUAL_MIN_LAG_S = 3600;
    private static final long MAX_MIN_LAG_S = Integer.MAX_VALUE;
    private static final int USUAL_LAGGING = 1000;
    private static final BigDecimal SECONDS_PER_HOUR = BigDecimal.valueOf(3600);
    private static final int HOUR_DECIMALS = 2;
    private static final String SEEK_TO = "either \"toEnd\": true or a timestamp is required";

    private final ConsumerGroups groups;
    private final Queues queues;
    private final DatabaseExecutor executor;
    private final int listMax;
    private final Consumer<Set<String>> wake;
    private final RequestBodies bodies;

    public ConsumerGroupEndpoints(
            ConsumerGroups groups,
            Queues queues,
            DatabaseExecutor executor,
            int listMax,
            Consumer<Set<String>> wake,
            RequestBodies bodies) {
        this.groups = groups;
        this.queues = queues;
        this.executor = executor;
        this.listMax = listMax;
        this.wake = wake;
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/api/v1/consumer-groups", READ_ONLY, this::list),
                get("/api/v1/consumer-groups/lagging", READ_ONLY, this::lagging), // Before {group}.
                get("/api/v1/consumer-groups/{group}", READ_ONLY, this::details),
                delete("/api/v1/consumer-groups/{group}", ADMIN, this::deleteGroup),
                post("/api/v1/consumer-groups/{group}/subscription", READ_WRITE, this::changeSubscription),
                delete("/api/v1/consumer-groups/{group}/queues/{queue}", ADMIN, this::deleteOnQueue),
                post("/api/v1/consumer-groups/{group}/queues/{queue}/seek", READ_WRITE, this::seek),
                post(
                        "/api/v1/consumer-groups/{group}/queues/{queue}/partitions/{partition}/seek",
                        READ_WRITE,
                        this::seekPartition));
    }

    /**
     * {@code GET /consumer-groups}: a row for each group and queue.
     *
     * <pre>{@code
     * [{"name": "billing", "topics": ["orders"], "queueName": "orders", "members": 4, "partitionsWithLag": 1,
     *   "totalLag": 12, "maxTimeLag": 3, "state": "Stable", "subscriptionMode": "all", "subscriptionTimestamp": null,
     *   "subscriptionCreatedAt": "2026-05-16T10:00:00.123Z"}]
     * }</pre>
     *
     * {@code members} is the number of partitions of the queue, and {@code maxTimeLag} the age of the oldest unread
     * message in seconds. {@code state} is {@code Dead} for a group that has read nothing, and {@code Lagging} above
     * 300 seconds.
     */
    private CompletableFuture<Answer> list(Request request) {
        PageRequest page = PageRequest.of(request, "groups", listMax, listMax, 2);
        return executor.read(() -> {
            ArrayNode answer = array();
            String group = page.text(0);
            String queue = page.text(1);
            var after = group == null || queue == null ? null : new ConsumerGroups.Key(group, queue);
            List<GroupInfo> rows = groups.list(null, null, after, page.rows());
            GroupInfo last = null;
            for (GroupInfo each : page.page(rows)) {
                write(answer.addObject(), each);
                last = each;
            }
            PageRequest.announce(
                    request, page.isTruncated(rows) && last != null ? page.cursor(last.name(), last.queue()) : null);
            return Answer.json(OK, answer);
        });
    }

    private static void write(ObjectNode json, GroupInfo group) {
        Instant from = group.subscription().from();
        json.put("name", group.name());
        json.putArray("topics").add(group.queue());
        json.put("queueName", group.queue())
                .put("members", group.partitions())
                .put("partitionsWithLag", group.partitionsWithLag())
                .put("totalLag", group.lag())
                .put("maxTimeLag", group.timeLag().toSeconds())
                .put("state", state(group))
                .put("subscriptionMode", mode(group.subscription()))
                .put("subscriptionTimestamp", AdminJson.time(from))
                .put("subscriptionCreatedAt", AdminJson.time(group.createdAt()));
    }

    private static String state(GroupInfo group) {
        if (!group.hasRead()) {
            return "Dead";
        }
        return group.timeLag().compareTo(LAGGING_AFTER) > 0 ? "Lagging" : "Stable";
    }

    private static String mode(Subscription subscription) {
        if (subscription.from() != null) {
            return "timestamp";
        }
        return subscription.mode() == Subscription.Mode.NEW ? "new" : "all";
    }

    /**
     * {@code GET /consumer-groups/lagging?minLagSeconds=3600&limit=1000}: partitions whose oldest unread message is at
     * least that old, oldest first.
     *
     * <pre>{@code
     * [{"consumer_group": "billing", "queue_name": "orders", "partition_name": "customer-7", "partition_id": "…",
     *   "worker_id": null, "offset_lag": 12, "time_lag_seconds": 5400, "lag_hours": 1.50,
     *   "oldest_unconsumed_at": "…", "last_consumed_at": "…"}]
     * }</pre>
     */
    private CompletableFuture<Answer> lagging(Request request) {
        Duration minLag = minLag(Parameters.textInQuery(request, "minLagSeconds"));
        PageRequest page = PageRequest.of(request, "lagging", USUAL_LAGGING, listMax, 4);
        return executor.read(() -> {
            ArrayNode answer = array();
            List<GroupPartition> rows = groups.lagging(minLag, page.rows(), lagKey(page));
            GroupPartition last = null;
            for (GroupPartition partition : page.page(rows)) {
                last = partition;
                long seconds = partition.timeLag().toSeconds();
                answer.addObject()
                        .put("consumer_group", partition.group())
                        .put("queue_name", partition.queue())
                        .put("partition_name", partition.partition())
                        .put(
                                "partition_id",
                                PartitionIds.toUuid(partition.partitionId()).toString())
                        .put("worker_id", worker(partition))
                        .put("offset_lag", partition.lag())
                        .put("time_lag_seconds", seconds)
                        .put(
                                "lag_hours",
                                BigDecimal.valueOf(seconds)
                                        .divide(SECONDS_PER_HOUR, HOUR_DECIMALS, RoundingMode.HALF_UP))
                        .put("oldest_unconsumed_at", AdminJson.time(partition.oldestUnreadAt()))
                        .put("last_consumed_at", AdminJson.time(partition.consumedAt()));
            }
            Instant oldest = last == null ? null : last.oldestUnreadAt();
            PageRequest.announce(
                    request,
                    page.isTruncated(rows) && oldest != null
                            ? page.cursor(oldest, last.group(), last.queue(), last.partition())
                            : null);
            return Answer.json(OK, answer);
        });
    }

    private static ConsumerGroups.@Nullable LagKey lagKey(PageRequest page) {
        Instant oldest = page.time(0);
        String group = page.text(1);
        String queue = page.text(2);
        String partition = page.text(3);
        return oldest == null || group == null || queue == null || partition == null
                ? null
                : new ConsumerGroups.LagKey(oldest, group, new PartitionKey(queue, partition));
    }

    private static Duration minLag(@Nullable String text) {
        if (text == null) {
            return Duration.ofSeconds(USUAL_MIN_LAG_S);
        }
        try {
            long seconds = Long.parseLong(text);
            if (seconds >= 0 && seconds <= MAX_MIN_LAG_S) {
                return Duration.ofSeconds(seconds);
            }
        } catch (NumberFormatException e) {
            // Refused below.
        }
        throw badRequest("minLagSeconds must be a whole number from 0 to " + MAX_MIN_LAG_S);
    }

    /**
     * {@code GET /consumer-groups/:group}: {@code {"orders": {"partitions": [{"partition": "customer-7", "workerId":
     * null, "lastConsumedAt": "…", "totalConsumed": 42, "offsetLag": 0, "timeLagSeconds": 0, "leaseActive": false}]}}};
     * {@code {}} for an unknown group. {@code workerId} is the lease that holds the partition, {@code lastConsumedAt}
     * the time of the last ack that moved the group, or null.
     */
    private CompletableFuture<Answer> details(Request request) {
        String group = Parameters.nameInPath(request, "group");
        PageRequest page = PageRequest.of(request, "group-partitions", listMax, listMax, 2);
        return executor.read(() -> {
            ObjectNode answer = object();
            String queue = page.text(0);
            String name = page.text(1);
            var after = queue == null || name == null ? null : new PartitionKey(queue, name);
            List<GroupPartition> rows = groups.partitions(group, after, page.rows());
            GroupPartition last = null;
            for (GroupPartition partition : page.page(rows)) {
                last = partition;
                answer.withObjectProperty(partition.queue())
                        .withArrayProperty("partitions")
                        .addObject()
                        .put("partition", partition.partition())
                        .put("workerId", worker(partition))
                        .put("lastConsumedAt", AdminJson.time(partition.consumedAt()))
                        .put("totalConsumed", partition.head() - partition.lag())
                        .put("offsetLag", partition.lag())
                        .put("timeLagSeconds", partition.timeLag().toSeconds())
                        .put("leaseActive", partition.leaseId() != null);
            }
            PageRequest.announce(
                    request,
                    page.isTruncated(rows) && last != null ? page.cursor(last.queue(), last.partition()) : null);
            return Answer.json(OK, answer);
        });
    }

    private static @Nullable String worker(GroupPartition partition) {
        return partition.leaseId() == null ? null : partition.leaseId().toString();
    }

    /**
     * {@code DELETE /consumer-groups/:group?deleteMetadata=true}: {@code {"success": true, "consumerGroup": "billing",
     * "deletedPartitions": 4, "metadataDeleted": true}}. Without the metadata, the group is not deleted but moves back
     * to the position where it started.
     */
    private CompletableFuture<Answer> deleteGroup(Request request) {
        return deleteGroup(request, null);
    }

    /**
     * {@code DELETE /consumer-groups/:group/queues/:queue}: deletes the group on one queue. The answer also has
     * {@code "queueName"}.
     */
    private CompletableFuture<Answer> deleteOnQueue(Request request) {
        return deleteGroup(request, Parameters.nameInPath(request, "queue"));
    }

    private CompletableFuture<Answer> deleteGroup(Request request, @Nullable String queue) {
        String group = Parameters.nameInPath(request, "group");
        boolean metadata = Parameters.flagInQuery(request, "deleteMetadata", true);
        return executor.write(() -> {
            int partitions;
            if (metadata) {
                OptionalInt deleted = groups.delete(group, queue);
                partitions = deleted.orElse(0);
            } else {
                Set<String> queues = queue == null ? queuesOf(group) : Set.of(queue);
                partitions = groups.restart(group, queue);
                wake.accept(queues);
            }
            ObjectNode answer = object().put("success", true).put("consumerGroup", group);
            if (queue != null) {
                answer.put("queueName", queue);
            }
            return Answer.json(OK, answer.put("deletedPartitions", partitions).put("metadataDeleted", metadata));
        });
    }

    private Set<String> queuesOf(String group) {
        return groups.list(group, null).stream().map(GroupInfo::queue).collect(Collectors.toSet());
    }

    /**
     * {@code POST /consumer-groups/:group/subscription} with {@code {"subscriptionTimestamp": "…"}}: {@code {"success":
     * true, "consumerGroup": "billing", "newTimestamp": "…", "rowsUpdated": 1}}. The position of the group does not
     * change.
     */
    private CompletableFuture<Answer> changeSubscription(Request request) throws IOException {
        String group = Parameters.nameInPath(request, "group");
        return bodies.read(request, (bytes, memory) -> {
                    Instant from = JsonRequest.parse(bytes, bodies.limits().depth(), memory)
                            .time("subscriptionTimestamp");
                    if (from == null) {
                        throw badRequest("subscriptionTimestamp is required");
                    }
                    return from;
                })
                .thenCompose(from -> executor.write(() -> {
                    int updated = groups.changeSubscription(group, from);
                    return Answer.json(
                            OK,
                            object().put("success", true)
                                    .put("consumerGroup", group)
                                    .put("newTimestamp", AdminJson.time(from))
                                    .put("rowsUpdated", updated));
                }));
    }

    /**
     * {@code POST /consumer-groups/:group/queues/:queue/seek} with {@code {"toEnd": true}} or {@code {"timestamp":
     * "…"}}, in the body or in the query. With a timestamp, the group continues with the first message after that time.
     * Answers {@code {"success": true, "consumerGroup": "billing", "queueName": "orders", "seekToEnd": false,
     * "targetTimestamp": "…", "partitionsUpdated": 4}}.
     */
    private CompletableFuture<Answer> seek(Request request) throws IOException {
        String group = Parameters.nameInPath(request, "group");
        String queue = Parameters.nameInPath(request, "queue");
        SeekTarget inQuery = targetInQuery(request);
        return bodies.read(
                        request,
                        (bytes, memory) -> target(inQuery, bytes, memory).orElseThrow(() -> badRequest(SEEK_TO)))
                .thenCompose(target -> executor.write(() -> {
                    int updated = groups.seek(group, queue, null, target);
                    wake.accept(Set.of(queue));
                    ObjectNode answer = object().put("success", true)
                            .put("consumerGroup", group)
                            .put("queueName", queue);
                    return Answer.json(OK, put(answer, target).put("partitionsUpdated", updated));
                }));
    }

    private static ObjectNode put(ObjectNode answer, SeekTarget target) {
        return answer.put("seekToEnd", target instanceof SeekTarget.End)
                .put("targetTimestamp", target instanceof SeekTarget.After after ? AdminJson.time(after.time()) : null);
    }

    /** Returns the new position; empty if neither the query nor the body names one. */
    private Optional<SeekTarget> target(@Nullable SeekTarget inQuery, byte[] body, RequestMemory.Claim memory) {
        SeekTarget inBody = null;
        if (body.length > 0) {
            JsonRequest json = JsonRequest.parse(body, bodies.limits().depth(), memory);
            inBody = target(json.flag("toEnd", false), json.time("timestamp"));
        }
        if (inQuery != null && inBody != null) {
            throw badRequest(SEEK_TO + ", once");
        }
        return Optional.ofNullable(inBody == null ? inQuery : inBody);
    }

    private static @Nullable SeekTarget targetInQuery(Request request) {
        return target(Parameters.flagInQuery(request, "toEnd", false), Parameters.timeInQuery(request, "timestamp"));
    }

    private static @Nullable SeekTarget target(boolean toEnd, @Nullable Instant time) {
        if (toEnd && time != null) {
            throw badRequest(SEEK_TO + ", not both");
        }
        return toEnd ? new SeekTarget.End() : time == null ? null : new SeekTarget.After(time);
    }

    /**
     * {@code POST /consumer-groups/:group/queues/:queue/partitions/:partition/seek}: moves the group in one partition,
     * as {@link #seek} does. Without a body and a query, it moves to the end. Answers {@code {"success": true,
     * "consumerGroup": "billing", "queueName": "orders", "partitionName": "customer-7", "seekToEnd": true,
     * "targetTimestamp": null, "updated": true, "cursorMovedTo": 42}}, with the number of the message behind which the
     * group continues; false and null if it has never read the queue. 404 if there is no such partition.
     */
    private CompletableFuture<Answer> seekPartition(Request request) throws IOException {
        String group = Parameters.nameInPath(request, "group");
        String queue = Parameters.nameInPath(request, "queue");
        String partition = Parameters.nameInPath(request, "partition");
        SeekTarget inQuery = targetInQuery(request);
        return bodies.read(
                        request,
                        (bytes, memory) -> target(inQuery, bytes, memory).orElseGet(SeekTarget.End::new))
                .thenCompose(target -> executor.write(() -> seekPartition(group, queue, partition, target)));
    }

    private Answer seekPartition(String group, String queue, String partition, SeekTarget target) {
        if (queues.findPartition(queue, partition).isEmpty()) {
            return AdminJson.failure(NOT_FOUND, "Partition not found");
        }
        boolean updated = groups.seek(group, queue, partition, target) > 0;
        wake.accept(Set.of(queue));
        Long position = updated ? position(group, queue, partition) : null;
        ObjectNode answer = object().put("success", true)
                .put("consumerGroup", group)
                .put("queueName", queue)
                .put("partitionName", partition);
        return Answer.json(OK, put(answer, target).put("updated", updated).put("cursorMovedTo", position));
    }

    private @Nullable Long position(String group, String queue, String partition) {
        return groups.partition(group, new PartitionKey(queue, partition))
                .map(GroupPartition::position)
                .orElse(null);
    }

    private static ArrayNode array() {
        return JsonNodeFactory.instance.arrayNode();
    }
}
