/**
 * The Kafka Connect plug-in: {@link dev.sluice.connect.QueueSinkConnector} moves topics into queues,
 * {@link dev.sluice.connect.QueueSourceConnector} moves queues into topics.
 *
 * <pre>
 *   topic ──▶ Connect worker ──put──▶ QueueSinkTask ──▶ QueueWriter ──▶ PostgreSQL    (package sink)
 *   topic ◀── Connect worker ◀──poll── QueueSourceTask ◀── QueueReader ◀── PostgreSQL (package source)
 * </pre>
 *
 * <p>This package has only the two connectors, because configurations name their classes. A connector checks a
 * configuration, distributes it to tasks, and checks offsets that an operator sets through Connect's API. It holds no
 * connection and no thread. The tasks do the work, each on one thread of the worker.
 *
 * <h2>The packages below</h2>
 *
 * <ul>
 *   <li>{@code sink}: the sink task. It also runs inside the bridge, where its records come from the local log.
 *   <li>{@code source}: the source task.
 *   <li>{@code record}: a message as a record, and a record as a message. A message that goes through a topic is the
 *       same after it.
 *   <li>{@code plugin}: what both sides need as a plug-in of a worker: settings, connections, metrics, the version.
 * </ul>
 *
 * <p>Dependencies go one way: the connectors depend on {@code sink} and {@code source}, these two on {@code record} and
 * {@code plugin}, and {@code record} on {@code plugin}. Sink and source do not know each other.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.connect.QueueSinkConnector}, {@link dev.sluice.connect.QueueSourceConnector}: Connect
 *       instantiates them by name, so the names never change.
 * </ul>
 */
@NullMarked
package dev.sluice.connect;

import org.jspecify.annotations.NullMarked;
