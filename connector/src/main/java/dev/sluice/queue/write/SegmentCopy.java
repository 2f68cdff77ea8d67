package dev.sluice.queue.write;

import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.sql.Statements;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * Writes segment rows in the binary format of COPY (PostgreSQL documentation, COPY, "Binary Format"). An array has the
 * layout that {@code array_recv} reads: number of dimensions, null flag, element type, length, lower bound, then each
 * element with its length.
 *
 * <p>A large payload goes to the server from the message, without a copy in the buffer.
 *
 * <p>Owned by one thread, because flushes share the buffer.
 */
final class SegmentCopy {
    /** Most messages of a row. A pop reads slices of rows, so a row should not be much larger than a pop. */
    static final int MAX_SEGMENT_MESSAGES = 500;
    /** Most bytes of payloads and headers of a row that has more than one message. */
    static final int MAX_SEGMENT_BYTES = Message.LARGE_BYTES;
    /**
     * Longest row that PostgreSQL keeps whole in a page (PostgreSQL documentation, TOAST); the table's
     * {@code toast_tuple_target} is the same. PostgreSQL cuts a longer row into pieces of 2 KB in a table of their own,
     * with an index entry each.
     */
    static final int PAGE_ROW_BYTES = 8160;
    /**
     * Least part of a page that a row must fill if it is kept short to fit in a page. If messages are too large for
     * that, the row is long.
     */
    static final int MIN_PAGE_ROW_BYTES = PAGE_ROW_BYTES * 3 / 4;
    /**
     * Bytes of a row beside its messages: header, numbers, and the headers of seven arrays with the null bitmaps of
     * four.
     */
    private static final int ROW_OVERHEAD_BYTES = 320;
    /** Length field and alignment of a text in an array. */
    private static final int TEXT_OVERHEAD_BYTES = 7;

    private static final int UUID_BYTES = 2 * Long.BYTES;

    private static final byte[] HEADER = {
        'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 0xff, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0
    };
    private static final int COLUMNS = 12;
    /** Stands for the length of a null. */
    private static final int NULL = -1;

    private static final int HAS_NULLS = 1;
    /** The header of an array, and the length of its element. */
    private static final int ONE_ELEMENT_ARRAY_BYTES = 6 * Integer.BYTES;

    private static final int OID_TEXT = 25;
    private static final int OID_TIMESTAMPTZ = 1184;
    private static final int OID_UUID = 2950;
    /** PostgreSQL counts microseconds from this time. */
    private static final Instant POSTGRES_EPOCH = Instant.parse("2000-01-01T00:00:00Z");

    private static final int FLUSH_BYTES = 256 * 1024;

    private final String copySql;
    private byte[] buffer = new byte[FLUSH_BYTES];
    private int length;

    SegmentCopy(String schema) {
        this.copySql =
                Statements.read("segment_copy.sql", schema).get("copy-segments").text();
    }

    /**
     * Messages of one partition with consecutive seqs.
     *
     * @param writtenAt time by the database's clock, read under the partition's lock
     */
    record Run(long partitionId, long firstSeq, Instant writtenAt, List<NewMessage> messages) {}

    /**
     * Copies the runs, each as one or more rows.
     *
     * @param compressed whether the server compresses payloads. It compresses those of long rows only, so rows are long
     *     then; otherwise rows fit in pages
     * @return how many rows were written
     */
    long write(Connection connection, List<Run> runs, boolean compressed) throws SQLException {
        CopyIn copy = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(copySql);
        try {
            length = 0;
            put(HEADER);
            for (Run run : runs) {
                writeRun(copy, run, compressed);
            }
            putShort(-1);
            send(copy);
            return copy.endCopy();
        } catch (SQLException e) {
            abortIfBroken(connection, e);
            throw e;
        } finally {
            if (!connection.isClosed() && copy.isActive()) {
                copy.cancelCopy();
            }
        }
    }

