package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * Poison records set aside, with the reason: add, list in pages, get, remove. Kept in a {@link SegmentLog} of its own,
 * in its own directory, always synced: a record added and a removal survive whatever a {@link SegmentLog} survives. A
 * crash in the middle of either leaves it done or not done.
 *
 * <p>In memory there are two numbers for each record; payloads stay on disk. Thread-safe; methods wait for the disk, so
 * call them from threads that may wait.
 */
public final class FailedLog implements Closeable {
    /** Most records kept at a time. */
    public static final int MAX_RECORDS = 200_000;

    /** Most bytes of records kept, about: 256 MiB. The files may take twice as much while old space is being reused. */
    public static final long MAX_BYTES = 256L << 20;

    private static final long SEGMENT_BYTES = 8L << 20;
    private static final int CHUNK_BYTES = 32 << 10; // Records are read one at a time, from anywhere.
    private static final int PAGE_RECORDS = 1_000;
    private static final int PAGE_BYTES = 16 << 20;
    private static final int FAR_APART = 1_000;

    // An entry of the log begins with its kind.
    // ADDED: failed at (8), reason length (4), reason, origin length (4), origin, payload. Its id is its offset.
    // MOVED: id (8), then as above: a record written again so that the space before it can be reused.
    // REMOVED: id (8).
    private static final byte ADDED = 1;
    private static final byte MOVED = 2;
    private static final byte REMOVED = 3;

    private final SegmentLog log;
    private final long maxBytes;
    private final int maxRecords;
    private final TreeMap<Long, Long> offsetById = new TreeMap<>();
    private final TreeSet<Long> offsets = new TreeSet<>();

    private FailedLog(SegmentLog log, long maxBytes, int maxRecords) throws IOException {
        this.log = log;
        this.maxBytes = maxBytes;
        this.maxRecords = maxRecords;
        try (var reader = log.reader(log.committedOffset())) {
            for (var entries = reader.read(PAGE_RECORDS, PAGE_BYTES);
                    !entries.isEmpty();
                    entries = reader.read(PAGE_RECORDS, PAGE_BYTES)) {
                for (var entry : entries) {
                    replay(entry, this::place);
                }
            }
        }
        forget();
    }

    /**
     * Opens the records in a directory, or an empty set of them.
     *
     * @throws DirectoryLockedException if somebody else has them open
     * @throws IOException if the directory cannot be used
     */
    public static FailedLog open(Path directory) throws IOException {
        var config = SegmentLogConfig.defaults(directory)
                .withSizes(SEGMENT_BYTES, 4 * MAX_BYTES)
                .withLimits(
                        SegmentLogConfig.MAX_APPEND_BYTES - SegmentFormat.RECORD_HEADER_BYTES,
                        SegmentLogConfig.MAX_APPEND_BYTES,
                        2L * SegmentLogConfig.MAX_APPEND_BYTES)
                .withVerifyBytes(Long.MAX_VALUE);
        var environment = new Environment(
                DiskStorage.create(directory), InstantSource.system(), true, CHUNK_BYTES, Reserve.DEFAULT_BYTES);
        return open(config, environment, MAX_BYTES, MAX_RECORDS);
    }

    static FailedLog open(SegmentLogConfig config, Environment environment, long maxBytes, int maxRecords)
            throws IOException {
        var log = SegmentLog.open(config, environment);
        try {
            return new FailedLog(log, maxBytes, maxRecords);
        } catch (IOException | RuntimeException e) {
            log.close();
            throw e;
        }
    }

    /** Receives records one at a time. */
    @FunctionalInterface
    public interface Visitor {
        /** Receives a record; an exception ends the visit. */
        void visit(FailedRecord record) throws IOException;
    }

    /**
     * Visits the records in a directory, whether or not a process has them open. Changes nothing. The order is that of
     * the files: by id, except that a rewritten record comes later. A record added or removed meanwhile may be missing.
     *
     * @return how many records there were
     * @throws IOException if there is no such directory, or reading fails, or the visitor throws
     */
    public static int visit(Path directory, Visitor visitor) throws IOException {
        try (var files = LogDirectory.openForReading(directory)) {
            var offsetById = new HashMap<Long, Long>();
            each(
                    files,
                    entry -> replay(entry, (id, offset) -> {
                        if (offset == null) {
                            offsetById.remove(id);
                        } else {
                            offsetById.put(id, offset);
                        }
                    }));
            var kept = new HashSet<>(offsetById.values());
            return each(files, entry -> {
                var record = kept.contains(entry.offset()) ? decode(entry) : null;
                if (record == null) {
                    return false;
                }
                visitor.visit(record);
                return true;
            });
        }
    }

    private interface EntryVisitor {
        /** Returns whether the entry counts. */
        boolean visit(Entry entry) throws IOException;
    }

