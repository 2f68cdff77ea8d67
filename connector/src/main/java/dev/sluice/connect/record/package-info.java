/** A message as a Kafka record, and a Kafka record as a message. */
@NullMarked
package dev.sluice.connect.record;

import org.jspecify.annotations.NullMarked;
