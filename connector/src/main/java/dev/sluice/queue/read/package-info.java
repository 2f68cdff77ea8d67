/**
 * Reading messages: pops with leases, and acknowledgements.
 *
 * <p>{@link dev.sluice.queue.read.Queue} is the entry. A pop looks for cursors that are ready, leases them and reads
 * the next messages. An acknowledgement moves cursors forward, puts messages back or buries them.
 */
@NullMarked
package dev.sluice.queue.read;

import org.jspecify.annotations.NullMarked;
