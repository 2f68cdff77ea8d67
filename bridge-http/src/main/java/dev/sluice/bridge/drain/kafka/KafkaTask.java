package dev.sluice.bridge.drain.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.connect.record.RecordHeaders;
import dev.sluice.queue.NewMessage;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordBatchTooLargeException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.jspecify.annotations.Nullable;

/**
 * Writes the messages of a lane to a Kafka topic. {@link #put} gives messages to the producer and does not wait for
 * acknowledgements; {@link #preCommit} returns the offset of the first message that Kafka has not acknowledged, so a
 * gap holds back everything behind it.
 *
 * <p>The producer is idempotent and never gives up a batch, so each topic partition holds a prefix of what was sent to
 * it. A task that fails for good closes its producer at once; the next task begins at the first unacknowledged message.
 * So a message may be in the topic twice, the second time behind its successors. The first occurrences are in order,
 * and a reader that drops repeated transaction ids sees each message once, in order.
 *
 * <p>One thread drives the task. The producer's thread only notes acknowledgements, and the thread that stops the drain
 * may {@link #giveUp give up}.
 */
public final class KafkaTask extends SinkTask {
    /** After this time without an acknowledgement, Kafka counts as unreachable. */
    static final Duration SILENCE = Duration.ofSeconds(5);

    private static final long RETRY_MS = 500;
    private static final long NONE = -1;

    /** Hears the outcome of messages. */
    public interface Listener {
        /** Kafka has acknowledged this many messages. */
        void acknowledged(int messages);

        /** Kafka refused the record for its content. The errant record reporter has got it. */
        void refused(SinkRecord record, String reason);
    }

    private final Function<OptionalInt, Producer<byte[], byte[]>> producers;
    private final Topic topic;
    private final String topicName;
    private final Listener listener;
    private final ArrayDeque<Sent> pending = new ArrayDeque<>();
    private volatile @Nullable Producer<byte[], byte[]> producer;
    private volatile boolean givenUp;
    /** Next offset to send; {@link #NONE} before the first. */
    private long sentBelow = NONE;

    private long progressNanos;

    /** Checks and creates the topic. */
    interface Topic {
        /**
         * Makes sure that the topic is usable.
         *
         * @return the limit of a batch in bytes; empty if the user may not read it
         * @throws RetriableException if Kafka cannot be asked now
         */
        OptionalInt ensure();

        /** Makes every present and later {@link #ensure} fail soon. Any thread may call. */
        public default void giveUp() {}
    }

    /** A record that the producer has, or has refused. */
    private final class Sent implements Callback {
        final SinkRecord record;
        volatile boolean done;
        volatile @Nullable Exception failure;

        Sent(SinkRecord record) {
            this.record = record;
        }

        @Override
        public void onCompletion(RecordMetadata metadata, @Nullable Exception exception) {
            failure = exception;
            done = true;
            if (exception != null && !isRecordsFault(exception) && !(exception instanceof TimeoutException)) {
                stop(); // The producer must not continue with messages behind this one.
            }
        }
    }

    /**
     * Makes the task.
     *
     * @param producers makes a producer, as {@link KafkaConfig#producer(OptionalInt)} says
     */
    public KafkaTask(
            Function<OptionalInt, Producer<byte[], byte[]>> producers,
            Topic topic,
            String topicName,
            Listener listener) {
        this.producers = producers;
        this.topic = topic;
        this.topicName = topicName;
        this.listener = listener;
    }

    @Override
    public String version() {
        return "1";
    }

    /** Does nothing: the producer is made when the topic is known. */
    @Override
    public void start(Map<String, String> props) {}

    private Producer<byte[], byte[]> make(OptionalInt maxBatchBytes) {
        try {
            return producers.apply(maxBatchBytes);
        } catch (KafkaException e) {
            throw KafkaConfig.refusal("the Kafka producer cannot be made: ", e, reason(e));
        }
    }

    private static String reason(Throwable e) {
        Throwable cause = e.getCause() == null ? e : e.getCause();
        return String.valueOf(cause.getMessage());
    }

