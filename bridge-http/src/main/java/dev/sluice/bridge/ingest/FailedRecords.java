package dev.sluice.bridge.ingest;

import dev.sluice.buffer.AppendResult;
import dev.sluice.buffer.FailedLog;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.queue.NewMessage;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.apache.kafka.connect.sink.SinkRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The records that PostgreSQL refused for their content, with the reason, in {@code buffer.dir/failed}. An operator
 * retries or drops them. The payload is the log entry, see {@link MessageCodec}; the origin is topic, lane and offset,
 * such as {@code sluice-log-ID-EPOCH-0@1042}. Any thread may call; methods block on the disk.
 *
 * <p>A retry appends the message to the log again, at the end: it loses its place among the messages of its partition.
 * The record is removed only after the log is synced. A crash in between leaves both; a second retry is then dropped as
 * a duplicate by its transaction id, which counts as given by the producer from the first retry on. If PostgreSQL
 * refuses the message again, it comes back as a new record.
 */
public final class FailedRecords implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(FailedRecords.class);

    static final String DIRECTORY = "failed";

    private static final int PAGE_RECORDS = 100;

    /** Approximate size of the payloads retried in one append. */
    private static final int PAGE_BYTES = 1 << 20;

    /** Most kept records that {@link Retried} lists with a reason. */
    private static final int MAX_KEPT = 100;

    private static final int REMEMBERED_ORIGINS = 10_000;

    private final FailedLog entries;

    /** Recently added origins: a restarted task reports the same records again. */
    private final Map<String, Boolean> recentOrigins = new LinkedHashMap<>();

    /**
     * The result of a retry.
     *
     * @param retried records whose messages are in the log again
     * @param unknown ids without a record
     * @param notRetried records that stay here
     * @param kept the first of them, each with the reason
     * @param stoppedBy why the retry stopped early and left the rest unchanged; empty if it completed
     */
    public record Retried(int retried, int unknown, int notRetried, List<Kept> kept, Optional<Throwable> stoppedBy) {
        /** Copies the list. */
        public Retried {
            kept = List.copyOf(kept);
        }
    }

    /**
     * A record that was not retried.
     *
     * @param id its id
     * @param reason why it was not retried
     */
    public record Kept(long id, String reason) {}

    private FailedRecords(FailedLog entries) {
        this.entries = entries;
    }

    /**
     * Opens the failed records of a buffer.
     *
     * @param bufferDirectory {@code buffer.dir}
     * @throws IOException if they cannot be opened
     */
    public static FailedRecords open(Path bufferDirectory) throws IOException {
        return new FailedRecords(FailedLog.open(bufferDirectory.resolve(DIRECTORY)));
    }

    /**
     * Stores a record and the reason of its failure. Blocks on the disk.
     *
     * @return completed when both are durable; failed if they could not be written, with a
     *     {@link FailedRecordsFullException} if there is no room
     */
    public Future<Void> add(SinkRecord record, Throwable failure) {
        String origin = record.topic() + "-" + record.kafkaPartition() + "@" + record.kafkaOffset();
        if (isRemembered(origin)) {
            return CompletableFuture.completedFuture(null);
        }
        String reason = String.valueOf(failure.getMessage());
        byte[] entry;
        if (record.value() instanceof MessageCodec.Unreadable unreadable) {
            entry = unreadable.entry();
            reason = unreadable.reason();
        } else {
            entry = MessageCodec.encode((NewMessage) record.value());
        }
        try {
            AppendResult result = entries.append(List.of(FailedRecord.of(Instant.now(), reason, origin, entry)));
            if (result instanceof AppendResult.Full full) {
                return CompletableFuture.failedFuture(
                        new FailedRecordsFullException(full.usedBytes(), full.limitBytes(), entries.count()));
            }
            remember(origin);
            return CompletableFuture.completedFuture(null);
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return CompletableFuture.failedFuture(e);
        }
    }

    private boolean isRemembered(String origin) {
        synchronized (recentOrigins) {
            return recentOrigins.containsKey(origin);
        }
    }

    private void remember(String origin) {
        synchronized (recentOrigins) {
            recentOrigins.put(origin, true);
            Iterator<String> oldest = recentOrigins.keySet().iterator();
            while (recentOrigins.size() > REMEMBERED_ORIGINS) {
                oldest.next();
                oldest.remove();
            }
        }
    }

    /** Returns whether there is room for another record. */
    public boolean hasRoom() {
        return entries.hasRoom();
    }

    /**
     * Retries some records.
     *
     * @param push appends messages to the log, as {@link Intake#accept} does for {@link Durability#BUFFERED}
     * @throws IOException if the records cannot be read or removed; then some may be in the log and here
     * @throws InterruptedException if the thread is interrupted; then some may be in the log and here
     */
    public Retried retry(Collection<Long> ids, Function<List<NewMessage>, CompletableFuture<List<PushResult>>> push)
            throws IOException, InterruptedException {
        var retry = new Retry(push);
        var page = new ArrayList<FailedRecord>();
        long bytes = 0;
        for (long id : ids.stream().distinct().sorted().toList()) {
            Optional<FailedRecord> record = entries.get(id);
            if (record.isEmpty()) {
                retry.unknown++;
            } else {
                page.add(record.get());
                bytes += record.get().payload().length;
            }
            if (page.size() == PAGE_RECORDS || bytes >= PAGE_BYTES) {
                if (!retry.all(page)) {
                    return retry.result();
                }
                page.clear();
                bytes = 0;
            }
        }
        var unused = retry.all(page);
        return retry.result();
    }

    /**
     * Retries all present records, but not those that come back meanwhile.
     *
     * @param push see {@link #retry}
     * @throws IOException see {@link #retry}
     * @throws InterruptedException see {@link #retry}
     */
    public Retried retryAll(Function<List<NewMessage>, CompletableFuture<List<PushResult>>> push)
            throws IOException, InterruptedException {
        long end = entries.status().nextOffset(); // Later records get this id or a higher one.
        var retry = new Retry(push);
        List<FailedRecord> page = entries.list(-1, PAGE_RECORDS);
        while (!page.isEmpty()) {
            long last = page.get(page.size() - 1).id();
            if (!retry.all(page.stream().filter(record -> record.id() < end).toList()) || last >= end) {
                break;
            }
            page = entries.list(last, PAGE_RECORDS);
        }
        return retry.result();
    }

    /** A retry in progress. */
    private final class Retry {
        private final Function<List<NewMessage>, CompletableFuture<List<PushResult>>> push;
        private final List<Kept> kept = new ArrayList<>();
        private int retried;
        private int unknown;
        private int notRetried;
        private Optional<Throwable> stoppedBy = Optional.empty();

        Retry(Function<List<NewMessage>, CompletableFuture<List<PushResult>>> push) {
            this.push = push;
        }

        Retried result() {
            log.info(
                    "Retried failed records retried={} unknown={} kept={} left={} stoppedBy={}",
                    retried,
                    unknown,
                    notRetried,
                    entries.count(),
                    stoppedBy.map(Throwable::getMessage).orElse(""));
            return new Retried(retried, unknown, notRetried, kept, stoppedBy);
        }

        /** Retries the records in appends of a bounded size. Returns false if the retry must stop. */
        boolean all(List<FailedRecord> records) throws IOException, InterruptedException {
            var ids = new ArrayList<Long>();
            var messages = new ArrayList<NewMessage>();
            long bytes = 0;
            for (FailedRecord record : records) {
                NewMessage message;
                try {
                    message = withGivenTransactionId(MessageCodec.decode(record.payload()));
                } catch (MessageFormatException e) {
                    keep(record.id(), String.valueOf(e.getMessage()));
                    continue;
                }
                if (bytes > 0 && bytes + record.payload().length > PAGE_BYTES) {
                    if (!append(ids, messages)) {
                        return false;
                    }
                    ids.clear();
                    messages.clear();
                    bytes = 0;
                }
                ids.add(record.id());
                messages.add(message);
                bytes += record.payload().length;
            }
            return append(ids, messages);
        }

        private void keep(long id, String reason) {
            notRetried++;
            if (kept.size() < MAX_KEPT) {
                kept.add(new Kept(id, reason));
            }
        }

        private boolean append(List<Long> ids, List<NewMessage> messages) throws IOException, InterruptedException {
            if (ids.isEmpty()) {
                return true;
            }
            List<PushResult> results;
            try {
                results = push.apply(List.copyOf(messages)).get();
            } catch (ExecutionException e) {
                if (e.getCause() instanceof MessageTooLargeException && ids.size() == 1) {
                    keep(ids.get(0), String.valueOf(e.getCause().getMessage()));
                    return true;
                }
                stoppedBy = Optional.of(e.getCause() == null ? e : e.getCause());
                return false;
            }
            var done = new ArrayList<Long>();
            for (int i = 0; i < ids.size(); i++) {
                if (results.get(i) instanceof PushResult.Failed refused) {
                    keep(ids.get(i), refused.error());
                } else {
                    done.add(ids.get(i));
                }
            }
            entries.remove(done);
            retried += done.size();
            return true;
        }
    }

    /** Returns the message with its transaction id marked as given, so that a second copy is found as a duplicate. */
    private static NewMessage withGivenTransactionId(NewMessage message) {
        return message.toBuilder().generatedTransactionId(false).build();
    }

    /** Returns the number of records. */
    public int count() {
        return entries.count();
    }

    /** Returns the log of the records, to list and drop them. */
    public FailedLog entries() {
        return entries;
    }

    @Override
    public void close() throws IOException {
        entries.close();
    }
}
