/**
 * Administration of queues: options, consumer groups, dead letters, retention, and what becomes of rows that nobody
 * uses.
 */
@NullMarked
package dev.sluice.queue.admin;

import org.jspecify.annotations.NullMarked;
