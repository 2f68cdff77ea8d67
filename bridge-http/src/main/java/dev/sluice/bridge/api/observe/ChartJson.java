package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.AdminJson.time;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.queue.view.Counter;
import dev.sluice.queue.view.MinuteCounters.Point;
import java.time.Duration;

/** Writes the points of charts, and the sums of points, as JSON. */
final class ChartJson {
    private ChartJson() {}

    static void throughputPoint(ObjectNode node, Point point, Duration bucket, UsageByTime usage) {
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

    static void workerPoint(ObjectNode node, Point point, Duration bucket, UsageByTime usage) {
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

    static ObjectNode operations(ObjectNode node, Point point, Duration bucket) {
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

    static void retained(ObjectNode node, Sums sums) {
        long retention = sums.get(Counter.RETENTION_MESSAGES);
        long completed = sums.get(Counter.COMPLETED_RETENTION_MESSAGES);
        long eviction = sums.get(Counter.EVICTION_MESSAGES);
        node.put("retentionMsgs", retention)
                .put("completedRetentionMsgs", completed)
                .put("evictionMsgs", eviction)
                .put("totalMsgs", retention + completed + eviction)
                .put("eventCount", sums.get(Counter.RETENTION_EVENTS));
    }

    static void lag(ObjectNode node, Point point) {
        node.put("avgLagMs", ratio(point.get(Counter.LAG_SUM_MS), point.get(Counter.LAG_COUNT)))
                .put("maxLagMs", point.get(Counter.LAG_MAX_MS));
    }

    static double perSecond(Point point, Counter counter, Duration bucket) {
        return ResourceEndpoints.perSecond(point.get(counter), bucket);
    }

    static long acknowledged(Sums sums) {
        return sums.get(Counter.ACK_COMPLETED) + sums.get(Counter.ACK_FAILED);
    }

    static double ratio(long count, long of) {
        return of == 0 ? 0 : Math.round(100.0 * count / of) / 100.0;
    }
}
