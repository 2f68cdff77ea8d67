package dev.sluice.queue.read;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Consecutive messages of one stored segment: the part of a segment that a run of seqs covers. A row of the statement
 * {@code read}.
 *
 * <p>The columns of the segment are {@link ArrayBytes}: a payload is copied once, from the row into the message. The
 * statement leaves out a large payload, and {@link #readLarge} reads it as one value.
 */
final class MessageSlice {
    private final int run;
    private final long firstSeq;
    private final long totalBytes;
    private final long bytes;
    private final boolean large;
    private final Instant writtenAt;
    private final ArrayBytes ids;
    private final ArrayBytes transactionIds;
    private final @Nullable ArrayBytes payloads;
    private final @Nullable ArrayBytes traceIds;
    private final @Nullable ArrayBytes producerSubs;
    private final @Nullable ArrayBytes createdAts;
    private final @Nullable ArrayBytes headers;
    private byte @Nullable [] largePayload;

    private MessageSlice(ResultSet row) throws SQLException {
        run = row.getInt("ordinal") - 1;
        firstSeq = row.getLong("slice_seq");
        totalBytes = row.getLong("total_bytes");
        bytes = row.getLong("slice_bytes");
        large = row.getBoolean("is_large");
        writtenAt = row.getTimestamp("created_at").toInstant();
        ids = new ArrayBytes(row.getBytes("ids"));
        transactionIds = new ArrayBytes(row.getBytes("transaction_ids"));
        payloads = array(row, "payloads");
        traceIds = array(row, "trace_ids");
        producerSubs = array(row, "producer_subs");
        createdAts = array(row, "created_ats");
        headers = array(row, "headers");
    }

    static MessageSlice of(ResultSet row) throws SQLException {
        return new MessageSlice(row);
    }

    private static @Nullable ArrayBytes array(ResultSet row, String column) throws SQLException {
        byte[] array = row.getBytes(column);
        return array == null ? null : new ArrayBytes(array);
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
        return ids.size();
    }

    long seq(int index) {
        return firstSeq + index;
    }

    long lastSeq() {
        return firstSeq + ids.size() - 1;
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
        return payloads == null ? null : payloads.bytes(index);
    }

    /** Returns the headers as they are stored. */
    MessageHeaders headers(int index) {
        return headers == null ? MessageHeaders.NONE : MessageHeaders.ofStored(headers.text(index));
    }

    /** Returns the message at an index, with a payload and headers of the caller's. */
    Message message(
            int index, byte[] payload, MessageHeaders ownHeaders, long partitionId, String partition, String queue) {
        Instant createdAt = createdAts == null ? null : createdAts.time(index);
        return new Message(
                partitionId,
                partition,
                queue,
                seq(index),
                requireNonNull(ids.uuid(index)),
                requireNonNull(transactionIds.text(index)),
                payload,
                ownHeaders,
                traceIds == null ? null : traceIds.uuid(index),
                producerSubs == null ? null : producerSubs.text(index),
                createdAt == null ? writtenAt : createdAt,
                writtenAt);
    }
}
