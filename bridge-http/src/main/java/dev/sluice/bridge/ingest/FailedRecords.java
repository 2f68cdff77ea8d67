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
 * The records PostgreSQL refused for what they are, in {@code buffer.dir/failed} with the reason, until somebody
 * retries or drops them. The payload kept is the log entry, see {@link MessageCodec}; the origin is topic, lane and
 * offset, such as {@code sluice-log-ID-EPOCH-0@1042}. Any thread may call; methods wait for the disk.
 *
 * <p>A record is retried by appending its message to the log again, at the end: it loses its place among the messages
 * of its partition, which have passed it long ago. Only when the log is synced is the record removed here, so a crash
 * in between leaves both; then a second retry is dropped by its transaction id, which counts as given by the producer
 * from the first retry on. If PostgreSQL still refuses the message it comes back as a new record.
 */
public final class FailedRecords implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(FailedRecords.class);

    static final String DIRECTORY = "failed";

    private static final int PAGE_RECORDS = 100;

    /** Payloads retried in one append, about. */
    private static final int PAGE_BYTES = 1 << 20;

    /** Records of which {@link Retried} says why they were kept. */
    private static final int MAX_KEPT = 100;

    private static final int REMEMBERED_ORIGINS = 10_000;

    private final FailedLog entries;

    /** Origins added lately: a task that is made anew reports the same records once more. */
    private final Map<String, Boolean> addedLately = new LinkedHashMap<>();

    /**
     * What became of a retry.
     *
     * @param retried records whose messages are in the log again
     * @param unknown ids of which there was no record
     * @param notRetried records that were kept
     * @param kept the first of them, each with why
     * @param stoppedBy why the retry ended before the end: what is left is as it was; empty if it went through
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
     * @param reason why
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
     * Keeps a record and why it failed. Waits for the disk.
     *
     * @return completed when both are durable; failed if they could not be made so, or with a
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
        synchronized (addedLately) {
            return addedLately.containsKey(origin);
        }
    }

    private void remember(String origin) {
        synchronized (addedLately) {
            addedLately.put(origin, true);
            Iterator<String> oldest = addedLately.keySet().iterator();
            while (addedLately.size() > REMEMBERED_ORIGINS) {
                oldest.next();
                oldest.remove();
            }
        }
    }

    /** Returns whether another record would be kept. */
    public boolean hasRoom() {
        return entries.hasRoom();
    }

    /**
     * Retries some records.
     *
     * @param push takes messages into the log, as {@link Intake#accept} does when asked for {@link Durability#BUFFERED}
     * @throws IOException if the records cannot be read, or not be removed; then some are in the log as well as here
     * @throws InterruptedException if the thread is interrupted while it waits; the same
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
     * Retries all records there are now; not those that come back meanwhile.
     *
     * @param push as above
     * @throws IOException as above
     * @throws InterruptedException as above
     */
    public Retried retryAll(Function<List<NewMessage>, CompletableFuture<List<PushResult>>> push)
            throws IOException, InterruptedException {
        long end = entries.status().nextOffset(); // Ids given from now on are not below this.
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

    /** One retry as it goes on. */
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
                    "Retried failed records. retried={} unknown={} kept={} left={} stoppedBy={}",
                    retried,
                    unknown,
                    notRetried,
                    entries.count(),
                    stoppedBy.map(Throwable::getMessage).orElse(""));
            return new Retried(retried, unknown, notRetried, kept, stoppedBy);
        }

        /** Retries the records in appends of a bounded size; false if it is no use to go on. */
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

    /** A message whose transaction id is looked for, whoever made it: a second copy of it shall be found. */
    public static NewMessage withGivenTransactionId(NewMessage message) {
        return NewMessage.builder(
                        message.id(), message.queue(), message.partition(), message.transactionId(), message.payload())
                .traceId(message.traceId())
                .producerSub(message.producerSub())
                .deliverAt(message.deliverAt())
                .delay(message.delay())
                .build();
    }

    /** Returns how many records are kept. */
    public int count() {
        return entries.count();
    }

    /** Returns the records themselves, to list, retry and drop them. */
    public FailedLog entries() {
        return entries;
    }

    @Override
    public void close() throws IOException {
        entries.close();
    }
}
