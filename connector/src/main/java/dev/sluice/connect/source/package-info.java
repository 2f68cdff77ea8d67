/** The source task: messages of queues into topics, by position. */
@NullMarked
package dev.sluice.connect.source;

import org.jspecify.annotations.NullMarked;
