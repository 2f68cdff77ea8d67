package dev.sluice.bridge.drain;

import dev.sluice.bridge.drain.kafka.KafkaConfig;
import dev.sluice.bridge.drain.kafka.KafkaTask;
import dev.sluice.bridge.drain.kafka.KafkaTopic;
import dev.sluice.connect.sink.QueueSinkTask;
import java.util.function.Function;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.connect.sink.SinkTask;

/**
 * Where a drain moves messages.
 *
 * @param tasks makes a task for a lane
 * @param remembersOffsets whether it knows which entries of a log it has, so that they are compared with the log;
 *     otherwise the log's own committed position says what is moved on
 * @param name for the log
 */
public record Destination(
        Function<? super LaneDrain, ? extends SinkTask> tasks, boolean remembersOffsets, String name) {

    /** PostgreSQL, written to by this process. */
    public static Destination postgres() {
        return new Destination(QueueSinkTask::new, true, "embedded");
    }

    /** A topic, from which Connect workers move messages on to PostgreSQL. */
    public static Destination kafka(KafkaConfig config) {
        var topic = new KafkaTopic(config);
        return new Destination(
                lane -> new KafkaTask(
                        maxBatchBytes -> new KafkaProducer<>(config.producer(maxBatchBytes)),
                        topic,
                        config.topic(),
                        lane),
                false,
                "kafka");
    }
}
