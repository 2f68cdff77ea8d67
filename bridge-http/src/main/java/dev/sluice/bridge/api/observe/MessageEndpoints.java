package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.AdminJson.time;
import static dev.sluice.bridge.http.Answer.NOT_FOUND;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.PageRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.http.TimeRange;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.view.ListedMessage;
import dev.sluice.queue.view.MessageDetail;
import dev.sluice.queue.view.MessageFilter;
import dev.sluice.queue.view.MessageState;
import dev.sluice.queue.view.ResourceFilter;
import dev.sluice.queue.view.StoredMessages;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The routes that show messages. */
public final class MessageEndpoints {
    private static final int USUAL_LIMIT = 200;
    private static final int USUAL_LIMIT_OF_QUEUE = 50;
    private static final int MAX_LIMIT = 1_000;
    private static final Duration USUAL_TIME = Duration.ofHours(1);

    private final StoredMessages messages;
    private final DatabaseExecutor executor;

    public MessageEndpoints(StoredMessages messages, DatabaseExecutor executor) {
        this.messages = messages;
        this.executor = executor;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/api/v1/messages", READ_ONLY, this::list),
                get("/api/v1/messages/{partitionId}/{transactionId}", READ_ONLY, this::one),
                get("/api/v1/status/queues/{queue}/messages", READ_ONLY, this::ofQueue));
    }

    /**
     * Lists messages, newest first, of the time from {@code from} to {@code to}; by default of the last hour.
     *
     * <pre>{@code
     * {"messages": [{"id": "…", "transactionId": "o-1", "partitionId": "…", "queuePath": "orders/customer-7",
     *   "queue": "orders",
     *                "partition": "customer-7", "namespace": "orders", "task": "", "status": "pending",
     *                  "queueStatus": "pending",
     *                "busStatus": {"consumedBy": 0, "totalGroups": 1}, "traceId": null, "producerSub": null,
     *                "queuePriority": 0, "createdAt": "…", "leaseExpiresAt": null}, …],
     *  "mode": {"hasQueueMode": true, "busGroupsCount": 1, "type": "hybrid"}}
     * }</pre>
     */
    private CompletableFuture<Answer> list(Request request) {
        TimeRange range = TimeRange.of(request, USUAL_TIME);
        Instant end = range.to().truncatedTo(ChronoUnit.MINUTES).plus(1, ChronoUnit.MINUTES);
        var filter = new MessageFilter(
                new ResourceFilter(
                        Parameters.nameInQuery(request, "queue"),
                        Parameters.textInQuery(request, "ns"),
                        Parameters.textInQuery(request, "task")),
                Parameters.nameInQuery(request, "partition"),
                state(Parameters.textInQuery(request, "status")),
                range.from(),
                end);
        PageRequest page = page(request, USUAL_LIMIT);
        return executor.read(() -> {
            StoredMessages.Page found = read(filter, page);
            ObjectNode body = object();
            ArrayNode list = body.putArray("messages");
            found.messages().forEach(message -> listed(list.addObject(), message));
            mode(
                    body.putObject("mode"),
                    found.readers().queueMode(),
                    found.readers().named());
            PageRequest.announce(request, body, next(request, page, found));
            if (found.leavesOutPartitions()) {
                PageRequest.announcePartial(request);
                body.put("truncated", true);
            }
            return Answer.json(OK, body);
        });
    }

    /**
     * {@code [{"id": "…", "transactionId": "o-1", "partitionId": "…", "queuePath": "…", "queue": …, "status": …,
     * "createdAt": …}]}.
     */
    private CompletableFuture<Answer> ofQueue(Request request) {
        var filter = new MessageFilter(ResourceFilter.ofQueue(request.pathParameter("queue")), null, null, null, null);
        PageRequest page = page(request, USUAL_LIMIT_OF_QUEUE);
        return executor.read(() -> {
            ArrayNode list = JsonNodeFactory.instance.arrayNode();
            StoredMessages.Page found = read(filter, page);
            for (ListedMessage message : found.messages()) {
                place(list.addObject(), message)
                        .put("status", message.state().text())
                        .put("createdAt", time(message.createdAt()));
            }
            PageRequest.announce(request, next(request, page, found));
            if (found.leavesOutPartitions()) {
                PageRequest.announcePartial(request);
            }
            return Answer.json(OK, list);
        });
    }

    private static PageRequest page(Request request, int usual) {
        PageRequest page = PageRequest.of(request, "messages", usual, MAX_LIMIT, 3);
        if (page.offset() > StoredMessages.MAX_DEPTH - page.limit()) {
            throw badRequest("offset and limit together must be at most " + StoredMessages.MAX_DEPTH
                    + "; take the cursor to see older messages, or set to (a time)");
        }
        return page;
    }

    private StoredMessages.Page read(MessageFilter filter, PageRequest page) {
        Instant writtenAt = page.time(0);
        Long partition = page.number(1);
        Long seq = page.number(2);
        return messages.list(
                filter,
                page.limit(),
                page.offset(),
                writtenAt == null || partition == null || seq == null
                        ? null
                        : new StoredMessages.Key(writtenAt, partition, seq));
    }

    /**
     * A page may be short if single messages were deleted, or if their headers are large. So for a client that asks for
     * pages, only an empty page is the last one.
     */
    private static @Nullable String next(Request request, PageRequest page, StoredMessages.Page found) {
        List<ListedMessage> shown = found.messages();
        boolean isPaging = request.query().text("limit") != null || !page.isFirst();
        if (shown.isEmpty() || (shown.size() < page.limit() && !isPaging && !found.isCut())) {
            return null;
        }
        ListedMessage last = shown.get(shown.size() - 1);
        return page.cursor(last.writtenAt(), last.partitionId(), last.seq());
    }

    private static @Nullable MessageState state(@Nullable String text) {
        if (text == null) {
            return null;
        }
        for (MessageState state : MessageState.values()) {
            if (state.text().equals(text)) {
                return state;
            }
        }
        throw badRequest("status must be one of "
                + Arrays.stream(MessageState.values()).map(MessageState::text).collect(Collectors.joining(", ")));
    }

    private static ObjectNode place(ObjectNode node, ListedMessage message) {
        return node.put("id", message.id().toString())
                .put("transactionId", message.transactionId())
                .put("partitionId", PartitionIds.toUuid(message.partitionId()).toString())
                .put("queuePath", message.queue() + "/" + message.partition())
                .put("queue", message.queue())
                .put("partition", message.partition());
    }

    private static void listed(ObjectNode node, ListedMessage message) {
        place(node, message)
                .put("namespace", message.namespace())
                .put("task", message.task())
                .put("status", message.state().text())
                .put("queueStatus", message.state().text())
                .putObject("busStatus")
                .put("consumedBy", message.consumedBy())
                .put("totalGroups", message.groups());
        node.put("traceId", text(message.traceId())).put("producerSub", message.producerSub());
        if (!message.headers().isEmpty()) {
            ObjectNode headers = node.putObject("headers");
            message.headers().asMap().forEach(headers::put);
        }
        node.put("queuePriority", message.priority())
                .put("createdAt", time(message.createdAt()))
                .put("leaseExpiresAt", time(message.leasedUntil()));
    }

    private static @Nullable String text(@Nullable UUID uuid) {
        return uuid == null ? null : uuid.toString();
    }

    private static void mode(ObjectNode node, boolean queueMode, int named) {
        node.put("hasQueueMode", queueMode).put("busGroupsCount", named).put("type", type(queueMode, named));
    }

    private static String type(boolean queueMode, int named) {
        if (queueMode) {
            return named == 0 ? "queue" : "hybrid";
        }
        return named == 0 ? "none" : "bus";
    }

    /**
     * Shows one message.
     *
     * <pre>{@code
     * {"id": "…", "transactionId": "o-1", "partitionId": "…", "queuePath": "orders/customer-7", "queue": "orders",
     *  "partition": "customer-7", "namespace": "orders", "task": "", "status": "pending", "payload": {"total": 12.50},
     *  "isEncrypted": false, "traceId": null, "producerSub": null, "createdAt": "…", "errorMessage": null,
     *    "retryCount": null,
     *  "leaseExpiresAt": null, "queueConfig": {"leaseTime": 300, "retryLimit": 3, "retryDelay": 0, "ttl": 0,
     *    "priority": 0},
     *  "mode": {"hasQueueMode": true, "busGroupsCount": 0, "consumedByGroups": 0, "type": "queue"},
     *  "consumerGroups": [{"name": "__QUEUE_MODE__", "consumed": false, "leaseExpiresAt": null}]}
     * }</pre>
     *
     * {@code payload} is the pushed payload, byte for byte. {@code headers} precedes it if the message has headers. 404
     * {@code Message not found} if there is no such message.
     */
    private CompletableFuture<Answer> one(Request request) {
        OptionalLong partition = Parameters.partitionInPath(request);
        String transactionId = Parameters.nameInPath(request, "transactionId");
        return executor.read(() -> {
            MessageDetail message = partition.isEmpty()
                    ? null
                    : messages.find(partition.getAsLong(), transactionId).orElse(null);
            return message == null
                    ? Answer.json(NOT_FOUND, object().put("error", "Message not found"))
                    : Answer.json(OK, detail(message));
        });
    }

    private static JsonOutput detail(MessageDetail message) {
        var out = new JsonOutput(message.payload().length + 1024L);
        out.object().field("id", message.id());
        out.field("transactionId", message.transactionId());
        out.field("partitionId", PartitionIds.toUuid(message.partitionId()));
        out.field("queuePath", message.queue() + "/" + message.partition());
        if (!message.headers().isEmpty()) {
            out.name("headers").json(message.headers().json());
        }
        out.name("payload").json(message.payload());
        ObjectNode rest = object().put("queue", message.queue())
                .put("partition", message.partition())
                .put("namespace", message.namespace())
                .put("task", message.task())
                .put("status", message.state().text())
                .put("isEncrypted", message.encrypted())
                .put("traceId", text(message.traceId()))
                .put("producerSub", message.producerSub())
                .put("createdAt", time(message.createdAt()))
                .put("errorMessage", message.error())
                .put("retryCount", message.retries())
                .put("leaseExpiresAt", time(message.leasedUntil()));
        rest.putObject("queueConfig")
                .put("leaseTime", message.leaseTime().toSeconds())
                .put("retryLimit", message.retryLimit())
                .put("retryDelay", message.retryDelay().toMillis())
                .put("ttl", message.ttl().toSeconds())
                .put("priority", message.priority());
        List<MessageDetail.Reader> named = message.groups().stream()
                .filter(group -> !group.name().equals(PopTarget.DEFAULT_GROUP))
                .toList();
        ObjectNode mode = rest.putObject("mode");
        mode(mode, named.size() < message.groups().size(), named.size());
        mode.put(
                "consumedByGroups",
                named.stream().filter(MessageDetail.Reader::consumed).count());
        ArrayNode groups = rest.putArray("consumerGroups");
        for (MessageDetail.Reader group : message.groups()) {
            groups.addObject()
                    .put("name", group.name())
                    .put("consumed", group.consumed())
                    .put("leaseExpiresAt", time(group.leasedUntil()));
        }
        String fields = rest.toString();
        return out.raw(",").json(fields.substring(1));
    }
}
