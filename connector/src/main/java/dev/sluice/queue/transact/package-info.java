/**
 * Operations that write and read in one transaction: transactions of a client, redrive of dead letters, and stream
 * cycles.
 */
@NullMarked
package dev.sluice.queue.transact;

import org.jspecify.annotations.NullMarked;
