package dev.sluice.queue.write;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Wakes the consumers of other processes for a writer whose own process has none: tells them which queues it has
 * written to, on the writer's connection, after the commit and in a transaction of its own, as {@link WakeUps} does and
 * for the same reason. The first hint goes out at once; what comes within {@link WakeUps#INTERVAL} of one goes out
 * together at its end.
 *
 * <p>A hint, not a promise: what cannot be sent is dropped, and found by polling. The thread that owns the writer owns
 * this.
 */
public final class WriterWakeUps {
    private static final Logger log = LoggerFactory.getLogger(WriterWakeUps.class);

    private final QueueWriter writer;
    private final Notifications notifications;
    private long nextNanos = System.nanoTime();
    private boolean failing;

    /** Makes it for a writer into the schema. */
    public WriterWakeUps(QueueWriter writer, String schema) {
        this.writer = writer;
        this.notifications = new Notifications(schema);
    }

    /** Tells of the queues that have got a message, now or with the next. Both lists have the same order. */
    public void written(List<NewMessage> messages, List<PushOutcome> outcomes) {
        Set<String> queues = new HashSet<>();
        String last = "";
        for (int i = 0; i < messages.size(); i++) {
            String queue = messages.get(i).queue();
            if (!queue.equals(last) && outcomes.get(i) instanceof PushOutcome.Queued) {
                queues.add(queue);
                last = queue;
            }
        }
        notifications.add(queues);
        Duration unused = sendRest();
    }

    /** Tells of the queues that have got messages that were parked. */
    public void released(QueueWriter.Released released) {
        notifications.add(released.queues());
        Duration unused = sendRest();
    }

    /**
     * Sends what is to be told, unless it is too early: then call again.
     *
     * @return how long until it is time; zero if nothing is left to tell
     */
    public Duration sendRest() {
        return notifications.isEmpty() ? Duration.ZERO : send();
    }

    private Duration send() {
        long now = System.nanoTime();
        if (nextNanos - now > 0) {
            return Duration.ofNanos(nextNanos - now);
        }
        nextNanos = now + WakeUps.INTERVAL.toNanos();
        try {
            boolean unused = writer.session().run("could not wake consumers", transaction -> {
                notifications.send(transaction.connection());
                return Ending.commit(true);
            });
            failing = false;
        } catch (QueueException e) {
            if (!failing) {
                failing = true;
                log.warn("Consumers that wait are not woken, and look again by themselves. reason={}", e.getMessage());
            }
        }
        return Duration.ZERO;
    }
}
