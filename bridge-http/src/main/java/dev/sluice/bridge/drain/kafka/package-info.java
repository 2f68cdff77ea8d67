/**
 * The destination Kafka: writes the messages of a lane to a topic, from which Connect workers move them on.
 *
 * <p>{@link dev.sluice.bridge.drain.kafka.KafkaTask} sends records and confirms what Kafka has acknowledged without a
 * gap. {@link dev.sluice.bridge.drain.kafka.KafkaTopic} creates the topic if it is missing, and refuses one that would
 * lose messages. {@link dev.sluice.bridge.drain.kafka.KafkaConfig} holds the settings and fixes the producer properties
 * that order and durability rest on.
 *
 * <p>All three types are public for {@code dev.sluice.bridge.drain}; {@code KafkaConfig} also for the configuration.
 */
@NullMarked
package dev.sluice.bridge.drain.kafka;

import org.jspecify.annotations.NullMarked;
