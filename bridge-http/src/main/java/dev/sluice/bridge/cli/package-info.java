/**
 * The tools for a buffer's directory: {@code sluice buffer inspect|verify|repair|export|requeue}.
 *
 * <p>A buffer is more than one log: lanes of several generations, the failed records, and the file that says which
 * lanes take new messages. Each command goes over all of it.
 *
 * <table>
 *   <caption>The commands</caption>
 *   <tr><th>Command</th><th>While a bridge runs on the directory</th><th>Changes</th></tr>
 *   <tr><td>{@code inspect}, {@code verify}, {@code export}</td><td>reads, and says who holds it</td><td>nothing</td></tr>
 *   <tr><td>{@code repair}</td><td>is refused</td><td>what opening a log would</td></tr>
 *   <tr><td>{@code requeue}</td><td>is refused; with {@code --url} it asks that bridge, or another one</td><td>appends</td></tr>
 * </table>
 *
 * <h2>Nothing is lost on the way</h2>
 *
 * <p>{@code export} only reads; what it writes gets its name when it is complete. {@code requeue} reads a file and
 * appends, batch after batch, in the file's order, waiting until each is on disk. If it is interrupted, run it again:
 * what is in the log twice is stored once, by the transaction id, if the two copies are drained within
 * {@code dedup.window.ms} of each other. A message that is also still in the log it was exported from is one of these,
 * unless its transaction id was made by Sluice: such ids are not remembered for their first copy. So what has been
 * exported from a log that somebody will start again should not be requeued elsewhere.
 *
 * <p>Results go to the standard output, as text or, with {@code --json}, as one object; everything else to the standard
 * error. Exit codes are in {@link dev.sluice.bridge.cli.BufferCommand}.
 */
@NullMarked
package dev.sluice.bridge.cli;

import org.jspecify.annotations.NullMarked;