    /** Visits all entries; returns how many count. */
    private static int each(LogDirectory files, EntryVisitor visitor) throws IOException {
        int counted = 0;
        try (var log = files.reader(files.inspect().committedOffset())) {
            for (var entries = log.read(PAGE_RECORDS, PAGE_BYTES);
                    !entries.isEmpty();
                    entries = log.read(PAGE_RECORDS, PAGE_BYTES)) {
                for (var entry : entries) {
                    counted += visitor.visit(entry) ? 1 : 0;
                }
            }
        }
        return counted;
    }

    /** Told that a record is at an offset from now on; null: nowhere. */
    private interface Places {
        void put(long id, @Nullable Long offset);
    }

    /** Returns whether the entry says where a record is. */
    private static boolean replay(Entry entry, Places places) {
        var bytes = ByteBuffer.wrap(entry.payload());
        if (bytes.remaining() < 1 + Long.BYTES) {
            return false;
        }
        switch (bytes.get()) {
            case ADDED -> places.put(entry.offset(), entry.offset());
            case MOVED -> places.put(bytes.getLong(), entry.offset());
            case REMOVED -> places.put(bytes.getLong(), null);
            default -> {
                return false; // Of a later version of this program.
            }
        }
        return true;
    }

    private void place(long id, @Nullable Long offset) {
        if (offset == null) {
            drop(id);
        } else {
            put(id, offset);
        }
    }

    private void put(long id, long offset) {
        drop(id);
        offsetById.put(id, offset);
        offsets.add(offset);
    }

    private void drop(long id) {
        var offset = offsetById.remove(id);
        if (offset != null) {
            offsets.remove(offset);
        }
    }

    /** Lets the log delete what precedes the oldest record still there. */
    private void forget() {
        log.commit(offsets.isEmpty() ? log.nextOffset() : offsets.first());
    }

    /**
     * Adds records, durably: all or none.
     *
     * @return the ids given, consecutive, with a completed future; or that there are too many records or bytes already
     * @throws IOException if they could not be made durable
     * @throws InterruptedException if the thread is interrupted while it waits; they may have been added
     * @throws IllegalArgumentException if there is none, or they do not fit into one append
     */
    public synchronized AppendResult append(List<FailedRecord> records) throws IOException, InterruptedException {
        if (log.status().usedBytes() > maxBytes) {
            reuseSpace();
        }
        var used = log.status().usedBytes();
        if (used > maxBytes || offsetById.size() + records.size() > maxRecords) {
            return new AppendResult.Full(used, maxBytes);
        }
        var result = write(records.stream().map(record -> encode(ADDED, record)).toList());
        if (result instanceof AppendResult.Appended appended) {
            for (long id = appended.firstOffset(); id <= appended.lastOffset(); id++) {
                put(id, id);
            }
        }
        return result;
    }

    private AppendResult write(List<byte[]> entries) throws IOException, InterruptedException {
        var result = log.append(entries);
        if (result instanceof AppendResult.Appended appended) {
            try {
                appended.written().get();
                log.sync(appended.lastOffset()).get();
            } catch (ExecutionException e) {
                throw new IOException(
                        "failed records could not be kept: " + e.getCause().getMessage(), e.getCause());
            }
        }
        return result;
    }

    /** Writes the records of the older half again at the end, if most of what is kept was removed long ago. */
    private void reuseSpace() throws IOException, InterruptedException {
        long first = log.committedOffset();
        long span = log.nextOffset() - first;
        if (isMostlyKept()) {
            return;
        }
        var old = new ArrayList<>(offsets.headSet(first + span / 2));
        for (int from = 0; from < old.size(); ) {
            var copies = new ArrayList<byte[]>();
            var ids = new ArrayList<Long>();
            long bytes = 0;
            for (; from < old.size() && bytes < PAGE_BYTES; from++) {
                var record = readAt(old.get(from));
                if (record != null) {
                    var copy = encode(MOVED, record);
                    copies.add(copy);
                    ids.add(record.id());
                    bytes += copy.length;
                }
            }
            if (copies.isEmpty() || !(write(copies) instanceof AppendResult.Appended appended)) {
                break;
            }
            for (int i = 0; i < ids.size(); i++) {
                put(ids.get(i), appended.firstOffset() + i);
            }
        }
        forget();
    }

    /**
     * Returns records in the order of their ids.
     *
     * @param afterId the last id of the page before; -1 for the first page
     * @param limit most records to return, at least 1; fewer are returned if their payloads exceed 16 MiB
     * @return empty after the last one
     */
    public synchronized List<FailedRecord> list(long afterId, int limit) throws IOException {
        if (limit < 1) {
            throw new IllegalArgumentException("limit must be at least 1, was " + limit);
        }
        var page = new ArrayList<FailedRecord>();
        long bytes = 0;
        try (var reader = log.reader(log.committedOffset())) {
            for (var entry : offsetById.tailMap(afterId, false).entrySet()) {
                var record = read(reader, entry.getValue());
                if (record == null) {
                    continue; // Damaged on disk; the log has counted and kept it.
                }
                page.add(record);
                bytes += record.payload().length;
                if (page.size() >= limit || bytes >= PAGE_BYTES) {
                    break;
                }
            }
        }
        return page;
    }

