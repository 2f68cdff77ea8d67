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
 * The records that were set aside because they cannot be processed, with the reason: adds, lists, returns and removes
 * them. A {@link SegmentLog} in a directory of its own keeps them. It is always synced, so an addition or a removal
 * survives whatever the {@link SegmentLog} survives. A crash during either leaves it done or not done.
 *
 * <p>Two numbers for each record are in memory; payloads stay on disk. Thread-safe. Methods wait for the disk, so call
 * them only on threads that may block.
 */
public final class FailedLog implements Closeable {
    /** The most records kept at a time. */
    public static final int MAX_RECORDS = 200_000;

    /** About the most bytes of records kept: 256 MiB. Files can take twice as much while old space is reclaimed. */
    public static final long MAX_BYTES = 256L << 20;

    private static final long SEGMENT_BYTES = 8L << 20;
    private static final int CHUNK_BYTES = 32 << 10; // Small: records are read one at a time, in any order.
    private static final int PAGE_RECORDS = 1_000;
    private static final int PAGE_BYTES = 16 << 20;
    private static final int FAR_APART = 1_000;

    // The first byte of an entry is its kind.
    // ADDED: failed at (8), reason length (4), reason, origin length (4), origin, payload. Its id is its offset.
    // MOVED: id (8), then as above: a record rewritten so that the log can reclaim the space of the old entry.
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
        commitRemoved();
    }

    /**
     * Opens the records in a directory; the first opening creates it.
     *
     * @throws DirectoryLockedException if the records are open already
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

    /** Learns the offset of a record; null means that the record was removed. */
    private interface Places {
        void put(long id, @Nullable Long offset);
    }

    /** Applies an entry to the places; returns whether it is of a known kind. */
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
                return false; // A later version of this program wrote it.
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

    /** Lets the log delete the segments before the oldest record. */
    private void commitRemoved() {
        log.commit(offsets.isEmpty() ? log.nextOffset() : offsets.first());
    }

    /**
     * Adds records durably: all or none.
     *
     * @return the ids, which are consecutive, with a completed future; or that there are too many records or bytes
     * @throws IOException if the records could not be made durable
     * @throws InterruptedException if the thread is interrupted while it waits; the records may have been added
     * @throws IllegalArgumentException if there is no record, or the records do not fit into one append
     */
    public synchronized AppendResult append(List<FailedRecord> records) throws IOException, InterruptedException {
        if (log.status().usedBytes() > maxBytes) {
            reclaimSpace();
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
                        "failed records could not be stored: " + e.getCause().getMessage(), e.getCause());
            }
        }
        return result;
    }

    /** Rewrites the records of the older half at the end of the log, unless most entries of the log are in use. */
    private void reclaimSpace() throws IOException, InterruptedException {
        long first = log.committedOffset();
        long span = log.nextOffset() - first;
        if (isMostlyInUse()) {
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
        commitRemoved();
    }

    /**
     * Returns a page of records, ordered by id.
     *
     * @param afterId the last id of the previous page; -1 for the first page
     * @param limit the most records to return, at least 1; the page is shorter if the payloads exceed 16 MiB
     * @return empty after the last record
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
                    continue; // Damaged on disk; the log has counted it and copied it to the quarantine.
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

    /** Returns a record; empty if no record has this id. */
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
     * Removes records durably. Ignores unknown ids.
     *
     * @return how many of the ids had a record
     * @throws IOException if the removal could not be made durable; some records may have been removed
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
                throw new IOException("removals could not be stored: the log of failed records has no room for them");
            }
            some.forEach(this::drop);
            commitRemoved();
        }
        return known.size();
    }

    /** Returns whether there is room for a record, now or after space is reclaimed. */
    public synchronized boolean hasRoom() {
        return offsetById.size() < maxRecords && (log.status().usedBytes() <= maxBytes || !isMostlyInUse());
    }

    private boolean isMostlyInUse() {
        return offsetById.size() > log.status().uncommittedEntries() / 2;
    }

    /** Returns how many records there are. */
    public synchronized int count() {
        return offsetById.size();
    }

    /** Returns the status of the underlying log. */
    public LogStatus status() {
        return log.status();
    }

    /** Returns what opening found. */
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

    /** Closes the underlying log. */
    @Override
    public void close() throws IOException {
        log.close();
    }
}
