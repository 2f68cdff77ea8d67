package dev.sluice.bridge.api.observe;

import static dev.sluice.bridge.http.AdminJson.seconds;

import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.drain.BufferDetail;
import dev.sluice.bridge.drain.DrainStatus;
import dev.sluice.bridge.http.Connections;
import dev.sluice.bridge.ingest.AdmissionStatus;
import dev.sluice.bridge.ingest.IntakeStatus;
import dev.sluice.bridge.jobs.MaintenanceMode;
import dev.sluice.bridge.metrics.Counters;
import dev.sluice.bridge.metrics.LeaseExtensions;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.metrics.ProcessUsage;
import dev.sluice.bridge.metrics.QueueCounters;
import dev.sluice.bridge.metrics.ScheduleCounts;
import dev.sluice.bridge.metrics.SubscriptionCounts;
import dev.sluice.buffer.LogStatus;
import dev.sluice.queue.view.Counter;
import dev.sluice.queue.view.MessageCounts;
import dev.sluice.queue.view.QueueStatus;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;

/**
 * Collects all metrics of the process. Metrics with the prefix {@code sluice_} are ours. Metrics with the prefix
 * {@code queen_} ({@link QueenFamilies}) serve existing dashboards. The label {@code queue} has at most
 * {@code metrics.max.queues} values. All other queues are counted under the label {@code queues="other"} instead: a
 * queue may be named "other", but no user chooses the name of a label.
 */
final class PrometheusPage {
    private final Metrics metrics;
    private final ServiceState state;
    private final QueenFamilies queen;
    private final Connections connections;

    PrometheusPage(Metrics metrics, ServiceState state, MaintenanceMode maintenance, Connections connections) {
        this.connections = connections;
        this.metrics = metrics;
        this.state = state;
        this.queen = new QueenFamilies(metrics, state, maintenance);
    }

    /** Collects all metrics. May wait for the disk, never for the database. */
    MetricSnapshots collect() throws IOException {
        var families = new Families();
        ProcessUsage.Usage usage = metrics.process().now();
        BufferDetail buffer = state.bufferDetail();
        service(families, usage);
        intake(families, buffer.intake(), buffer.admission());
        buffer.lanes().forEach(lane -> lane(families, lane));
        families.gauge(
                "sluice_failed_records",
                "Records PostgreSQL refused that are kept.",
                buffer.failed().count());
        queues(families);
        process(families, usage);
        queen.add(families, usage);
        new WorkFamilies(metrics).add(families);
        EndpointFamilies.add(families, metrics.endpoints());
        subscriptions(families, metrics.subscriptions());
        schedules(families);
        return families.with(
                metrics.requestTimes(),
                metrics.work().runTimes(),
                metrics.work().startDelays());
    }

    private void service(Families families, ProcessUsage.Usage usage) {
        families.gauge(
                "sluice_database_connected",
                "1 if PostgreSQL answers and takes writes.",
                bit(state.databaseConnected()));
        families.gauge("sluice_accepting_pushes", "1 if a push would be taken now.", bit(state.pushRefusal() == null));
        families.gauge("sluice_pops_parked", "Pops that wait.", usage.waitingPops());
        families.gauge("sluice_http_connections", "Connections to the HTTP server.", connections.count());
        families.gauge("sluice_http_connections_limit", "Most connections at once, now.", connections.most());
        String closed = "Connections the server closed.";
        families.counter("sluice_http_connections_closed", closed, connections.evicted(), "reason", "no_room");
        families.counter("sluice_http_connections_closed", closed, connections.overdue(), "reason", "header_timeout");
        ProcessUsage.Pool pool = usage.pool();
        families.gauge("sluice_database_connections", "Connections to PostgreSQL.", pool.active(), "state", "active");
        families.gauge("sluice_database_connections", "", pool.idle(), "state", "idle");
        families.gauge("sluice_database_connections_awaited", "Threads that wait for a connection.", pool.waiting());
    }

    private static void subscriptions(Families families, SubscriptionCounts counts) {
        families.gauge("sluice_subscribers", "Clients to which messages are pushed.", counts.subscribers());
        families.gauge("sluice_subscribers_waiting_bytes", "What waits for them, in bytes.", counts.waitingBytes());
        families.counter("sluice_subscribers_reads", "Reads of messages for subscribers.", counts.reads());
        families.counter("sluice_subscribers_sent", "Messages given to subscribers.", counts.sent());
        counts.dropped()
                .forEach((reason, count) -> families.counter(
                        "sluice_subscribers_dropped", "Subscribers dropped.", count, "reason", reason));
    }

