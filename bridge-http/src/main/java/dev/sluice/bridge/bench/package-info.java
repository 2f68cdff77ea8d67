/**
 * The command {@code sluice bench}: what a bridge can do and what it costs, in figures that can be compared.
 *
 * <h2>Floors</h2>
 *
 * <p>A rate says little: machines differ, and a shared machine differs from itself within an hour. So each run also
 * measures floors, which are the least that a path could cost on this machine now: a bare POST, a COPY of segments, an
 * append with a sync, a round trip to the database, a commit. A path is printed as a multiple of its floor. The bare
 * POST is measured before and after every path, so that both see the same minutes.
 * {@link dev.sluice.bridge.bench.Guard} compares the multiples with recorded ones.
 *
 * <table>
 *   <caption>Which floor belongs to which path</caption>
 *   <tr><th>Path</th><th>Floor</th><th>The multiple divides</th></tr>
 *   <tr><td>push, pop</td><td>bare POST</td><td>processor time of bridge and PostgreSQL for a message by
 *     processor time of a bare POST</td></tr>
 *   <tr><td>push</td><td>COPY</td><td>PostgreSQL's processor time for a message</td></tr>
 *   <tr><td>idle</td><td>commit</td><td>median times of single requests</td></tr>
 *   <tr><td>start</td><td>start of the bare POST</td><td>times until the first answer</td></tr>
 *   <tr><td>cold</td><td>push-1, warm</td><td>rate of the warm path by rate of the cold one</td></tr>
 * </table>
 *
 * <h2>Times</h2>
 *
 * <p>A {@link dev.sluice.bridge.bench.LoadStream} is a closed or an open loop. A closed loop finds the largest rate;
 * its percentiles are those of a client that waits for each answer. In an open loop requests are due at fixed times,
 * and {@link dev.sluice.bridge.bench.Latencies} counts from then, even if the request was sent late. So a stall of the
 * service shows in all requests that were due during it.
 *
 * <h2>Main classes</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.bench.BenchCommand} parses the words ({@code BenchOptions}), runs rounds, prints
 *       ({@code Report}), writes and compares files ({@code Results}).
 *   <li>{@link dev.sluice.bridge.bench.BenchRun} is one round. {@code Scenario} lists what can be measured,
 *       {@code Loads} runs it, {@code Floors} measures the floors.
 *   <li>{@link dev.sluice.bridge.bench.Load} drives all connections on one thread without blocking. It shares the
 *       processors with the service, so requests are prepared bytes in which {@code PushTraffic} changes digits, and
 *       {@code PopTraffic} looks for names in answers instead of parsing them.
 *   <li>{@link dev.sluice.bridge.bench.Target} is the bridge: {@code OwnBridge} starts one with its PostgreSQL in a
 *       temporary directory.
 *   <li>{@link dev.sluice.bridge.bench.Measurement} reads all counters before and after a load, through
 *       {@code Observer}: {@code ProcessFiles} ({@code /proc}), {@code BenchDatabase} (statistics of PostgreSQL),
 *       {@code JvmView} (JMX), and the bridge's metrics. With {@code --stages} it also records what the bridge does,
 *       and {@link dev.sluice.bridge.bench.stages} divides the processor time.
 * </ul>
 *
 * <h2>Rules</h2>
 *
 * <p>Everything runs on the thread of the command, also the load: the counters are read while no request is in flight.
 * What cannot be seen is unknown, and never zero. The benchmark deletes what it makes: the temporary directory, the
 * schema {@code sluice_bench}, and its queues if the bridge goes on running.
 *
 * <p>Bytes on disk are those that the disk itself counts. The counts of a process are not used: Linux counts a whole
 * piece of its page cache when a program changes a page of it.
 *
 * <p>Public types: {@code BenchCommand}, which the main class calls, and the loads and figures that
 * {@code bench.growth} repeats. No other package uses this one.
 */
@NullMarked
package dev.sluice.bridge.bench;

import org.jspecify.annotations.NullMarked;
