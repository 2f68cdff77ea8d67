package dev.sluice.bridge.drain;

import dev.sluice.bridge.drain.kafka.KafkaConfig;
import dev.sluice.bridge.drain.kafka.KafkaTask;
import dev.sluice.bridge.drain.kafka.KafkaTopic;
import dev.sluice.connect.sink.OutcomeObserver;
import dev.sluice.connect.sink.QueueSinkTask;
import java.util.function.Function;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/**
 * Where a drain moves messages.
 *
 * @param name its name in {@code lanes.properties}
 * @param remembersOffsets whether it knows which entries of a log it has, so that the drain compares them with the log;
 *     otherwise the drain continues at the log's own committed position
 * @param tasks makes a task for a lane
 */
public record Destination(String name, boolean remembersOffsets, Function<? super Observer, LaneTask> tasks) {

    /** Hears the outcome of each record of a lane, from either kind of task. */
    public interface Observer extends OutcomeObserver, KafkaTask.Listener {
        @Override
        void refused(SinkRecord record, String reason);
    }

    /**
     * A sink task that serves one lane.
     *
     * @param sink the task
     * @param giveUp makes the task fail soon although its destination does not answer; any thread may run it, and it
     *     may take a while
     */
    public record LaneTask(SinkTask sink, Runnable giveUp) {
        /** Wraps a task that writes to Kafka. */
        public static LaneTask of(KafkaTask task) {
            return new LaneTask(task, task::giveUp);
        }

        /** Wraps a task that never needs to give up, because its transactions end by their own timeouts. */
        public static LaneTask neverGivesUp(SinkTask task) {
            return new LaneTask(task, () -> {});
        }
    }

    /** PostgreSQL, written to by this process. */
    public static Destination postgres() {
        return new Destination("embedded", true, lane -> LaneTask.neverGivesUp(new QueueSinkTask(lane)));
    }

    /** A Kafka topic, from which Connect workers move messages on to PostgreSQL. */
    public static Destination kafka(KafkaConfig config) {
        var topic = new KafkaTopic(config);
        return new Destination(
                "kafka",
                false,
                lane -> LaneTask.of(new KafkaTask(
                        maxBatchBytes -> new KafkaProducer<>(config.producer(maxBatchBytes)),
                        topic,
                        config.topic(),
                        lane)));
    }
}
