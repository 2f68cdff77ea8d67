package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.notice.Notice;
import dev.sluice.bridge.notice.NoticeWriter;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Transactions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Disables endpoints: those whose attempts have all failed for a time, and those that have answered 410. The state and
 * the notice are one transaction, so whichever bridge does it, it is told once.
 */
final class Disabling {
    private static final Logger log = LoggerFactory.getLogger(Disabling.class);

    private final Transactions transactions;
    private final EndpointRows rows;
    private final NoticeWriter notices;
    private final Duration after;
    private final AtomicLong disabled = new AtomicLong();

    /** Makes it. {@code after} is how long an endpoint may fail; zero: for ever. */
    Disabling(Transactions transactions, EndpointRows rows, NoticeWriter notices, Duration after) {
        this.transactions = transactions;
        this.rows = rows;
        this.notices = notices;
        this.after = after;
    }

    /** Returns how many endpoints this process has disabled. */
    long disabled() {
        return disabled.get();
    }

    /**
     * Disables the endpoints that have failed for long. Between the first and the last failure there is the whole time,
     * so many failures within a moment disable nothing, nor does one failure without further deliveries.
     *
     * @return whether one was disabled
     * @throws QueueException if PostgreSQL failed
     */
    boolean check() {
        if (after.isZero()) {
            return false;
        }
        List<String> failing = transactions.run(
                "could not look for endpoints that fail", connection -> rows.failingFor(connection, after));
        long before = disabled.get();
        var each = new OneByOne();
        for (String id : failing) {
            each.run(() -> disable(id, "all attempts have failed for " + text(after)));
        }
        each.throwFirst();
        return disabled.get() > before;
    }

    private static String text(Duration time) {
        long hours = time.toHours();
        return hours > 0 ? hours + " h" : time.toSeconds() > 0 ? time.toSeconds() + " s" : time.toMillis() + " ms";
    }

    /**
     * Disables an endpoint, with a notice.
     *
     * @return false: it was not active
     */
    boolean disable(String id, String reason) {
        List<Notice> told = notices.tell("could not disable an endpoint", connection -> {
            Optional<Endpoint> changed = rows.disable(connection, id, reason);
            return changed.map(Disabling::notice).stream().toList();
        });
        if (told.isEmpty()) {
            return false;
        }
        disabled.incrementAndGet();
        log.warn(
                "An endpoint was disabled; its messages wait until an operator resumes it endpoint={} reason={}",
                id,
                reason);
        return true;
    }

    private static Notice notice(Endpoint endpoint) {
        Instant since = endpoint.condition().failingSince();
        return Notice.of("endpoint-disabled", EndpointNames.type(endpoint.id()))
                .with("endpoint", endpoint.id())
                .with("url", endpoint.target().shown())
                .with("reason", endpoint.condition().reason())
                .with("failingSince", since == null ? null : since.toString());
    }
}
