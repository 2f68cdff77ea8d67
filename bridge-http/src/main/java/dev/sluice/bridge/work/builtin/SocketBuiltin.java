package dev.sluice.bridge.work.builtin;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.QueueOptions;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Emits each work to a channel, to which browsers and services subscribe. A channel is a queue whose messages are
 * deleted after a while, read or not. The work is forwarded as {@link QueueBuiltin} does it.
 *
 * @param emit forwards the works to the queue that is named as the channel
 * @param ttl how long a client that was away can get a message
 */
public record SocketBuiltin(QueueBuiltin emit, Duration ttl) implements Builtin {
    private static final Logger log = LoggerFactory.getLogger(SocketBuiltin.class);

    /** How often a process looks whether somebody has deleted the queue. */
    private static final Duration LOOK = Duration.ofSeconds(30);

    /** A place in which the queues of channels are. */
    public interface Channels {
        /**
         * Creates a queue unless it is there. Blocks.
         *
         * @return the options that it has now
         * @throws dev.sluice.queue.QueueException if PostgreSQL failed
         */
        QueueOptions ensure(String queue, QueueOptions options);
    }

    /**
     * Checks the values.
     *
     * @param channel the name of the channel
     * @param partition the partition of all messages; null: the key of the work
     * @param ttl rounded up to whole seconds
     */
    public static SocketBuiltin of(String channel, @Nullable String partition, Duration ttl) {
        NewMessage.checkQueueName("channel", channel);
        return new SocketBuiltin(
                new QueueBuiltin(channel, partition),
                Duration.ofSeconds(ttl.plusSeconds(1).minusNanos(1).toSeconds()));
    }

    @Override
    public Hooks make(BuiltinParts parts, HandlerSettings settings, boolean isBatch) {
        Handler forwards = (Handler) emit.make(parts, settings, isBatch);
        var look = new AtomicLong(System.nanoTime());
        return (Handler) (work, context) -> {
            long due = look.get();
            if (System.nanoTime() - due >= 0) { // The queue must be there before the message, which would make it.
                ensure(parts.channels());
                look.compareAndSet(due, System.nanoTime() + LOOK.toNanos());
            }
            return forwards.handle(work, context);
        };
    }

    private void ensure(Channels channels) {
        QueueOptions options = channels.ensure(
                emit.queue(), QueueOptions.DEFAULTS.toBuilder().ttl(ttl).build());
        boolean expires = options.ttl() != null && !options.ttl().isZero();
        boolean isKept = options.retentionEnabled() && !options.retention().isZero();
        if (!expires && !isKept) {
            log.warn(
                    "The queue of a channel existed before and keeps its messages, set its option ttl queue={} ttl={}",
                    emit.queue(),
                    ttl.toSeconds());
        }
    }
}