    private static void intake(Families families, IntakeStatus intake, AdmissionStatus admission) {
        families.counter("sluice_push_appends", "Pushes appended to the local log.", intake.requests());
        families.counter("sluice_push_appended_messages", "Messages in them.", intake.messages());
        String answers = "Messages by what their push was answered.";
        families.counter("sluice_push_answered_messages", answers, intake.answeredQueued(), "status", "queued");
        families.counter("sluice_push_answered_messages", answers, intake.answeredDuplicate(), "status", "duplicate");
        families.counter("sluice_push_answered_messages", answers, intake.answeredBuffered(), "status", "buffered");
        families.counter("sluice_push_answered_messages", answers, intake.answeredFailed(), "status", "failed");
        families.counter(
                "sluice_push_fallback_messages",
                "Messages answered buffered though their producer would have waited for PostgreSQL.",
                intake.fellBack());
        String refusals = "Pushes refused.";
        families.counter("sluice_push_refused", refusals, intake.refusedFull(), "reason", "log_full");
        families.counter("sluice_push_refused", refusals, intake.failedWrites(), "reason", "log_failed");
        families.counter("sluice_push_refused", refusals, admission.refusedQueueFull(), "reason", "queue_full");
        families.counter("sluice_push_refused", refusals, admission.refusedNoKey(), "reason", "no_key");
        families.gauge("sluice_push_waiting", "Pushes that wait for their commit.", intake.waiting());
    }

    private static void lane(Families families, BufferDetail.LaneDetail detail) {
        String lane = detail.drain().name();
        LogStatus log = detail.log();
        families.gauge("sluice_log_bytes", "Size of the local log.", log.usedBytes(), "lane", lane);
        families.gauge(
                "sluice_log_limit_bytes", "Size above which pushes are refused.", log.limitBytes(), "lane", lane);
        families.gauge(
                "sluice_log_entries",
                "Messages that are not in PostgreSQL yet.",
                log.uncommittedEntries(),
                "lane",
                lane);
        families.gauge(
                "sluice_log_oldest_age_seconds",
                "How long the oldest of them has waited.",
                seconds(log.oldestUncommittedAge().orElse(Duration.ZERO).toMillis()),
                "lane",
                lane);
        families.counter(
                "sluice_log_syncs", "Syncs to the disk.", log.counters().syncs(), "lane", lane);
        families.counter(
                "sluice_log_written_bytes", "Bytes written.", log.counters().bytes(), "lane", lane);
        families.counter(
                "sluice_log_failed_syncs", "Syncs that failed.", log.counters().failedSyncs(), "lane", lane);
        families.counter(
                "sluice_log_lost_entries",
                "Entries that cannot be read any more.",
                log.counters().lostEntries(),
                "lane",
                lane);
        DrainStatus.Lane drain = detail.drain();
        for (DrainStatus.State each : DrainStatus.State.values()) {
            families.gauge(
                    "sluice_drain_state",
                    "1 for the state the drain of the lane is in.",
                    bit(each == drain.state()),
                    "lane",
                    lane,
                    "state",
                    each.name().toLowerCase(Locale.ROOT));
        }
        families.counter("sluice_flush_batches", "Transactions that wrote messages.", drain.batches(), "lane", lane);
        families.counter(
                "sluice_flush_messages", "Messages in them, duplicates included.", drain.messages(), "lane", lane);
        families.counter(
                "sluice_flush_duplicates",
                "Of these, how many PostgreSQL had already.",
                drain.duplicates(),
                "lane",
                lane);
        families.counter(
                "sluice_flush_refused_messages", "Messages PostgreSQL refused.", drain.refused(), "lane", lane);
        families.counter(
                "sluice_flush_failures",
                "Transactions that failed and were tried again.",
                drain.failures(),
                "lane",
                lane);
        families.counter("sluice_drain_outages", "Times the lane could not be drained.", drain.outages(), "lane", lane);
    }

    private void queues(Families families) {
        metrics.counters().all().forEach((queue, counts) -> {
            String[] labels = labels(queue);
            requests(families, counts, labels);
            acknowledgements(families, counts, labels);
            retired(families, counts, labels);
        });
        leases(families);
        metrics.queues().forEach(queue -> stored(families, queue));
    }

    private static void requests(Families families, QueueCounters counts, String[] queue) {
        count(families, "sluice_push_requests", "Pushes accepted.", counts, Counter.PUSH_REQUESTS, queue);
        count(families, "sluice_push_messages", "Messages in them.", counts, Counter.PUSH_MESSAGES, queue);
        count(families, "sluice_pop_requests", "Pops answered.", counts, Counter.POP_REQUESTS, queue);
        count(families, "sluice_pop_empty", "Pops answered without a message.", counts, Counter.POP_EMPTY, queue);
        count(families, "sluice_pop_messages", "Messages given to consumers.", counts, Counter.POP_MESSAGES, queue);
        families.counter(
                "sluice_pop_lag_seconds",
                "Sum of the ages of messages when they were popped.",
                seconds(counts.total(Counter.LAG_SUM_MS)),
                queue);
        families.gauge("sluice_pop_parked", "Pops that wait for messages.", counts.parked(), queue);
        count(
                families,
                "sluice_database_errors",
                "Requests that failed because of PostgreSQL.",
                counts,
                Counter.DATABASE_ERRORS,
                queue);
        count(
                families,
                "sluice_transactions",
                "Transactions committed, counted once for each queue they touched.",
                counts,
                Counter.TRANSACTIONS,
                queue);
        count(
                families,
                "sluice_partitions_deleted",
                "Partitions deleted by request.",
                counts,
                Counter.PARTITIONS_DELETED,
                queue);
    }

