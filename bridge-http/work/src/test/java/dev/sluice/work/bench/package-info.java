/**
 * The benchmark of the work engine: {@link dev.sluice.work.bench.WorkBenchmark} is the command.
 *
 * <p>All parts use one embedded PostgreSQL with {@code fsync} and {@code synchronous_commit} on, and no network. Each
 * round of a part has a database of its own, and a checkpoint before each measurement. What is compared is measured in
 * the same round, in turns, and the order changes from round to round. The first round warms the code up and does not
 * count.
 *
 * <table>
 *   <caption>Parts</caption>
 *   <tr><th>Part</th><th>What it measures</th></tr>
 *   <tr><td>{@code waiting}</td><td>handlers that wait 50 ms: works a second, as a part of what so many workers could
 *     do if the engine took no time</td></tr>
 *   <tr><td>{@code noop}</td><td>handlers that do nothing, beside loops of pop and ack on the same messages</td></tr>
 *   <tr><td>{@code enqueue}</td><td>works that callers enqueue a second</td></tr>
 *   <tr><td>{@code latency}</td><td>from the call of {@code enqueue} until the handler starts: on an idle engine, and
 *     at half of the largest rate</td></tr>
 *   <tr><td>{@code million}</td><td>the same, and the rate, while a million works wait</td></tr>
 *   <tr><td>{@code rival}</td><td>handlers that do nothing, beside the one-time tasks of db-scheduler</td></tr>
 * </table>
 *
 * <p>A rate is that of a backlog between its first and its last tenth, so neither the start nor the end of an engine
 * counts. In an open loop a work is due at a fixed time, and its latency counts from then, even if the caller was late.
 *
 * <p>db-scheduler is on the class path of the tests only: the product does not need it.
 */
@NullMarked
package dev.sluice.work.bench;

import org.jspecify.annotations.NullMarked;
