/**
 * The command {@code sluice buffer inspect|verify|repair|export|requeue}: tools for the directory of a buffer.
 *
 * <p>A buffer is more than one log: the lanes of one or more generations, the failed records, and the file that names
 * the lanes that take new messages. Each command covers all of it.
 *
 * <table>
 *   <caption>The commands</caption>
 *   <tr><th>Command</th><th>While a bridge runs on the directory</th><th>Changes</th></tr>
 *   <tr><td>{@code inspect}, {@code verify}, {@code export}</td>
 *     <td>reads, and names the process that has it open</td><td>nothing</td></tr>
 *   <tr><td>{@code repair}</td><td>is refused</td><td>what opening a log changes</td></tr>
 *   <tr><td>{@code requeue}</td><td>is refused; with {@code --url} it sends to that bridge, or to another one</td>
 *     <td>appends</td></tr>
 * </table>
 *
 * <h2>Main classes</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.cli.BufferCommand} runs a command and turns exceptions into messages and exit codes.
 *   <li>{@link dev.sluice.bridge.cli.Arguments} parses the words of the command line.
 *   <li>{@link dev.sluice.bridge.cli.BufferLogs} opens all logs of a buffer.
 *   <li>{@link dev.sluice.bridge.cli.Inspect}, {@link dev.sluice.bridge.cli.Check} (verify and repair),
 *       {@link dev.sluice.bridge.cli.Export} and {@link dev.sluice.bridge.cli.Requeue} are the commands.
 *   <li>{@link dev.sluice.bridge.cli.StoppedLog} and {@link dev.sluice.bridge.cli.RemoteBridge} are the two
 *       destinations of a requeue.
 *   <li>{@link dev.sluice.bridge.cli.Console} prints results to the standard output, as text or as one JSON object, and
 *       everything else to the standard error.
 * </ul>
 *
 * <p>A command runs on one thread.
 *
 * <h2>Export and requeue lose nothing</h2>
 *
 * <p>{@code export} only reads. An output file gets its name when it is complete. {@code requeue} reads a file and
 * appends batch after batch, in the order of the file. It waits until each batch is on disk.
 *
 * <p>An interrupted requeue can be repeated. If a message is in the log twice, it is stored once, by its transaction
 * id, provided that both copies are drained within {@code dedup.window.ms}. The same holds for a message that is still
 * in the log it was exported from. The exception is a transaction id that Sluice made: Sluice does not remember it for
 * the first copy. So do not requeue an export elsewhere if the exported log will be started again.
 *
 * <h2>What it does not do</h2>
 *
 * <p>No command reads or writes the database.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.cli.BufferCommand}: the main class calls it.
 *   <li>{@link dev.sluice.bridge.cli.BufferSettings}: the main class reads the configuration for it.
 *   <li>{@link dev.sluice.bridge.cli.UsageException}: the main class reports an invalid configuration with it.
 * </ul>
 */
@NullMarked
package dev.sluice.bridge.cli;

import org.jspecify.annotations.NullMarked;
