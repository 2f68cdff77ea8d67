/**
 * The mover: it reads the local log and gives the messages to the sink task, lane by lane.
 *
 * <p>{@link dev.sluice.bridge.drain.LaneDrain} serves one lane. {@link dev.sluice.bridge.drain.TaskDriver} runs one
 * life of the sink task, as a Kafka Connect worker would.
 */
@NullMarked
package dev.sluice.bridge.drain;

import org.jspecify.annotations.NullMarked;
