/**
 * What people look at: lists of queues, messages, traces and statistics. Nothing here changes a message.
 */
@org.jspecify.annotations.NullMarked
package dev.sluice.queue.view;
