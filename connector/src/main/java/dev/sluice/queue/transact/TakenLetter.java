package dev.sluice.queue.transact;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A dead letter that the transaction has locked.
 *
 * @param payload as it is stored
 * @param headers as they are stored
 * @param workLane lane of the work; null: the letter is not of a work
 * @param now the database's time
 */
@SuppressWarnings("ArrayRecordComponent") // Nothing compares these records.
record TakenLetter(
        long id,
        long queueId,
        String queue,
        boolean ofEncryptedQueue,
        String partition,
        UUID messageId,
        String transactionId,
        byte[] payload,
        MessageHeaders headers,
        @Nullable UUID traceId,
        @Nullable String producerSub,
        Instant createdAt,
        @Nullable PriorityLane workLane,
        Instant now) {

    static TakenLetter of(ResultSet row) throws SQLException {
        int lane = row.getInt("work_lane");
        PriorityLane workLane = row.wasNull() ? null : PriorityLane.ofNumber(lane);
        return new TakenLetter(
                row.getLong("id"),
                row.getLong("queue_id"),
                row.getString("queue"),
                row.getBoolean("encryption_enabled"),
                row.getString("partition_name"),
                row.getObject("message_id", UUID.class),
                row.getString("transaction_id"),
                row.getBytes("payload"),
                MessageHeaders.ofStored(row.getString("headers")),
                row.getObject("trace_id", UUID.class),
                row.getString("producer_sub"),
                row.getTimestamp("created_at").toInstant(),
                workLane,
                row.getTimestamp("now").toInstant());
    }

    /**
     * Returns a new message with the content of the letter. If a plain message becomes a work, the name of its
     * partition is that of a producer.
     */
    NewMessage message(UUID newId, String ofQueue, byte[] ofPayload, MessageHeaders ofHeaders) {
        NewMessage message = NewMessage.builder(newId, ofQueue, partition, "dlq:" + id, ofPayload)
                .traceId(traceId)
                .producerSub(producerSub)
                .headers(ofHeaders)
                .origin(new Origin(createdAt, null))
                .build();
        return queue.startsWith(LimitKey.QUEUES) ? message : LimitKey.ofProducer(message);
    }

    /**
     * Returns the message of the letter under its own id, in its lane. No producer's repetition is a duplicate of it.
     */
    NewMessage again(MessageHeaders ofHeaders, @Nullable PriorityLane lane) {
        return NewMessage.builder(messageId, queue, partition, transactionId, payload)
                .generatedTransactionId(true)
                .traceId(traceId)
                .producerSub(producerSub)
                .headers(ofHeaders)
                .origin(new Origin(createdAt, lane))
                .build();
    }
}
