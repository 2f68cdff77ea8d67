/**
 * The tables of the work engine, one class for each. Every method runs its statements in a transaction of its caller
 * and does not commit.
 *
 * <p>A statement that ends or renews a lease names the owner, and returns the rows that the owner still held. The
 * caller drops what concerns other rows. {@link dev.sluice.work.store.LentConnections} makes sure that a connection
 * goes back to the program's pool as it came.
 */
@NullMarked
package dev.sluice.work.store;

import org.jspecify.annotations.NullMarked;
