package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.http.Access.ADMIN;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.Answer.ACCEPTED;
import static dev.sluice.bridge.http.Answer.CONFLICT;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;
import static dev.sluice.bridge.http.Route.post;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.http.Parameters;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.RequestBodies;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.repositories.BoundedExecutor;
import dev.sluice.queue.sql.SchemaCopy;
import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import javax.sql.DataSource;

/**
 * The routes that copy everything into another database. They need the role of an administrator, and answer 403 unless
 * {@code migration.enabled} is set. {@link MigrationTarget} describes the other database. Passwords appear neither in
 * the log nor in answers.
 */
public final class MigrationEndpoints implements AutoCloseable {
    private static final int BAD_GATEWAY = 502;
    private static final int MAX_WAITING = 10;

    private static final String DISABLED =
            "Migrations are disabled. Set migration.enabled=true and start the service again to use them";

    private final boolean enabled;
    private final DataSource copies;
    private final String schema;
    private final Runnable requireDatabase;
    private final MigrationJob job;
    /** One at a time, because the pool has one connection. */
    private final BoundedExecutor executor =
            new BoundedExecutor("requests about migrations", "sluice-migrations", 1, MAX_WAITING);

    private final RequestBodies bodies;

    /**
     * Makes the routes.
     *
     * @param enabled whether the routes work. If false they refuse every request, because a copy sends everything to an
     *     address that a request names
     * @param copies a pool of its own, for one copy at a time
     * @param schema name of the schema to copy
     * @param requireDatabase throws {@code QueueException} while the database is known to be away
     */
    public MigrationEndpoints(
            boolean enabled, DataSource copies, String schema, Runnable requireDatabase, RequestBodies bodies) {
        this.enabled = enabled;
        this.copies = copies;
        this.schema = schema;
        this.requireDatabase = requireDatabase;
        this.job = new MigrationJob(copies, schema);
        this.bodies = bodies;
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                post("/api/v1/migration/test-connection", ADMIN, this::test),
                post("/api/v1/migration/start", ADMIN, this::start),
                get("/api/v1/migration/status", ADMIN, this::status),
                post("/api/v1/migration/validate", ADMIN, this::validate),
                post("/api/v1/migration/reset", ADMIN, this::reset));
    }

    private void requireEnabled() {
        if (!enabled) {
            throw InvalidRequestException.refused(DISABLED);
        }
    }

    /** Reads the body of a request, and does the work on the thread for migrations. */
    private CompletableFuture<Answer> with(Request request, Function<JsonRequest, Answer> work) throws IOException {
        requireEnabled();
        return bodies.read(
                        request,
                        (bytes, memory) ->
                                JsonRequest.parse(bytes, bodies.limits().depth(), memory))
                .thenCompose(body -> executor.run(() -> work.apply(body)));
    }

    /**
     * {@code POST /api/v1/migration/test-connection}: 200 whether or not the target answers.
     *
     * <pre>{@code
     * {"success": true, "message": "Connected", "version": "18.1"}
     * {"success": false, "message": "Not connected", "error": "…"}
     * }</pre>
     */
    private CompletableFuture<Answer> test(Request request) throws IOException {
        return with(request, body -> {
            MigrationTarget target = MigrationTarget.of(body);
            try (Connection connection = target.connect();
                    Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery("show server_version")) {
                row.next();
                return Answer.json(
                        OK,
                        object().put("success", true)
                                .put("message", "Connected")
                                .put("version", row.getString(1)));
            } catch (SQLException e) {
                return Answer.json(
                        OK,
                        object().put("success", false)
                                .put("message", "Not connected")
                                .put("error", e.getMessage()));
            }
        });
    }

    /**
     * {@code POST /api/v1/migration/start}, with {@code "schema": "sluice"} (the name in the target),
     * {@code "replaceSchema": "sluice"} (a schema there that may be deleted) and {@code "excludeTableData":
     * ["traces"]}: 202 {@code {"status": "started", "message": "…"}} when the copy has started; 409 if the target must
     * not be written, or if a copy runs; 502 if the target does not answer.
     */
    private CompletableFuture<Answer> start(Request request) throws IOException {
        return with(request, body -> {
            String replace = body.text("replaceSchema");
            var order = new MigrationJob.Order(
                    MigrationTarget.of(body), schema(body), replace == null ? "" : replace, excluded(body));
            requireDatabase.run();
            try {
                return job.start(order)
                        ? Answer.json(
                                ACCEPTED,
                                object().put("status", "started")
                                        .put("message", "The migration has begun; its status tells how far it is"))
                        : conflict("A migration is running");
            } catch (SchemaCopy.RefusedException e) {
                return conflict(String.valueOf(e.getMessage()));
            } catch (SQLException e) {
                return AdminJson.failure(BAD_GATEWAY, String.valueOf(e.getMessage()));
            }
        });
    }

    private static Answer conflict(String error) {
        return AdminJson.failure(CONFLICT, error);
    }

    private String schema(JsonRequest body) {
        String schema = body.text("schema");
        return schema == null || schema.isEmpty() ? this.schema : Parameters.name("schema", schema);
    }

    private static Set<String> excluded(JsonRequest body) {
        var excluded = new TreeSet<String>();
        JsonNode list = body.value("excludeTableData");
        if (list != null) {
            boolean known = list.isArray();
            for (JsonNode name : list) {
                known &= name.isTextual() && SchemaCopy.optional().contains(name.textValue());
                excluded.add(name.asText());
            }
            if (!known) {
                throw badRequest("excludeTableData must be an array of some of " + SchemaCopy.optional());
            }
        }
        return excluded;
    }

    /**
     * {@code GET /api/v1/migration/status}. {@code status} is {@code idle}, {@code dumping} (before the first table),
     * {@code restoring}, {@code complete} or {@code error}; {@code rows} is counted once the copy is complete.
     *
     * <pre>{@code
     * {"status": "restoring", "currentStep": "copying segments, 3 of 18", "elapsedSeconds": 12, "rows": 0,
     *   "bytes": 52428800}
     * {"status": "error", …, "error": "…"}
     * }</pre>
     */
    private CompletableFuture<Answer> status(Request request) {
        requireEnabled();
        MigrationJob.Status status = job.status();
        ObjectNode answer = object().put("status", status.state().name().toLowerCase(Locale.ROOT))
                .put("currentStep", status.step())
                .put("elapsedSeconds", status.elapsed().toSeconds())
                .put("rows", status.rows())
                .put("bytes", status.bytes());
        if (status.error() != null) {
            answer.put("error", status.error());
        }
        return CompletableFuture.completedFuture(Answer.json(OK, answer));
    }

    /**
     * {@code POST /api/v1/migration/validate}, with the same fields as the start: counts the rows of both databases.
     * 502 if one does not answer, or if the target lacks the tables; 409 while a copy runs.
     *
     * <pre>{@code
     * {"success": true, "allMatch": true, "tables": [{"table": "queues", "sourceCount": 3, "targetCount": 3,
     *   "match": true}]}
     * }</pre>
     */
    private CompletableFuture<Answer> validate(Request request) throws IOException {
        return with(request, body -> {
            MigrationTarget target = MigrationTarget.of(body);
            String schema = schema(body);
            if (job.status().state().isRunning()) {
                return conflict("A migration is running");
            }
            requireDatabase.run();
            try (Connection to = target.connect();
                    Connection from = copies.getConnection()) {
                from.setNetworkTimeout(Runnable::run, MigrationTarget.SILENCE_MILLIS);
                return compared(new SchemaCopy(from, this.schema, to, schema));
            } catch (SQLException e) {
                return AdminJson.failure(BAD_GATEWAY, String.valueOf(e.getMessage()));
            }
        });
    }

    private static Answer compared(SchemaCopy copy) throws SQLException {
        boolean all = true;
        ObjectNode answer = object().put("success", true);
        ArrayNode tables = answer.arrayNode();
        for (SchemaCopy.Count count : copy.compare()) {
            boolean match = count.source() == count.target();
            all &= match;
            tables.addObject()
                    .put("table", count.table())
                    .put("sourceCount", count.source())
                    .put("targetCount", count.target())
                    .put("match", match);
        }
        answer.put("allMatch", all).set("tables", tables);
        return Answer.json(OK, answer);
    }

    /**
     * {@code POST /api/v1/migration/reset}: clears the state of the last copy. {@code {"status": "idle", "message":
     * "…"}}; 409 while a copy runs.
     */
    private CompletableFuture<Answer> reset(Request request) throws IOException {
        requireEnabled();
        return bodies.discard(request)
                .thenApply(done -> job.reset()
                        ? Answer.json(OK, object().put("status", "idle").put("message", "There is no migration"))
                        : conflict("A migration is running"));
    }

    /** Ends a running copy. Its target stays unchanged. */
    @Override
    public void close() {
        executor.close();
        job.close();
    }
}
