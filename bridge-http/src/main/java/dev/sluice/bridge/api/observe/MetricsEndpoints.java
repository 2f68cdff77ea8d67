package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.Access.PUBLIC;
import static dev.sluice.bridge.http.AdminJson.object;
import static dev.sluice.bridge.http.AdminJson.seconds;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Connections;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.jobs.MaintenanceMode;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.repositories.BoundedExecutor;
import dev.sluice.queue.view.Counter;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * The routes for monitoring. They show what this process has counted, and never ask the database.
 *
 * <ul>
 *   <li>{@code /metrics}: a few numbers as JSON.
 *   <li>{@code /metrics/prometheus}: everything, in the text format 0.0.4 of Prometheus.
 * </ul>
 */
public final class MetricsEndpoints implements AutoCloseable {
    private static final int MAX_WAITING = 100;

    private final Metrics metrics;
    private final PrometheusPage page;
    private final PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.builder()
            .setIncludeCreatedTimestamps(false)
            .build();
    private final BoundedExecutor executor =
            new BoundedExecutor("requests for metrics", "sluice-metrics-page", 1, MAX_WAITING);

    public MetricsEndpoints(Metrics metrics, ServiceState state, MaintenanceMode maintenance, Connections connections) {
        this.metrics = metrics;
        this.page = new PrometheusPage(metrics, state, maintenance, connections);
    }

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(get("/metrics", PUBLIC, this::summary), get("/metrics/prometheus", PUBLIC, this::prometheus));
    }

    /**
     * Shows a summary as JSON.
     *
     * <pre>{@code
     * {"uptime": 12.5, "requests": {"total": 10, "rate": 0.8}, "messages": {"total": 20, "rate": 1.6},
     *  "database": {"poolSize": 10, "idleConnections": 9, "waitingRequests": 0},
     *  "memory": {"rss": …, "heapTotal": …, "heapUsed": …, "external": …, "arrayBuffers": 0}, "cpu": {"user": …,
     *    "system": …}}
     * }</pre>
     *
     * {@code uptime} in seconds, rates per second since the start, memory in bytes, processor time in microseconds.
     */
    private CompletableFuture<Answer> summary(Request request) {
        return executor.run(() -> {
            double uptime = seconds(ProcessUsage.uptimeMillis());
            ProcessUsage.Usage usage = metrics.process().now();
            ObjectNode body = object().put("uptime", uptime);
            rate(body.putObject("requests"), metrics.requestCount(), uptime);
            long messages = metrics.counters().total(Counter.PUSH_MESSAGES)
                    + metrics.counters().total(Counter.POP_MESSAGES);
            rate(body.putObject("messages"), messages, uptime);
            body.putObject("database")
                    .put("poolSize", usage.pool().size())
                    .put("idleConnections", usage.pool().idle())
                    .put("waitingRequests", usage.pool().waiting());
            var memory = ManagementFactory.getMemoryMXBean();
            body.putObject("memory")
                    .put("rss", usage.residentBytes())
                    .put("heapTotal", memory.getHeapMemoryUsage().getCommitted())
                    .put("heapUsed", memory.getHeapMemoryUsage().getUsed())
                    .put("external", memory.getNonHeapMemoryUsage().getUsed())
                    .put("arrayBuffers", 0);
            body.putObject("cpu").put("user", usage.userMicros()).put("system", usage.systemMicros());
            return Answer.json(OK, body);
        });
    }

    private static void rate(ObjectNode node, long total, double seconds) {
        node.put("total", total).put("rate", seconds > 0 ? total / seconds : 0);
    }

    /** The page for Prometheus. */
    private CompletableFuture<Answer> prometheus(Request request) {
        return executor.run(() -> {
            MetricSnapshots snapshots = page.collect();
            var text = new ByteArrayOutputStream();
            writer.write(text, snapshots);
            return new Answer(
                    OK, new JsonOutput(text.size()).json(text.toByteArray()), PrometheusTextFormatWriter.CONTENT_TYPE);
        });
    }

    @Override
    public void close() {
        executor.close();
    }
}
