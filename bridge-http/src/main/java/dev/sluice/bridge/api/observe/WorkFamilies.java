package dev.sluice.bridge.api.observe;

import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.bridge.metrics.WorkMetrics;
import dev.sluice.queue.view.QueueStatus;
import dev.sluice.work.BreakerState;
import dev.sluice.work.WorkEvent.Kind;
import java.util.Locale;

/** Collects the metrics of the work engine. All but the depth count what this process does. */
final class WorkFamilies {
    private static final String PREFIX = "work.";

    private final Metrics metrics;

    WorkFamilies(Metrics metrics) {
        this.metrics = metrics;
    }

    void add(Families families) {
        WorkMetrics work = metrics.work();
        work.all().forEach((type, counts) -> {
            count(families, "enqueued", "Works enqueued here.", type, counts.count(Kind.ENQUEUED));
            count(families, "started", "Runs that began.", type, counts.count(Kind.STARTED));
            count(families, "completed", "Works done.", type, counts.count(Kind.COMPLETED));
            count(families, "failed", "Attempts that failed.", type, counts.count(Kind.FAILED));
            count(families, "retried", "Works that run again after a failure.", type, counts.count(Kind.RETRIED));
            count(families, "snoozed", "Works that asked to run later.", type, counts.count(Kind.SNOOZED));
            count(families, "dead_lettered", "Works now dead letters.", type, counts.count(Kind.DEAD_LETTERED));
            count(families, "cancelled", "Works that were dropped.", type, counts.count(Kind.CANCELLED));
            count(families, "crashed", "Works taken over from engines that died.", type, counts.crashed());
            breaker(families, type, counts.breaker());
            families.gauge("sluice_work_active_workers", "Handlers that run.", counts.active(), "type", type);
        });
        families.counter("sluice_work_events_dropped", "Events that listeners have missed.", work.droppedEvents());
        metrics.queues().forEach(queue -> waiting(families, queue));
    }

    private static void count(Families families, String name, String help, String type, long value) {
        families.counter("sluice_work_" + name, help, value, "type", type);
    }

    private static void breaker(Families families, String type, BreakerState now) {
        for (BreakerState each : BreakerState.values()) {
            families.gauge(
                    "sluice_work_breaker_state",
                    "1 for the state the circuit breaker of the type is in.",
                    PrometheusPage.bit(each == now),
                    "type",
                    type,
                    "state",
                    each.name().toLowerCase(Locale.ROOT));
        }
    }

    private static void waiting(Families families, QueueStatus status) {
        String queue = status.queue().name();
        if (queue.startsWith(PREFIX)) {
            families.gauge(
                    "sluice_work_waiting",
                    "Works that no engine has claimed, as of half a minute ago.",
                    status.counts().pending(),
                    "type",
                    queue.substring(PREFIX.length()));
        }
    }
}
