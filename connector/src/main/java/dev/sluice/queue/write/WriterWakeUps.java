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
 * Wakes consumers in other processes for a writer whose own process has none. After a commit, tells the other processes
 * to which queues the writer has written; the notification has a transaction of its own on the writer's connection, as
 * {@link WakeUps} explains. The first wake-up goes out at once. Those that follow within {@link WakeUps#INTERVAL} go
 * out together at its end.
 *
 * <p>A wake-up is a hint. One that cannot be sent is dropped, and consumers find the messages by polling. Owned by the
 * thread that owns the writer.
 */
public final class WriterWakeUps {
    private static final Logger log = LoggerFactory.getLogger(WriterWakeUps.class);

    private final QueueWriter writer;
    private final Notifications notifications;
    private long nextNanos = System.nanoTime();
    private boolean failing;

    /** Makes wake-ups for a writer to the schema. */
    public WriterWakeUps(QueueWriter writer, String schema) {
        this.writer = writer;
        this.notifications = new Notifications(schema);
    }

    /**
     * Tells which queues have got a message, at once or together with the next. Outcomes are in the order of the
     * messages.
     */
    public void written(List<NewMessage> messages, List<PushOutcome> outcomes) {
        Set<String> queues = new HashSet<>();
        String last = null; // The empty name is the name of a queue.
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

    /** Tells which queues have got messages that were parked. */
    public void released(QueueWriter.Released released) {
        notifications.add(released.queues());
        Duration unused = sendRest();
    }

    /**
     * Sends the pending wake-ups if the interval is over.
     *
     * @return how long until the caller must call again; zero if no wake-up is pending
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
                log.warn(
                        "Could not wake waiting consumers, they find new messages by polling reason={}",
                        e.getMessage());
            }
        }
        return Duration.ZERO;
    }
}
