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
 * Moves a lane into a Kafka topic. {@link #put} hands messages to the producer without waiting for it;
 * {@link #preCommit} names the first that Kafka has not acknowledged, in the order of the log, so a gap holds back
 * everything behind it.
 *
 * <p>Order: the producer is idempotent and never gives up a batch, so that of a topic partition always a beginning of
 * what was sent is there. A task that fails for good closes its producer at once; the next begins at the first message
 * that was not acknowledged. So a message may be in the topic twice, the second time behind its successors, but the
 * first occurrences are in order, and a reader that drops repeated transaction ids sees each once, in order.
 *
 * <p>One thread drives it; the producer's thread only notes acknowledgements, and the one that stops the drain may
 * {@link #giveUp give up}.
 */
public final class KafkaTask extends SinkTask {
    /** Without an acknowledgement for so long, Kafka counts as away. */
    static final Duration SILENCE = Duration.ofSeconds(5);

    private static final long RETRY_MS = 500;
    private static final long NONE = -1;

    /** Who counts what became of messages. */
    public interface Listener {
        /** Kafka has acknowledged as many messages. */
        void acknowledged(int messages);

        /** The record cannot be sent for what it is. It was given to the errant record reporter. */
        void refused(SinkRecord record, String reason);
    }

    private final Function<OptionalInt, Producer<byte[], byte[]>> producers;
    private final Topic topic;
    private final String topicName;
    private final Listener listener;
    private final ArrayDeque<Sent> pending = new ArrayDeque<>();
    private volatile @Nullable Producer<byte[], byte[]> producer;
    private volatile boolean givenUp;
    /** Next offset to send, {@link #NONE} before the first. */
    private long sentBelow = NONE;

    private long progressNanos;

    /** Looks after the topic. */
    interface Topic {
        /**
         * Makes sure that it can be used; throws {@link RetriableException} while that cannot be known.
         *
         * @return the most bytes it takes as a batch; empty if that may not be known
         */
        OptionalInt ensure();

        /** Makes {@link #ensure} fail soon, now and from now on. Any thread may call. */
        public default void giveUp() {}
    }

    /** A record with the producer, or refused by it. */
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
            if (exception != null && !isAboutTheRecord(exception) && !(exception instanceof TimeoutException)) {
                stop(); // What the producer would go on with stands behind this one in the log.
            }
        }
    }

    /**
     * Makes the task.
     *
     * @param producers makes a producer as {@link KafkaConfig#producer(OptionalInt)} says
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

    /** Hands on what has not been handed on before: after a {@link RetriableException} the same records come again. */
    @Override
    public void put(Collection<SinkRecord> records) {
        if (givenUp) {
            throw away("given up", null);
        }
        try {
            if (!records.isEmpty() && producer == null) {
                producer = make(topic.ensure());
                if (givenUp) {
                    throw away("given up", null);
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
            throw away("no acknowledgement for " + SILENCE.toSeconds() + " s", null);
        }
    }

    private RetriableException away(String why, @Nullable Exception cause) {
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
            } catch (KafkaException | IllegalStateException e) { // The second: it was closed, for a failure of another.
                settle();
                if (givenUp) {
                    throw away("given up", e);
                }
                throw new ConnectException("the Kafka producer has failed: " + e.getMessage(), e);
            }
            if (sent.done && sent.failure instanceof TimeoutException e) {
                throw away(String.valueOf(e.getMessage()), e); // It has not been taken, so its place is still free.
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

    /** Takes out what is acknowledged or kept aside, from the front. What failed for good stays there. */
    private void settle() {
        int acknowledged = 0;
        try {
            for (Sent first = pending.peek(); first != null && first.done; first = pending.peek()) {
                progressNanos = System.nanoTime();
                Exception failure = first.failure;
                if (failure == null) {
                    acknowledged++;
                } else if (isAboutTheRecord(failure)) {
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

    private static boolean isAboutTheRecord(Exception failure) {
        return failure instanceof RecordTooLargeException
                || failure instanceof RecordBatchTooLargeException
                || failure instanceof DataException;
    }

    private void refuse(SinkRecord record, Exception failure) {
        try {
            context.errantRecordReporter().report(record, failure).get();
        } catch (ExecutionException e) {
            throw new ConnectException("a refused record could not be kept", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("interrupted while a refused record was being kept", e);
        }
        listener.refused(record, String.valueOf(failure.getMessage()));
    }

    /** Returns the offset of the first message that is not acknowledged, of whatever epoch; they are of one row. */
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
     * Makes whatever waits for Kafka fail soon, now and from now on, so that the task's thread gets to {@link #stop}.
     * Any thread may call; may take as long as the producer's thread does.
     */
    public void giveUp() {
        givenUp = true;
        topic.giveUp();
        stop();
    }

    /** Drops what Kafka has not acknowledged: it is in the log, and sent again. */
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
