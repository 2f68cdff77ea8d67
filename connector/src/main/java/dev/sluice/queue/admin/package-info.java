/**
 * Administration of queues: options, consumer groups, dead letters, retention, and what becomes of rows that nobody uses.
 */
@org.jspecify.annotations.NullMarked
package dev.sluice.queue.admin;
