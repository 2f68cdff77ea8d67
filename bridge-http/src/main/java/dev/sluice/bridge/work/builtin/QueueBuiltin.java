package dev.sluice.bridge.work.builtin;

import dev.sluice.queue.NewMessage;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import org.jspecify.annotations.Nullable;

/**
 * Forwards each work to a queue, in the transaction that stores that the work is done. So the message is there once the
 * work is gone, and not before.
 *
 * @param queue where to
 * @param partition the partition of all messages; null: the key of the work, or the default one if it has none
 */
public record QueueBuiltin(String queue, @Nullable String partition) implements Builtin {
    public QueueBuiltin {
        NewMessage.checkQueueName("queue", queue);
        if (partition != null) {
            NewMessage.checkName("partition", partition);
        }
    }

    @Override
    public Hooks make(BuiltinParts parts, HandlerSettings settings, boolean isBatch) {
        return (Handler) (work, context) -> Outcome.done()
                .forward(new Outcome.Forward(queue, partitionOf(work), work.payloadText(), work.metadata()));
    }

    private String partitionOf(Work work) {
        if (partition != null) {
            return partition;
        }
        return work.key() == null ? NewMessage.DEFAULT_PARTITION : work.key();
    }
}
