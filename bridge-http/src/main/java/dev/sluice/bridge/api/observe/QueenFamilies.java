package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.AdminJson.seconds;

import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.jobs.MaintenanceMode;
import dev.sluice.bridge.metrics.Counters;
import dev.sluice.bridge.metrics.LastMinute;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.metrics.QueueCounters;
import dev.sluice.queue.view.Counter;
import dev.sluice.queue.view.QueueStatus;
import java.util.Arrays;
import java.util.Map;

/**
 * The families of metrics that dashboards for Queen use. A family without an equivalent in this service is left out,
 * because a panel without data is more honest than a line of zeros.
 */
final class QueenFamilies {
    private static final String SCOPE = "scope";
    private static final String PROCESS = "process";
    private static final String OP = "op";
    private static final String RESULT = "result";
    private static final String STAT = "stat";

    private static final Map<String, Counter> BY_MINUTE = Map.of(
            "queen_queue_push_requests_per_minute", Counter.PUSH_REQUESTS,
            "queen_queue_push_messages_per_minute", Counter.PUSH_MESSAGES,
            "queen_queue_pop_messages_per_minute", Counter.POP_MESSAGES,
            "queen_queue_pop_empty_per_minute", Counter.POP_EMPTY,
            "queen_queue_transactions_per_minute", Counter.TRANSACTIONS);

    private final Metrics metrics;
    private final ServiceState state;
    private final MaintenanceMode maintenance;
    private final String[] worker = {
        "hostname", ProcessUsage.hostName(),
        "worker_id", String.valueOf(BridgeName.ID),
        "pid", String.valueOf(ProcessHandle.current().pid())
    };

    QueenFamilies(Metrics metrics, ServiceState state, MaintenanceMode maintenance) {
        this.metrics = metrics;
        this.state = state;
        this.maintenance = maintenance;
    }

    /** Adds all families. Reads this process only. */
    void add(Families families, ProcessUsage.Usage usage) {
        addUsage(families, usage);
        addTotals(families, usage);
    }

    private void addUsage(Families families, ProcessUsage.Usage usage) {
        families.gauge("queen_uptime_seconds", "Time since the start.", seconds(ProcessUsage.uptimeMillis()));
        families.counter(
                "queen_cpu_user_microseconds", "Processor time of the process's own code.", usage.userMicros());
        families.counter("queen_cpu_system_microseconds", "Processor time of the system for it.", usage.systemMicros());
        families.gauge("queen_process_resident_memory_bytes", "Memory in RAM.", usage.residentBytes());
        families.gauge("queen_process_virtual_memory_bytes", "Address space.", usage.virtualBytes());
        families.gauge(
                "queen_db_pool_size", "Connections to PostgreSQL.", usage.pool().size());
        families.gauge(
                "queen_db_pool_idle", "Connections not in use.", usage.pool().idle());
        families.gauge(
                "queen_db_pool_active", "Connections in use.", usage.pool().active());
        ServiceState.Buffer buffer = state.buffer();
        families.gauge("queen_file_buffer_pending", "Messages that are not in PostgreSQL yet.", buffer.pending());
        families.gauge("queen_file_buffer_failed", "Records PostgreSQL refused.", buffer.failed());
        families.gauge(
                "queen_file_buffer_db_healthy",
                "1 if PostgreSQL answers.",
                PrometheusPage.bit(state.databaseConnected()));
    }

    private void addTotals(Families families, ProcessUsage.Usage usage) {
        total(families, "queen_cluster_push_requests", "Pushes accepted by this process.", Counter.PUSH_REQUESTS);
        total(families, "queen_cluster_push_messages", "Messages in them.", Counter.PUSH_MESSAGES);
        total(families, "queen_cluster_pop_requests", "Pops answered by this process.", Counter.POP_REQUESTS);
        total(families, "queen_cluster_pop_messages", "Messages in them.", Counter.POP_MESSAGES);
        total(families, "queen_cluster_ack_requests", "Requests with acknowledgements.", Counter.ACK_REQUESTS);
        Counters counters = metrics.counters();
        long completed = counters.total(Counter.ACK_COMPLETED);
        long failed = counters.total(Counter.ACK_FAILED);
        families.counter("queen_cluster_ack_messages", "Acknowledgements in them.", completed + failed, SCOPE, PROCESS);
        String results = "Acknowledgements by result.";
        families.counter("queen_cluster_ack", results, completed, SCOPE, PROCESS, RESULT, "success");
        families.counter("queen_cluster_ack", results, failed, SCOPE, PROCESS, RESULT, "failed");
        total(
                families,
                "queen_cluster_transactions",
                "Transactions committed by this process, once for each queue they touch.",
                Counter.TRANSACTIONS);
        total(
                families,
                "queen_cluster_db_errors",
                "Requests that failed because of PostgreSQL.",
                Counter.DATABASE_ERRORS);
        total(families, "queen_cluster_dlq", "Messages that became dead letters.", Counter.DEAD_LETTERS);
        long letters = 0;
        for (QueueStatus each : metrics.queues()) {
            letters += each.counts().deadLetters();
            families.gauge(
                    "queen_dlq_depth_by_queue",
                    "Dead letters.",
                    each.counts().deadLetters(),
                    "queue",
                    each.queue().name());
        }
        families.gauge("queen_dlq_depth", "Dead letters of the queues looked at.", letters, SCOPE, "cluster");
        families.gauge(
                "queen_maintenance_mode_enabled",
                "1 while pushes are on hold.",
                PrometheusPage.bit(maintenance.pushes()));
        metrics.counters().all().forEach((name, counts) -> lastMinute(families, name, counts));
        threads(families, usage);
        worker(families, usage);
    }

