package dev.sluice.work.engine;

import dev.sluice.queue.NewMessage;
import dev.sluice.work.Work;
import dev.sluice.work.store.KeyRows.NewKey;
import org.jspecify.annotations.Nullable;

/** A work as its queue takes it, and its idempotency key. */
record Prepared(
        Work work,
        NewMessage message,
        long queueId,
        @Nullable NewKey key) {}
