package dev.sluice.queue.read;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.sql.Statements;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Consecutive messages of one stored segment: the part of a segment that a run of seqs covers. A row of the statement
 * {@code read}.
 *
 * <p>The driver makes strings of an array's elements, and needs several times the bytes of the array meanwhile. So the
 * statement leaves out a large payload, and {@link #readLarge} reads it as one value.
 */
final class MessageSlice {
    private final int run;
    private final long firstSeq;
    private final long totalBytes;
    private final long bytes;
    private final boolean large;
    private final Instant writtenAt;
    private final UUID[] ids;
    private final String[] transactionIds;
    private final @Nullable String @Nullable [] payloads;
    private final UUID @Nullable [] traceIds;
    private final String @Nullable [] producerSubs;
    private final Timestamp @Nullable [] createdAts;
    private final String @Nullable [] headers;
    private byte @Nullable [] largePayload;

    private MessageSlice(ResultSet row) throws SQLException {
        run = row.getInt("ordinal") - 1;
        firstSeq = row.getLong("slice_seq");
        totalBytes = row.getLong("total_bytes");
        bytes = row.getLong("slice_bytes");
        large = row.getBoolean("is_large");
        writtenAt = row.getTimestamp("created_at").toInstant();
        ids = (UUID[]) row.getArray("ids").getArray();
        transactionIds = (String[]) row.getArray("transaction_ids").getArray();
        payloads = (String[]) array(row, "payloads");
        traceIds = (UUID[]) array(row, "trace_ids");
        producerSubs = (String[]) array(row, "producer_subs");
        createdAts = (Timestamp[]) array(row, "created_ats");
        headers = (String[]) array(row, "headers");
    }

    static MessageSlice of(ResultSet row) throws SQLException {
        return new MessageSlice(row);
    }

    private static @Nullable Object array(ResultSet row, String column) throws SQLException {
        Array array = row.getArray(column);
        return array == null ? null : array.getArray();
    }

    /** Returns the index of the run that this is a part of, from 0, in the order in which the runs were asked for. */
    int run() {
        return run;
    }

    /** Returns the bytes of payloads and headers of this slice and of all slices before it in the result. */
    long totalBytes() {
        return totalBytes;
    }

    /** Returns how many messages this has, deleted ones included. */
    int size() {
        return ids.length;
    }

    long seq(int index) {
        return firstSeq + index;
    }

    long lastSeq() {
        return firstSeq + ids.length - 1;
    }

    /** Returns whether this is one message whose payload {@link #readLarge} must read. */
    boolean isLarge() {
        return large;
    }

    /** Returns the payload bytes of this slice. */
    long bytes() {
        return bytes;
    }

    /** Reads the payload of a large message. */
    void readLarge(Statements statements, Connection connection, long partitionId) throws SQLException {
        largePayload = statements
                .on(connection, "read-large")
                .set("partition", partitionId)
                .set("seq", firstSeq)
                .first(row -> Optional.ofNullable(row.getBytes("payload")))
                .flatMap(payload -> payload)
                .orElse(null);
    }

    /** Returns the payload as it is stored; null if the message is deleted. */
    byte @Nullable [] payload(int index) {
        if (large) {
            return largePayload;
        }
        String payload = payloads == null ? null : payloads[index];
        return payload == null ? null : payload.getBytes(UTF_8);
    }

    /** Returns the headers as they are stored. */
    MessageHeaders headers(int index) {
        return headers == null ? MessageHeaders.NONE : MessageHeaders.ofStored(headers[index]);
    }

    /** Returns the message at an index, with a payload and headers of the caller's. */
    Message message(
            int index, byte[] payload, MessageHeaders ownHeaders, long partitionId, String partition, String queue) {
        Timestamp createdAt = createdAts == null ? null : createdAts[index];
        return new Message(
                partitionId,
                partition,
                queue,
                seq(index),
                ids[index],
                transactionIds[index],
                payload,
                ownHeaders,
                traceIds == null ? null : traceIds[index],
                producerSubs == null ? null : producerSubs[index],
                createdAt == null ? writtenAt : createdAt.toInstant(),
                writtenAt);
    }
}
