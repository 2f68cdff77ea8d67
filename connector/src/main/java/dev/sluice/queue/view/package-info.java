/** What people look at: lists of queues, messages, traces and statistics. Nothing here changes a message. */
@NullMarked
package dev.sluice.queue.view;

import org.jspecify.annotations.NullMarked;