    /**
     * Closes the connection if no answer came. The driver keeps it open during a copy, and would take the late answer
     * for the answer to the next statement, even to a commit.
     */
    private static void abortIfBroken(Connection connection, SQLException failure) throws SQLException {
        for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
            if (cause instanceof IOException) {
                connection.abort(Runnable::run);
                return;
            }
        }
    }

    private void writeRun(CopyIn copy, Run run, boolean compressed) throws SQLException {
        List<NewMessage> messages = run.messages();
        int from = 0;
        while (from < messages.size()) {
            int to = rowEnd(messages, from, compressed);
            writeRow(copy, run.partitionId(), run.firstSeq() + from, run.writtenAt(), messages.subList(from, to));
            if (length >= FLUSH_BYTES) {
                send(copy);
            }
            from = to;
        }
    }

    /** Returns the end, exclusive, of the row that starts with message {@code from}. A row has at least one message. */
    static int rowEnd(List<NewMessage> messages, int from, boolean compressed) {
        boolean isLong = compressed;
        long payloads = 0;
        long row = ROW_OVERHEAD_BYTES;
        int to = from;
        while (to < messages.size() && to - from < MAX_SEGMENT_MESSAGES) {
            NewMessage message = messages.get(to);
            payloads += message.contentBytes();
            if (payloads > MAX_SEGMENT_BYTES && to > from) {
                return to;
            }
            if (!isLong) {
                int bytes = rowBytes(message);
                row += bytes;
                if (row > PAGE_ROW_BYTES) {
                    if (row - bytes >= MIN_PAGE_ROW_BYTES) {
                        return to;
                    }
                    isLong = true;
                }
            }
            to++;
        }
        return to;
    }

    /** Estimates the bytes of a message in a row. Too low only if its names are not ASCII. */
    private static int rowBytes(NewMessage message) {
        int bytes = UUID_BYTES + message.transactionId().length() + message.contentBytes() + 2 * TEXT_OVERHEAD_BYTES;
        if (!message.headers().isEmpty()) {
            bytes += TEXT_OVERHEAD_BYTES;
        }
        if (message.traceId() != null) {
            bytes += UUID_BYTES;
        }
        String sub = message.producerSub();
        if (sub != null) {
            bytes += sub.length() + TEXT_OVERHEAD_BYTES;
        }
        return message.origin().createdAt() == null ? bytes : bytes + Long.BYTES;
    }

    private void writeRow(CopyIn copy, long partitionId, long firstSeq, Instant writtenAt, List<NewMessage> messages)
            throws SQLException {
        long payloadBytes = payloadBytes(messages);
        putShort(COLUMNS);
        putField(partitionId);
        putField(firstSeq);
        putField(firstSeq + messages.size() - 1);
        putTime(writtenAt);
        putArray(OID_UUID, messages, NewMessage::id, this::putUuid);
        putArray(OID_TEXT, messages, NewMessage::transactionId, this::putText);
        if (payloadBytes > Message.LARGE_BYTES) {
            putLargePayload(copy, messages.get(0).payload());
        } else {
            putArray(OID_TEXT, messages, NewMessage::payload, this::putBytes);
        }
        putField(payloadBytes);
        putNullableArray(OID_UUID, messages, NewMessage::traceId, this::putUuid);
        putNullableArray(OID_TEXT, messages, NewMessage::producerSub, this::putText);
        putNullableArray(OID_TIMESTAMPTZ, messages, each -> each.origin().createdAt(), this::putTime);
        putNullableArray(OID_TEXT, messages, each -> each.headers().stored(), this::putText);
    }

    private static long payloadBytes(List<NewMessage> messages) {
        long bytes = 0;
        for (NewMessage message : messages) {
            bytes += message.contentBytes();
        }
        return bytes;
    }

    /** Returns a time as PostgreSQL stores it. On Java 17 {@code ChronoUnit.MICROS} overflows 292 years from now. */
    private static long microsSince2000(Instant time) {
        long seconds = time.getEpochSecond() - POSTGRES_EPOCH.getEpochSecond();
        return Math.addExact(Math.multiplyExact(seconds, 1_000_000L), time.getNano() / 1_000L);
    }

    /** Puts an array with an element for each message. */
    private <T> void putArray(
            int elementType, List<NewMessage> messages, Function<NewMessage, T> element, Consumer<T> put) {
        int start = beginArray(elementType, messages.size(), 0);
        for (NewMessage message : messages) {
            put.accept(element.apply(message));
        }
        endArray(start);
    }

    /** Puts an array with an element or null for each message; null instead of an array of nulls. */
    private <T> void putNullableArray(
            int elementType, List<NewMessage> messages, Function<NewMessage, @Nullable T> element, Consumer<T> put) {
        if (!hasAny(messages, element)) {
            putInt(NULL);
            return;
        }
        int start = beginArray(elementType, messages.size(), HAS_NULLS);
        for (NewMessage message : messages) {
            T value = element.apply(message);
            if (value == null) {
                putInt(NULL);
            } else {
                put.accept(value);
            }
        }
        endArray(start);
    }

    /** A loop, because a stream for each column of a row took longer than to write the row. */
    private static <T> boolean hasAny(List<NewMessage> messages, Function<NewMessage, @Nullable T> element) {
        for (NewMessage message : messages) {
            if (element.apply(message) != null) {
                return true;
            }
        }
        return false;
    }

    /** Puts an array of one payload. Sends what is in the buffer first, and then the payload itself. */
    private void putLargePayload(CopyIn copy, byte[] payload) throws SQLException {
        putInt(Math.addExact(ONE_ELEMENT_ARRAY_BYTES, payload.length));
        putArrayHeader(OID_TEXT, 1, 0);
        putInt(payload.length);
        send(copy);
        copy.writeToCopy(payload, 0, payload.length);
    }

    private int beginArray(int elementType, int elements, int hasNulls) {
        int start = length;
        putInt(0); // The length, which endArray sets.
        putArrayHeader(elementType, elements, hasNulls);
        return start;
    }

    private void putArrayHeader(int elementType, int elements, int hasNulls) {
        putInt(1);
        putInt(hasNulls);
        putInt(elementType);
        putInt(elements);
        putInt(1);
    }

    private void endArray(int start) {
        int end = length;
        length = start;
        putInt(end - start - Integer.BYTES);
        length = end;
    }

    private void putField(long value) {
        putInt(Long.BYTES);
        putLong(value);
    }

    private void putUuid(UUID value) {
        putInt(2 * Long.BYTES);
        putLong(value.getMostSignificantBits());
        putLong(value.getLeastSignificantBits());
    }

    private void putTime(Instant value) {
        putField(microsSince2000(value));
    }

    private void putText(String value) {
        putBytes(value.getBytes(StandardCharsets.UTF_8));
    }

    private void putBytes(byte[] value) {
        putInt(value.length);
        put(value);
    }

    private void put(byte[] bytes) {
        room(bytes.length);
        System.arraycopy(bytes, 0, buffer, length, bytes.length);
        length += bytes.length;
    }

    private void putShort(int value) {
        room(Short.BYTES);
        buffer[length++] = (byte) (value >> 8);
        buffer[length++] = (byte) value;
    }

    private void putInt(int value) {
        room(Integer.BYTES);
        buffer[length++] = (byte) (value >> 24);
        buffer[length++] = (byte) (value >> 16);
        buffer[length++] = (byte) (value >> 8);
        buffer[length++] = (byte) value;
    }

    private void putLong(long value) {
        putInt((int) (value >> 32));
        putInt((int) value);
    }

    private void room(int bytes) {
        if (buffer.length - length < bytes) {
            buffer = Arrays.copyOf(buffer, Math.max(Math.addExact(length, bytes), 2 * buffer.length));
        }
    }

    private void send(CopyIn copy) throws SQLException {
        copy.writeToCopy(buffer, 0, length);
        length = 0;
    }
}
