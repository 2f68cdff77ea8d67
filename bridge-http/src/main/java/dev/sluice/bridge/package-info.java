/**
 * The service as a whole: the command line, the wiring of the parts, the stop, and the files of the data directory that
 * belong to no part.
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.Main} reads the arguments and starts the service or a command of {@code cli}.
 *   <li>{@code Bridge} is the wiring diagram as code. It opens the parts from the data towards the client;
 *       {@code OpenParts} closes them in reverse, also after a failed start.
 *   <li>{@code QueueAccess} is what the dispatchers call: the queue, guarded by the availability of the database and by
 *       maintenance. {@code BridgeState} gathers the state of the parts for the routes that show it.
 *   <li>{@code WorkProcess} is a process that only runs handlers, without HTTP and without a log.
 *   <li>{@code Arrivals} spreads the news that queues have messages, to pops, to the work engine and to other
 *       processes.
 *   <li>{@code StopWithProcess} hears of SIGTERM and closes the service; {@code ShutdownGrace} is the first phase of
 *       the stop, in which load balancers notice it.
 *   <li>{@code TrainingRun} is a short life of the service after a build, from which later starts profit. The launcher
 *       starts it.
 *   <li>{@code LocalKey} and {@code ScratchDirectory} are the encryption key and the temporary files in the data
 *       directory.
 * </ul>
 *
 * <p>A stop takes place in this order: {@code /ready} answers 503 and the grace passes; waiting pops are answered;
 * requests in progress end; jobs stop; the drain moves what it can within the shutdown timeout; the logs are synced;
 * connections are closed; the embedded PostgreSQL stops; the lock on the data directory is released.
 *
 * <p>The parts live in the packages below, one for each set of nouns, and know nothing of this package. This package
 * holds no rule about messages: it only connects.
 *
 * <p>Public types: {@code Main}, which the launcher starts.
 */
@NullMarked
package dev.sluice.bridge;

import org.jspecify.annotations.NullMarked;