    /** Returns a record; empty if there is none of that id. */
    public synchronized Optional<FailedRecord> get(long id) throws IOException {
        var offset = offsetById.get(id);
        return offset == null ? Optional.empty() : Optional.ofNullable(readAt(offset));
    }

    private @Nullable FailedRecord readAt(long offset) throws IOException {
        try (var reader = log.reader(offset)) {
            return read(reader, offset);
        }
    }

    private static @Nullable FailedRecord read(LogReader reader, long offset) throws IOException {
        if (offset < reader.position() || offset - reader.position() > FAR_APART) {
            reader.seek(offset);
        }
        while (reader.position() <= offset) {
            var entries = reader.read(1, PAGE_BYTES);
            if (entries.isEmpty()) {
                return null;
            }
            if (entries.get(0).offset() == offset) {
                return decode(entries.get(0));
            }
        }
        return null;
    }

    /**
     * Removes records, durably: after they were retried with success, or dropped. Unknown ids are ignored.
     *
     * @return how many there were
     * @throws IOException if it could not be made durable; some may have been removed
     * @throws InterruptedException if the thread is interrupted while it waits
     */
    public synchronized int remove(Collection<Long> ids) throws IOException, InterruptedException {
        var known = ids.stream().distinct().filter(offsetById::containsKey).toList();
        for (int from = 0; from < known.size(); from += SegmentLogConfig.MAX_RECORDS_PER_APPEND) {
            var some = known.subList(from, Math.min(known.size(), from + SegmentLogConfig.MAX_RECORDS_PER_APPEND));
            var removals = some.stream()
                    .map(id -> ByteBuffer.allocate(1 + Long.BYTES)
                            .put(REMOVED)
                            .putLong(id)
                            .array())
                    .toList();
            if (!(write(removals) instanceof AppendResult.Appended)) {
                throw new IOException("removals could not be kept: the log of failed records has no room for them");
            }
            some.forEach(this::drop);
            forget();
        }
        return known.size();
    }

    /** Returns whether a record would be taken now, or would be as soon as space is reused. */
    public synchronized boolean hasRoom() {
        return offsetById.size() < maxRecords && (log.status().usedBytes() <= maxBytes || !isMostlyKept());
    }

    private boolean isMostlyKept() {
        return offsetById.size() > log.status().uncommittedEntries() / 2;
    }

    /** Returns how many records there are. */
    public synchronized int count() {
        return offsetById.size();
    }

    /** Says how the log beneath is doing. */
    public LogStatus status() {
        return log.status();
    }

    /** Says what opening found. */
    public RecoveryReport recovery() {
        return log.recovery();
    }

    private static byte[] encode(byte kind, FailedRecord record) {
        var reason = text(record.reason());
        var origin = text(record.origin());
        int idBytes = kind == MOVED ? Long.BYTES : 0;
        var bytes = ByteBuffer.allocate(
                1 + idBytes + Long.BYTES + 2 * Integer.BYTES + reason.length + origin.length + record.payload().length);
        bytes.put(kind);
        if (kind == MOVED) {
            bytes.putLong(record.id());
        }
        bytes.putLong(record.failedAt().toEpochMilli());
        bytes.putInt(reason.length).put(reason).putInt(origin.length).put(origin);
        return bytes.put(record.payload()).array();
    }

    private static byte[] text(String text) {
        var bytes = text.getBytes(UTF_8);
        return bytes.length <= FailedRecord.MAX_TEXT_BYTES ? bytes : Arrays.copyOf(bytes, FailedRecord.MAX_TEXT_BYTES);
    }

    private static @Nullable FailedRecord decode(Entry entry) {
        var bytes = ByteBuffer.wrap(entry.payload());
        byte kind = bytes.get();
        if (kind != ADDED && kind != MOVED) {
            return null;
        }
        long id = kind == MOVED ? bytes.getLong() : entry.offset();
        var failedAt = Instant.ofEpochMilli(bytes.getLong());
        var reason = string(bytes);
        var origin = string(bytes);
        var payload = new byte[bytes.remaining()];
        bytes.get(payload);
        return new FailedRecord(id, failedAt, reason, origin, payload);
    }

    private static String string(ByteBuffer bytes) {
        var text = new byte[bytes.getInt()];
        bytes.get(text);
        return new String(text, UTF_8);
    }

    /** Closes the log beneath. */
    @Override
    public void close() throws IOException {
        log.close();
    }
}
