/**
 * What the service counts about itself.
 *
 * <p>{@link Counters} are added to by the routes, once a request and queue; they only grow while the process lives.
 * From there they go two ways: as they are to whoever asks for {@code /metrics/prometheus}, and, as what they have
 * grown by, into the tables {@code minute_counters} and {@code minute_samples}, every few seconds, by
 * {@link MetricsFlush}. So charts survive a restart, and a database that is away delays them: what could not be written
 * is part of the next try.
 *
 * <p>The number of queues that are counted by name is bounded. Those beyond it are counted together, under an empty
 * name.
 */
@NullMarked
package dev.sluice.bridge.metrics;

import org.jspecify.annotations.NullMarked;
