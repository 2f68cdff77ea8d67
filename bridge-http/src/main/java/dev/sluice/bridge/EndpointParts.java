package dev.sluice.bridge;

import dev.sluice.bridge.config.BridgeConfig;
import dev.sluice.bridge.endpoint.EndpointService;
import dev.sluice.bridge.endpoint.WebhookDelivery;
import dev.sluice.bridge.metrics.EndpointCounts;
import dev.sluice.bridge.notice.NoticeWriter;
import dev.sluice.bridge.notice.Thresholds;
import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.webhook.WebhookSender;
import dev.sluice.work.BreakerState;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkListener;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import javax.sql.DataSource;

/** The wiring of endpoints and notices. */
final class EndpointParts {
    private final EndpointService service;
    private final EngineTypes engine;
    private final Thresholds thresholds;

    /**
     * What endpoints use of the process.
     *
     * @param control a pool for short tasks
     * @param work the work engine; starts it if it does not run
     * @param tells gets queues that have new messages: for pops and the work engine here, and for other processes
     */
    record Surroundings(
            DataSource control, Supplier<WorkBuffer> work, WebhookSender webhooks, Consumer<Set<String>> tells) {}

    EndpointParts(BridgeConfig config, Surroundings of, OpenParts parts) throws StartException {
        var notices = parts.add(new NoticeWriter(of.control(), config.smallWriter(), of.tells()));
        thresholds = parts.add(new Thresholds(config.notices(), of.control(), notices));
        engine = new EngineTypes(of.work());
        service = parts.add(new EndpointService(
                config.endpoints(),
                of.control(),
                config.smallWriter(),
                notices,
                observer -> new WebhookDelivery(of.webhooks(), WebhookDelivery.Settings.DEFAULT, engine, observer),
                of.tells()));
        parts.add(engine);
    }

    /** Returns what tells breakers of a work engine that open and close. */
    WorkListener breakers() {
        return event -> {
            String detail = event.detail();
            if (event.kind() == WorkEvent.Kind.BREAKER && detail != null) {
                String[] parts = detail.split(" ", 2);
                var state =
                        BreakerState.valueOf(parts[0].toUpperCase(Locale.ROOT).replace('-', '_'));
                if (state != BreakerState.HALF_OPEN) {
                    thresholds.breaker(event.type(), parts.length > 1 ? parts[1] : "", state == BreakerState.OPEN);
                }
            }
        };
    }

    void start() {
        engine.start();
        service.start();
        thresholds.start();
    }

    EndpointService service() {
        return service;
    }

    /** Returns what is counted. */
    EndpointCounts counts() {
        Map<String, Long> states = new TreeMap<>();
        service.states().forEach((state, count) -> states.put(state.text(), count));
        return new EndpointCounts(
                states, service.copied(), service.disabled(), service.problems().size(), service.droppedAttempts());
    }

    /** Says that a queue has new messages. Never blocks. */
    void wake(String queue) {
        service.wake(queue);
    }
}
