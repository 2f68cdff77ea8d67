package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.Access.READ_ONLY;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.queue.view.ServerStatistics;
import dev.sluice.queue.view.ServerStatistics.Part;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** The route that shows what PostgreSQL says about itself. */
public final class ServerEndpoints {
    /** Fields that are lists, and the part each is made of. Fields of the rows are the columns, in camel case. */
    private static final Map<String, String> LISTS = Map.of(
            "tableCache", "table-cache",
            "indexCache", "index-cache",
            "deadTuples", "dead-tuples",
            "hotUpdates", "hot-updates",
            "activeQueries", "active-queries",
            "autovacuumStatus", "autovacuum",
            "bufferUsage", "buffer-usage",
            "tableSizes", "table-sizes");

    private final ServerStatistics server;
    private final DatabaseExecutor executor;

    public ServerEndpoints(ServerStatistics server, DatabaseExecutor executor) {
        this.server = server;
        this.executor = executor;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(get("/api/v1/analytics/postgres-stats", READ_ONLY, this::statistics));
    }

    /**
     *
     *
     * <pre>{@code
     * {"timestamp": "…", "database": "sluice",
     *  "databaseCache": {"database": "sluice", "diskReads": 1, "cacheHits": 99, "cacheHitRatio": 99.0},
     *  "tableCache": [{"table": "segments", "diskReads": …, "cacheHits": …, "cacheHitRatio": …}], "indexCache": […],
     *  "cacheSummary": {"tables": {"diskReads": …, …}, "indexes": {…}}, "deadTuples": […], "hotUpdates": […],
     *  "activeQueries": […], "autovacuumStatus": […],
     *  "bufferConfig": {"sharedBuffers": "128MB", "sharedBuffersSize": 134217728}, "bufferUsage": [],
     *    "tableSizes": […]}
     * }</pre>
     *
     * {@code bufferUsage} is empty without the extension {@code pg_buffercache}.
     */
    private CompletableFuture<Answer> statistics(Request request) {
        return executor.read(() -> {
            Map<String, Part> parts = server.read();
            ObjectNode body = object();
            Map<String, @Nullable Object> now = row(parts, "now");
            Object database = now.get("database");
            put(body, "timestamp", now.get("now"));
            put(body, "database", database);
            ObjectNode cache = body.putObject("databaseCache");
            put(cache, "database", database);
            fields(cache, row(parts, "database-cache"));
            LISTS.forEach((field, part) -> {
                ArrayNode list = body.putArray(field);
                part(parts, part).rows().forEach(row -> fields(list.addObject(), row));
            });
            Map<String, @Nullable Object> summary = row(parts, "cache-summary");
            ObjectNode summaries = body.putObject("cacheSummary");
            cache(summaries.putObject("tables"), summary, "table");
            cache(summaries.putObject("indexes"), summary, "index");
            Map<String, @Nullable Object> buffers = row(parts, "buffer-config");
            ObjectNode config = body.putObject("bufferConfig");
            put(config, "sharedBuffers", buffers.get("shared_buffers"));
            put(config, "sharedBuffersSize", buffers.get("bytes"));
            return Answer.json(OK, body);
        });
    }

    private static void cache(ObjectNode node, Map<String, @Nullable Object> summary, String of) {
        put(node, "diskReads", summary.get(of + "_reads"));
        put(node, "cacheHits", summary.get(of + "_hits"));
        put(node, "cacheHitRatio", summary.get(of + "_ratio"));
    }

    private static Part part(Map<String, Part> parts, String name) {
        Part part = parts.get(name);
        if (part == null) {
            throw new IllegalStateException("there is no part named " + name);
        }
        return part;
    }

    private static Map<String, @Nullable Object> row(Map<String, Part> parts, String name) {
        return part(parts, name).rows().get(0);
    }

    private static void fields(ObjectNode node, Map<String, @Nullable Object> row) {
        row.forEach((column, value) -> put(node, camelCase(column), value));
    }

    private static String camelCase(String column) {
        var name = new StringBuilder();
        for (int i = 0; i < column.length(); i++) {
            if (column.charAt(i) == '_') {
                i++;
                name.append(Character.toUpperCase(column.charAt(i)));
            } else {
                name.append(column.charAt(i));
            }
        }
        return name.toString();
    }

    private static void put(ObjectNode node, String field, @Nullable Object value) {
        if (value == null) {
            node.putNull(field);
        } else if (value instanceof Instant time) {
            node.put(field, AdminJson.time(time));
        } else if (value instanceof Double number) {
            node.put(field, number);
        } else if (value instanceof Number number) {
            node.put(field, number.longValue());
        } else {
            node.put(field, value.toString());
        }
    }
}