    private static void acknowledgements(Families families, QueueCounters counts, String[] queue) {
        count(families, "sluice_ack_requests", "Requests with acknowledgements.", counts, Counter.ACK_REQUESTS, queue);
        long redelivered = counts.total(Counter.REDELIVERIES);
        long dead = counts.total(Counter.DEAD_LETTERS);
        ack(families, counts.total(Counter.ACK_COMPLETED), queue, "completed");
        ack(families, redelivered, queue, "redelivered");
        ack(families, dead, queue, "dead_letter");
        ack(families, Math.max(0, counts.total(Counter.ACK_FAILED) - redelivered - dead), queue, "refused");
    }

    private static void retired(Families families, QueueCounters counts, String[] queue) {
        retired(families, counts.total(Counter.RETENTION_MESSAGES), queue, "age");
        retired(families, counts.total(Counter.COMPLETED_RETENTION_MESSAGES), queue, "completed");
        retired(families, counts.total(Counter.EVICTION_MESSAGES), queue, "waited");
    }

    private void leases(Families families) {
        String extensions = "Requests to extend a lease. Refused if the lease had expired or never existed.";
        LeaseExtensions leases = metrics.leaseExtensions();
        families.counter("sluice_lease_extensions", extensions, leases.granted(), "outcome", "granted");
        families.counter("sluice_lease_extensions", extensions, leases.refused(), "outcome", "refused");
    }

    private static void stored(Families families, QueueStatus status) {
        String queue = status.queue().name();
        MessageCounts counts = status.counts();
        String help = "Messages by state, as of half a minute ago.";
        families.gauge("sluice_queue_messages", help, counts.pending(), "queue", queue, "state", "pending");
        families.gauge("sluice_queue_messages", help, counts.processing(), "queue", queue, "state", "processing");
        families.gauge("sluice_queue_messages", help, counts.completed(), "queue", queue, "state", "completed");
        families.gauge(
                "sluice_queue_dead_letters",
                "Dead letters, as of half a minute ago.",
                counts.deadLetters(),
                "queue",
                queue);
    }

    private static void ack(Families families, long value, String[] queue, String outcome) {
        families.counter("sluice_ack_messages", "Acknowledgements by outcome.", value, with(queue, "outcome", outcome));
    }

    private static void retired(Families families, long value, String[] queue, String reason) {
        families.counter(
                "sluice_retention_messages", "Messages deleted by retention.", value, with(queue, "reason", reason));
    }

    private static void count(
            Families families, String name, String help, QueueCounters counts, Counter counter, String[] queue) {
        families.counter(name, help, counts.total(counter), queue);
    }

    private static void process(Families families, ProcessUsage.Usage usage) {
        families.gauge("process_resident_memory_bytes", "Memory in RAM.", usage.residentBytes());
        families.gauge("process_virtual_memory_bytes", "Address space.", usage.virtualBytes());
        families.counter("process_cpu_seconds", "Processor time.", (usage.userMicros() + usage.systemMicros()) / 1e6);
        var memory = ManagementFactory.getMemoryMXBean();
        String used = "Memory of the JVM in use.";
        families.gauge(
                "jvm_memory_used_bytes", used, memory.getHeapMemoryUsage().getUsed(), "area", "heap");
        families.gauge(
                "jvm_memory_used_bytes", used, memory.getNonHeapMemoryUsage().getUsed(), "area", "nonheap");
        families.gauge(
                "jvm_memory_max_bytes",
                "Most the heap may use.",
                memory.getHeapMemoryUsage().getMax(),
                "area",
                "heap");
        families.gauge("jvm_threads_current", "Live threads.", usage.threads());
        for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
            families.counter(
                    "jvm_gc_collections",
                    "Garbage collections.",
                    Math.max(0, collector.getCollectionCount()),
                    "gc",
                    collector.getName());
            families.counter(
                    "jvm_gc_collection_seconds",
                    "Time they took.",
                    seconds(Math.max(0, collector.getCollectionTime())),
                    "gc",
                    collector.getName());
        }
    }

    /** Returns the name and the value of the label of a queue. */
    static String[] labels(String queue) {
        return queue.equals(Counters.OTHER) ? new String[] {"queues", "other"} : new String[] {"queue", queue};
    }

    /** Returns the labels and one more. */
    static String[] with(String[] labels, String name, String value) {
        String[] more = Arrays.copyOf(labels, labels.length + 2);
        more[labels.length] = name;
        more[labels.length + 1] = value;
        return more;
    }

    private void schedules(Families families) {
        ScheduleCounts counts = metrics.schedules();
        families.counter("sluice_schedule_fired", "Messages that schedules have pushed here.", counts.fired());
        families.counter(
                "sluice_schedule_skipped", "Ticks of schedules that were missed and left out.", counts.skipped());
        families.counter("sluice_schedule_failures", "Attempts to fire schedules that failed.", counts.failures());
    }

    static int bit(boolean value) {
        return value ? 1 : 0;
    }
}
