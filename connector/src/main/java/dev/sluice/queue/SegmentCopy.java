package dev.sluice.queue;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * Segment rows in the binary format of COPY (PostgreSQL documentation, COPY, "Binary Format"; arrays as {@code array_recv}
 * reads them: dimensions, null flag, element type, length, lower bound, then each element with its length).
 *
 * <p>Owned by one thread; the buffer is used again by the next flush.
 */
final class SegmentCopy {
    /** Most messages of one row. A pop reads slices of rows, so a row should not be much larger than a pop. */
    static final int MAX_SEGMENT_MESSAGES = 500;
    /** Most payload bytes of one row, but for a single message that is larger. */
    static final int MAX_SEGMENT_BYTES = 512 * 1024;

    private static final byte[] HEADER = {
        'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 0xff, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0
    };
    private static final int COLUMNS = 11;
    private static final int OID_TEXT = 25;
    private static final int OID_TIMESTAMPTZ = 1184;
    private static final int OID_UUID = 2950;
    /** What PostgreSQL counts microseconds from. */
    private static final Instant POSTGRES_EPOCH = Instant.parse("2000-01-01T00:00:00Z");

    private static final int FLUSH_BYTES = 256 * 1024;
    private static final int KEEP_BYTES = 4 * 1024 * 1024;

    private byte[] buffer = new byte[FLUSH_BYTES];
    private int length;

    /**
     * Messages of one partition with consecutive seqs.
     *
     * @param writtenAt by the database's clock, under the partition's lock
     */
    record Run(long partitionId, long firstSeq, Instant writtenAt, List<NewMessage> messages) {}

    /**
     * Copies the runs, each as one row or more.
     *
     * @return how many rows were written
     */
    long write(Connection connection, String copySql, List<Run> runs) throws SQLException {
        CopyIn copy = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(copySql);
        try {
            length = 0;
            put(HEADER);
            for (Run run : runs) {
                writeRun(copy, run);
            }
            putShort(-1);
            send(copy);
            return copy.endCopy();
        } finally {
            if (copy.isActive()) {
                copy.cancelCopy();
            }
            if (buffer.length > KEEP_BYTES) {
                buffer = new byte[FLUSH_BYTES];
            }
        }
    }

    private void writeRun(CopyIn copy, Run run) throws SQLException {
        List<NewMessage> messages = run.messages();
        int from = 0;
        while (from < messages.size()) {
            int to = from;
            long bytes = 0;
            while (to < messages.size()
                    && to - from < MAX_SEGMENT_MESSAGES
                    && (to == from || bytes + messages.get(to).payload().length <= MAX_SEGMENT_BYTES)) {
                bytes += messages.get(to).payload().length;
                to++;
            }
            writeRow(run.partitionId(), run.firstSeq() + from, run.writtenAt(), messages.subList(from, to));
            if (length >= FLUSH_BYTES) {
                send(copy);
            }
            from = to;
        }
    }

    private void writeRow(long partitionId, long firstSeq, Instant writtenAt, List<NewMessage> messages) {
        putShort(COLUMNS);
        putField(partitionId);
        putField(firstSeq);
        putField(firstSeq + messages.size() - 1);
        putField(microsSince2000(writtenAt));

        int ids = beginArray(OID_UUID, messages.size(), false);
        boolean traced = false;
        boolean signed = false;
        boolean dated = false;
        for (NewMessage message : messages) {
            putUuid(message.id());
            traced |= message.traceId() != null;
            signed |= message.producerSub() != null;
            dated |= message.origin().createdAt() != null;
        }
        endArray(ids);

        int transactionIds = beginArray(OID_TEXT, messages.size(), false);
        for (NewMessage message : messages) {
            putText(message.transactionId());
        }
        endArray(transactionIds);

        int payloads = beginArray(OID_TEXT, messages.size(), false);
        long bytes = 0;
        for (NewMessage message : messages) {
            putInt(message.payload().length);
            put(message.payload());
            bytes += message.payload().length;
        }
        endArray(payloads);
        putField(bytes);

        if (traced) {
            int traceIds = beginArray(OID_UUID, messages.size(), true);
            for (NewMessage message : messages) {
                UUID traceId = message.traceId();
                if (traceId == null) {
                    putInt(-1);
                } else {
                    putUuid(traceId);
                }
            }
            endArray(traceIds);
        } else {
            putInt(-1);
        }

        if (signed) {
            int subs = beginArray(OID_TEXT, messages.size(), true);
            for (NewMessage message : messages) {
                String sub = message.producerSub();
                if (sub == null) {
                    putInt(-1);
                } else {
                    putText(sub);
                }
            }
            endArray(subs);
        } else {
            putInt(-1);
        }

        if (dated) {
            int times = beginArray(OID_TIMESTAMPTZ, messages.size(), true);
            for (NewMessage message : messages) {
                Instant createdAt = message.origin().createdAt();
                if (createdAt == null) {
                    putInt(-1);
                } else {
                    putField(microsSince2000(createdAt));
                }
            }
            endArray(times);
        } else {
            putInt(-1);
        }
    }

    /** As PostgreSQL has it. {@code ChronoUnit.MICROS} overflows 292 years away, on Java 17. */
    private static long microsSince2000(Instant time) {
        long seconds = time.getEpochSecond() - POSTGRES_EPOCH.getEpochSecond();
        return Math.addExact(Math.multiplyExact(seconds, 1_000_000L), time.getNano() / 1_000L);
    }

    private int beginArray(int elementType, int elements, boolean nulls) {
        int start = length;
        putInt(0);
        putInt(1);
        putInt(nulls ? 1 : 0);
        putInt(elementType);
        putInt(elements);
        putInt(1);
        return start;
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

    private void putText(String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        putInt(bytes.length);
        put(bytes);
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
            buffer = Arrays.copyOf(buffer, Math.max(Math.addExact(length, bytes), buffer.length * 2));
        }
    }

    private void send(CopyIn copy) throws SQLException {
        copy.writeToCopy(buffer, 0, length);
        length = 0;
    }
}
