/**
 * Consumers' requests on their way to the database, merged.
 *
 * <p>A request that waits is an entry in a list: no thread and no connection. Requests on the same target form a
 * <em>lane</em>; a worker takes the whole lane to the database in one transaction. A lane runs when a request arrives,
 * when messages were committed for it, when an acknowledgement freed a partition, when a lease or delay it was told
 * about ends, and otherwise once per poll interval, because another bridge may have pushed. Committed messages are
 * known by the name of their queue; whether it is in a namespace that somebody waits for is looked up
 * ({@link QueueNamespaces}). Acknowledgements that arrive while others are being written go together in the next
 * transaction.
 *
 * <p>Everything is bounded: requests waiting, acknowledgements waiting, requests in a transaction, threads. Above the
 * bound a request is refused with {@link dev.sluice.bridge.limits.OverloadedException}.
 */
@NullMarked
package dev.sluice.bridge.pop;

import org.jspecify.annotations.NullMarked;
