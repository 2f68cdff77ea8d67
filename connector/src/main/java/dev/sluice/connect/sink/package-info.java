/** The sink task: records of topic partitions into queues, exactly once and in order. */
@NullMarked
package dev.sluice.connect.sink;

import org.jspecify.annotations.NullMarked;
