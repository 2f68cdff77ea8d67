/** The destination Kafka: a task that writes to a topic instead of the database. */
@NullMarked
package dev.sluice.bridge.drain.kafka;

import org.jspecify.annotations.NullMarked;
