package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.http.Route;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The table of routes with the role that each needs, on one screen. */
class RouteTableTest extends HttpServiceFixture {
    @Test
    void theTableHasTheseRoutesWithTheseRoles() {
        assertThat(service.routes().stream().map(RouteTableTest::line).sorted().collect(Collectors.joining("\n")))
                .isEqualTo("""
                        ADMIN      DELETE /api/v1/buffers/failed
                        ADMIN      DELETE /api/v1/consumer-groups/{group}
                        ADMIN      DELETE /api/v1/consumer-groups/{group}/queues/{queue}
                        ADMIN      DELETE /api/v1/dlq
                        ADMIN      DELETE /api/v1/endpoints/{id}
                        ADMIN      DELETE /api/v1/queues/{queue}/clear
                        ADMIN      DELETE /api/v1/resources/queues
                        ADMIN      DELETE /api/v1/resources/queues/{queue}
                        ADMIN      DELETE /api/v1/resources/queues/{queue}/partitions/{partition}
                        ADMIN      DELETE /api/v1/schedules/{name}
                        ADMIN      GET    /api/v1/buffers/failed
                        ADMIN      GET    /api/v1/migration/status
                        ADMIN      GET    /api/v1/system/maintenance
                        ADMIN      GET    /api/v1/system/maintenance/pop
                        ADMIN      GET    /api/v1/system/shared-state
                        ADMIN      GET    /internal/api/inter-instance/stats
                        ADMIN      GET    /internal/api/shared-state/stats
                        ADMIN      PATCH  /api/v1/endpoints/{id}
                        ADMIN      PATCH  /api/v1/schedules/{name}
                        ADMIN      POST   /api/v1/buffers/failed/retry
                        ADMIN      POST   /api/v1/buffers/requeue
                        ADMIN      POST   /api/v1/endpoints
                        ADMIN      POST   /api/v1/endpoints/{id}/pause
                        ADMIN      POST   /api/v1/endpoints/{id}/resume
                        ADMIN      POST   /api/v1/endpoints/{id}/secret/rotate
                        ADMIN      POST   /api/v1/migration/reset
                        ADMIN      POST   /api/v1/migration/start
                        ADMIN      POST   /api/v1/migration/test-connection
                        ADMIN      POST   /api/v1/migration/validate
                        ADMIN      POST   /api/v1/schedules
                        ADMIN      POST   /api/v1/schedules/{name}/pause
                        ADMIN      POST   /api/v1/schedules/{name}/resume
                        ADMIN      POST   /api/v1/schedules/{name}/run
                        ADMIN      POST   /api/v1/stats/refresh
                        ADMIN      POST   /api/v1/system/maintenance
                        ADMIN      POST   /api/v1/system/maintenance/pop
                        ADMIN      POST   /api/v1/work/types/{type}/breaker
                        ADMIN      POST   /api/v1/work/types/{type}/concurrency
                        ADMIN      POST   /api/v1/work/types/{type}/pause
                        ADMIN      POST   /api/v1/work/types/{type}/resume
                        ADMIN      POST   /api/v1/work/{id}/cancel
                        ADMIN      POST   /internal/api/notify
                        PUBLIC     GET    /docs
                        PUBLIC     GET    /docs/{asset}
                        PUBLIC     GET    /health
                        PUBLIC     GET    /live
                        PUBLIC     GET    /metrics
                        PUBLIC     GET    /metrics/prometheus
                        PUBLIC     GET    /openapi.yaml
                        PUBLIC     GET    /ready
                        PUBLIC     OPTIONS /api/v1/push
                        PUBLIC     OPTIONS /api/v1/push/{queue}
                        READ_ONLY  GET    /api/v1/analytics/postgres-stats
                        READ_ONLY  GET    /api/v1/analytics/queue-lag
                        READ_ONLY  GET    /api/v1/analytics/queue-ops
                        READ_ONLY  GET    /api/v1/analytics/queue-parked-replicas
                        READ_ONLY  GET    /api/v1/analytics/retention
                        READ_ONLY  GET    /api/v1/analytics/system-metrics
                        READ_ONLY  GET    /api/v1/analytics/worker-metrics
                        READ_ONLY  GET    /api/v1/consumer-groups
                        READ_ONLY  GET    /api/v1/consumer-groups/lagging
                        READ_ONLY  GET    /api/v1/consumer-groups/{group}
                        READ_ONLY  GET    /api/v1/dlq
                        READ_ONLY  GET    /api/v1/dlq/groups
                        READ_ONLY  GET    /api/v1/dlq/jobs
                        READ_ONLY  GET    /api/v1/dlq/jobs/{jobId}
                        READ_ONLY  GET    /api/v1/endpoints
                        READ_ONLY  GET    /api/v1/endpoints/{id}
                        READ_ONLY  GET    /api/v1/endpoints/{id}/attempts
                        READ_ONLY  GET    /api/v1/endpoints/{id}/stats
                        READ_ONLY  GET    /api/v1/messages
                        READ_ONLY  GET    /api/v1/messages/{partitionId}/{transactionId}
                        READ_ONLY  GET    /api/v1/resources/namespaces
                        READ_ONLY  GET    /api/v1/resources/overview
                        READ_ONLY  GET    /api/v1/resources/partitions
                        READ_ONLY  GET    /api/v1/resources/queues
                        READ_ONLY  GET    /api/v1/resources/queues/{queue}
                        READ_ONLY  GET    /api/v1/resources/tasks
                        READ_ONLY  GET    /api/v1/scheduled
                        READ_ONLY  GET    /api/v1/scheduled/{id}
                        READ_ONLY  GET    /api/v1/schedules
                        READ_ONLY  GET    /api/v1/schedules/{name}
                        READ_ONLY  GET    /api/v1/schedules/{name}/next
                        READ_ONLY  GET    /api/v1/status
                        READ_ONLY  GET    /api/v1/status/analytics
                        READ_ONLY  GET    /api/v1/status/buffers
                        READ_ONLY  GET    /api/v1/status/queues
                        READ_ONLY  GET    /api/v1/status/queues/{queue}
                        READ_ONLY  GET    /api/v1/status/queues/{queue}/messages
                        READ_ONLY  GET    /api/v1/traces/by-name/{traceName}
                        READ_ONLY  GET    /api/v1/traces/names
                        READ_ONLY  GET    /api/v1/traces/{partitionId}/{transactionId}
                        READ_ONLY  GET    /api/v1/work
                        READ_ONLY  GET    /api/v1/work/events
                        READ_ONLY  GET    /api/v1/work/stats
                        READ_ONLY  GET    /api/v1/work/types
                        READ_ONLY  GET    /api/v1/work/{id}
                        READ_ONLY  POST   /streams/v1/state/get
                        READ_WRITE DELETE /api/v1/messages/{partitionId}/{transactionId}
                        READ_WRITE DELETE /api/v1/scheduled/{id}
                        READ_WRITE GET    /api/v1/pop
                        READ_WRITE GET    /api/v1/pop/queue/{queue}
                        READ_WRITE GET    /api/v1/pop/queue/{queue}/partition/{partition}
                        READ_WRITE GET    /api/v1/subscribe/{queue}
                        READ_WRITE PATCH  /api/v1/resources/queues/{queue}
                        READ_WRITE POST   /api/v1/ack
                        READ_WRITE POST   /api/v1/ack/batch
                        READ_WRITE POST   /api/v1/configure
                        READ_WRITE POST   /api/v1/consumer-groups/{group}/queues/{queue}/partitions/{partition}/seek
                        READ_WRITE POST   /api/v1/consumer-groups/{group}/queues/{queue}/seek
                        READ_WRITE POST   /api/v1/consumer-groups/{group}/subscription
                        READ_WRITE POST   /api/v1/dlq/jobs
                        READ_WRITE POST   /api/v1/dlq/jobs/{jobId}/cancel
                        READ_WRITE POST   /api/v1/dlq/redrive
                        READ_WRITE POST   /api/v1/endpoints/{id}/ping
                        READ_WRITE POST   /api/v1/endpoints/{id}/replay
                        READ_WRITE POST   /api/v1/lease/{leaseId}/extend
                        READ_WRITE POST   /api/v1/messages/{partitionId}/{transactionId}/dlq
                        READ_WRITE POST   /api/v1/messages/{partitionId}/{transactionId}/retry
                        READ_WRITE POST   /api/v1/push
                        READ_WRITE POST   /api/v1/push-legacy
                        READ_WRITE POST   /api/v1/push/{queue}
                        READ_WRITE POST   /api/v1/scheduled/{id}/move
                        READ_WRITE POST   /api/v1/traces
                        READ_WRITE POST   /api/v1/transaction
                        READ_WRITE POST   /api/v1/work
                        READ_WRITE POST   /api/v1/work/{id}/retry
                        READ_WRITE POST   /streams/v1/cycle
                        READ_WRITE POST   /streams/v1/queries""");
    }

    private static String line(Route route) {
        return "%-10s %-6s %s".formatted(route.access(), route.method(), route.path());
    }
}