    private void lastMinute(Families families, String name, QueueCounters counts) {
        String[] queue = PrometheusPage.labels(name);
        families.gauge("queen_queue_parked_consumers", "Pops that wait for messages.", counts.parked(), queue);
        String help = "The same as the total, of the last minute.";
        LastMinute last = metrics.lastMinute();
        for (Map.Entry<String, Counter> each : BY_MINUTE.entrySet()) {
            families.gauge(each.getKey(), help, last.count(name, each.getValue()), queue);
        }
        String acks = "Acknowledgements of the last minute, by result.";
        String family = "queen_queue_ack_per_minute";
        families.gauge(
                family, acks, last.count(name, Counter.ACK_COMPLETED), PrometheusPage.with(queue, RESULT, "success"));
        families.gauge(
                family, acks, last.count(name, Counter.ACK_FAILED), PrometheusPage.with(queue, RESULT, "failed"));
        families.gauge(
                "queen_queue_pop_lag_milliseconds",
                "Average age of the messages popped in the last minute.",
                average(last.count(name, Counter.LAG_SUM_MS), last.count(name, Counter.LAG_COUNT)),
                PrometheusPage.with(queue, STAT, "avg"));
        families.gauge("queen_queue_metrics_age_seconds", "How long ago the last minute ended.", age(), queue);
    }

    private void total(Families families, String name, String help, Counter counter) {
        families.counter(name, help, metrics.counters().total(counter), SCOPE, PROCESS);
    }

    private static void threads(Families families, ProcessUsage.Usage usage) {
        String size = "Threads, of the database those with a connection.";
        families.gauge("queen_threadpool_size", size, usage.pool().size(), "pool", "db");
        families.gauge("queen_threadpool_size", size, usage.threads(), "pool", "system");
        families.gauge(
                "queen_threadpool_queue_size",
                "Threads that wait for a connection.",
                usage.pool().waiting(),
                "pool",
                "db");
        families.gauge(
                "queen_response_registry_size",
                "Pops that wait.",
                usage.waitingPops(),
                "worker_id",
                String.valueOf(BridgeName.ID));
        families.gauge("queen_shared_state_enabled", "1: what bridges share is in the database.", 1);
    }

    /** Adds this process as a worker. A bridge has no event loop and no backoff, so their families are left out. */
    private void worker(Families families, ProcessUsage.Usage usage) {
        String messages = "Messages of the last minute.";
        String requests = "Requests of the last minute.";
        workerMinute(families, "queen_worker_messages_per_minute", messages, Counter.PUSH_MESSAGES, OP, "push");
        workerMinute(families, "queen_worker_messages_per_minute", messages, Counter.POP_MESSAGES, OP, "pop");
        workerMinute(families, "queen_worker_requests_per_minute", requests, Counter.PUSH_REQUESTS, OP, "push");
        workerMinute(families, "queen_worker_requests_per_minute", requests, Counter.POP_REQUESTS, OP, "pop");
        workerMinute(families, "queen_worker_requests_per_minute", requests, Counter.ACK_REQUESTS, OP, "ack");
        String acks = "Acknowledgements of the last minute, by result.";
        workerMinute(families, "queen_worker_ack_per_minute", acks, Counter.ACK_COMPLETED, RESULT, "success");
        workerMinute(families, "queen_worker_ack_per_minute", acks, Counter.ACK_FAILED, RESULT, "failed");
        workerMinute(
                families,
                "queen_worker_db_errors_per_minute",
                "Requests that failed because of PostgreSQL, in the last minute.",
                Counter.DATABASE_ERRORS);
        workerMinute(
                families,
                "queen_worker_dlq_per_minute",
                "Messages that became dead letters in the last minute.",
                Counter.DEAD_LETTERS);
        LastMinute last = metrics.lastMinute();
        workerGauge(
                families,
                "queen_worker_jobs_done_per_minute",
                "Pushes, pops and acknowledgements answered in the last minute.",
                (double) (last.count(Counter.PUSH_REQUESTS)
                        + last.count(Counter.POP_REQUESTS)
                        + last.count(Counter.ACK_REQUESTS)));
        workerGauge(
                families,
                "queen_worker_lag_milliseconds",
                "Average age of the messages popped in the last minute.",
                average(last.count(Counter.LAG_SUM_MS), last.count(Counter.LAG_COUNT)),
                STAT,
                "avg");
        workerGauge(
                families,
                "queen_worker_free_slots",
                "Connections not in use.",
                usage.pool().idle());
        workerGauge(
                families,
                "queen_worker_db_connections",
                "Connections to PostgreSQL.",
                usage.pool().size());
        workerGauge(
                families,
                "queen_worker_job_queue_size",
                "Threads that wait for a connection.",
                usage.pool().waiting());
        workerGauge(families, "queen_worker_metrics_age_seconds", "How long ago the last minute ended.", age());
    }

    private void workerMinute(Families families, String name, String help, Counter counter, String... labels) {
        workerGauge(families, name, help, (double) metrics.lastMinute().count(counter), labels);
    }

    private void workerGauge(Families families, String name, String help, double value, String... more) {
        String[] labels = Arrays.copyOf(worker, worker.length + more.length);
        System.arraycopy(more, 0, labels, worker.length, more.length);
        families.gauge(name, help, value, labels);
    }

    private static double average(long sum, long count) {
        return (double) sum / Math.max(1, count);
    }

    private double age() {
        return seconds(metrics.lastMinute().age(System.nanoTime()).toMillis());
    }
}
