package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.AdminJson.time;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.queue.view.MinuteCounters.Sample;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes the samples of bridges as JSON.
 *
 * <pre>{@code
 * {"replicas": [{"hostname": "…", "port": 6632, "workerId": 0, "timeSeries": [{"timestamp": "…", "sampleCount": 60,
 *    "metrics": {"cpu": {"user_us": {"avg": 1.5, "min": 1, "max": 2, "last": 2}, …},
 *      "shared_state": {"enabled": true}, …}}]}],
 *  "replicaCount": 1, "pointCount": 1}
 * }</pre>
 */
final class SystemMetricsJson {
    private SystemMetricsJson() {}

    static void write(ObjectNode body, List<Sample> samples) {
        Map<String, Map<Instant, List<Sample>>> byWorker = new TreeMap<>();
        for (Sample sample : samples) {
            byWorker.computeIfAbsent(sample.worker(), unused -> new TreeMap<>())
                    .computeIfAbsent(sample.bucket(), unused -> new ArrayList<>())
                    .add(sample);
        }
        ArrayNode replicas = body.putArray("replicas");
        int points = 0;
        for (Map.Entry<String, Map<Instant, List<Sample>>> each : byWorker.entrySet()) {
            BridgeName worker = BridgeName.of(each.getKey());
            ObjectNode replica = worker.describe(replicas.addObject()).put("port", worker.port());
            ArrayNode series = replica.putArray("timeSeries");
            each.getValue().forEach((bucket, metrics) -> point(series.addObject(), bucket, metrics));
            points = Math.max(points, series.size());
        }
        body.put("replicaCount", byWorker.size()).put("pointCount", points);
    }

    private static void point(ObjectNode node, Instant bucket, List<Sample> samples) {
        node.put("timestamp", time(bucket)).put("sampleCount", samples.get(0).samples());
        ObjectNode metrics = node.putObject("metrics");
        for (Sample sample : samples) {
            ObjectNode place = metrics;
            for (String level : sample.metric().split("\\.", -1)) {
                place = place.withObjectProperty(level);
            }
            place.put("avg", sample.average())
                    .put("min", sample.least())
                    .put("max", sample.greatest())
                    .put("last", sample.last());
        }
        metrics.putObject("shared_state").put("enabled", true);
    }
}