    /** Sends the records that were not sent before: after a {@link RetriableException} the same records come again. */
    @Override
    public void put(Collection<SinkRecord> records) {
        if (givenUp) {
            throw unreachable("given up", null);
        }
        try {
            if (!records.isEmpty() && producer == null) {
                producer = make(topic.ensure());
                if (givenUp) {
                    throw unreachable("given up", null);
                }
            }
        } catch (RetriableException e) {
            context.timeout(RETRY_MS);
            throw e;
        }
        for (SinkRecord record : records) {
            if (record.kafkaOffset() >= sentBelow) {
                send(record);
                sentBelow = record.kafkaOffset() + 1;
            }
        }
        settle();
        Sent first = pending.peek();
        if (first != null && first.done) {
            throw new ConnectException("Kafka has refused a message: " + first.failure, first.failure);
        }
        if (!pending.isEmpty() && System.nanoTime() - progressNanos > SILENCE.toNanos()) {
            throw unreachable("no acknowledgement for " + SILENCE.toSeconds() + " s", null);
        }
    }

    private RetriableException unreachable(String why, @Nullable Exception cause) {
        context.timeout(RETRY_MS);
        return new RetriableException("Kafka does not take messages: " + why, new TimeoutException(why, cause));
    }

    private void send(SinkRecord record) {
        var sent = new Sent(record);
        if (record.value() instanceof NewMessage message) {
            var outgoing = new ProducerRecord<>(
                    topicName,
                    null,
                    RecordHeaders.key(message).getBytes(UTF_8),
                    message.payload(),
                    RecordHeaders.kafka(message));
            try {
                Object unused = started().send(outgoing, sent);
            } catch (KafkaException | IllegalStateException e) { // The second: closed because another record failed.
                settle();
                if (givenUp) {
                    throw unreachable("given up", e);
                }
                throw new ConnectException("the Kafka producer has failed: " + e.getMessage(), e);
            }
            if (sent.done && sent.failure instanceof TimeoutException e) {
                throw unreachable(
                        String.valueOf(e.getMessage()), e); // The producer has not taken it; it is sent again.
            }
        } else {
            sent.onCompletion(
                    new RecordMetadata(new TopicPartition(topicName, 0), 0, 0, 0, 0, 0),
                    new DataException("entry is no message"));
        }
        if (pending.isEmpty()) {
            progressNanos = System.nanoTime();
        }
        pending.add(sent);
    }

    /** Removes acknowledged and refused records from the front, up to the first that failed for good. */
    private void settle() {
        int acknowledged = 0;
        try {
            for (Sent first = pending.peek(); first != null && first.done; first = pending.peek()) {
                progressNanos = System.nanoTime();
                Exception failure = first.failure;
                if (failure == null) {
                    acknowledged++;
                } else if (isRecordsFault(failure)) {
                    refuse(first.record, failure);
                } else {
                    return;
                }
                pending.remove();
            }
        } finally {
            listener.acknowledged(acknowledged);
        }
    }

    private static boolean isRecordsFault(Exception failure) {
        return failure instanceof RecordTooLargeException
                || failure instanceof RecordBatchTooLargeException
                || failure instanceof DataException;
    }

    private void refuse(SinkRecord record, Exception failure) {
        try {
            context.errantRecordReporter().report(record, failure).get();
        } catch (ExecutionException e) {
            throw new ConnectException("could not keep a refused record", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("interrupted while keeping a refused record", e);
        }
        listener.refused(record, String.valueOf(failure.getMessage()));
    }

    /** Returns the offset of the first unacknowledged message, of any epoch: offsets continue across epochs. */
    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> currentOffsets) {
        settle();
        Sent first = pending.peek();
        long next = first == null ? sentBelow : first.record.kafkaOffset();
        if (next == NONE) {
            return Map.of();
        }
        TopicPartition open = currentOffsets.keySet().iterator().next();
        return Map.of(open, new OffsetAndMetadata(next));
    }

    /**
     * Makes every present and later wait for Kafka fail soon, so that the task's thread gets to {@link #stop}. Any
     * thread may call. Blocks until the producer's thread ends.
     */
    public void giveUp() {
        givenUp = true;
        topic.giveUp();
        stop();
    }

    /** Closes the producer. The log sends unacknowledged messages again. */
    @Override
    public void stop() {
        Producer<byte[], byte[]> made = producer;
        if (made != null) {
            made.close(Duration.ZERO);
        }
    }

    private Producer<byte[], byte[]> started() {
        Producer<byte[], byte[]> made = producer;
        if (made == null) {
            throw new IllegalStateException("the task has not been started");
        }
        return made;
    }
}
