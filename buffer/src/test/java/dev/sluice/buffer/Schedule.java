package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;

/**
 * One random life of a log on a {@link CrashableStorage}, determined by a seed. A model in memory records what was
 * appended and what was promised, and so knows what may be missing. The log must agree with the model after each step.
 *
 * <p>The log has no threads of its own: the schedule decides when the write loop and the position keeper take a step.
 */
final class Schedule {
    private static final int STEPS = 40;
    private static final int CHUNK_BYTES = 512;
    private static final int RESERVE_BYTES = 64;

    private static final List<CrashableStorage.Fault> FAULTS = List.of(
            CrashableStorage.Fault.FAIL_BEFORE,
            CrashableStorage.Fault.FAIL_MIDWAY,
            CrashableStorage.Fault.FAIL_AFTER,
            CrashableStorage.Fault.DISK_FULL);

    /** A record, as the model knows it. */
    private static final class Known {
        final long offset;
        final long epoch;
        final long firstOfAppend;
        final long lastOfAppend;
        final byte[] payload;
        final CompletableFuture<Void> written;
        /** The log promised that the record survives a power cut. */
        boolean durable;
        /** A sync failed while the record was unsynced, so the log promises nothing about it. */
        boolean doubtful;

        Known(long offset, long epoch, AppendResult.Appended appended, byte[] payload) {
            this.offset = offset;
            this.epoch = epoch;
            this.firstOfAppend = appended.firstOffset();
            this.lastOfAppend = appended.lastOffset();
            this.payload = payload;
            this.written = appended.written();
        }

        boolean isWritten() {
            return written.isDone() && !written.isCompletedExceptionally();
        }

        boolean isFailed() {
            return written.isCompletedExceptionally();
        }
    }

    private record Sync(long offset, CompletableFuture<Void> future) {}

    private final long seed;
    private final Random random;
    private final CrashableStorage storage = new CrashableStorage();
    private final List<String> story = new ArrayList<>();
    private final TreeMap<Long, Known> records = new TreeMap<>();
    private final Map<String, Known> ghosts = new HashMap<>();
    private final Set<String> namesGiven = new HashSet<>();
    private final SyncPolicy policy;
    private final boolean faulty;
    private SegmentLogConfig config;
    private SegmentLog log;
    private LogReader reader;
    private List<Sync> syncs = new ArrayList<>();
    private long committed;
    private long failedSyncs;
    private int payloads;
    private boolean everFailed;
    private boolean allVerified;
    private boolean everCut;
    private int faultCount;

    private Schedule(long seed) {
        this.seed = seed;
        this.random = new Random(seed * 0x9e3779b97f4a7c15L + 1);
        this.policy = switch (random.nextInt(6)) {
            case 0 -> SyncPolicy.os();
            case 1 -> SyncPolicy.interval(Duration.ofMillis(1));
            default -> SyncPolicy.always();
        };
        this.faulty = random.nextInt(3) == 0;
        this.config = config();
    }

    /** Runs the schedule of a seed. A failure states the seed and the story. */
    static void run(long seed) {
        new Schedule(seed).run();
    }

    /** Returns whether the position is ahead of the data; then each opening begins an epoch, as after a crash. */
    private boolean isAheadOfItsData() {
        return log.recovery().findings().stream()
                .anyMatch(finding -> finding.kind() == RecoveryReport.Kind.POSITION_AHEAD);
    }

    private SegmentLogConfig config() {
        long segment = 4096L << random.nextInt(2);
        return SegmentLogConfig.defaults(Path.of("simulated"))
                .withLimits(3000, 6000, 8000)
                .withSizes(segment, Math.max(16_384, segment * (4 + random.nextInt(4))))
                .withSync(policy)
                .withVerifyBytes(random.nextBoolean() ? Long.MAX_VALUE : 0);
    }

    private void run() {
        try {
            open();
            for (int i = 0; i < STEPS; i++) {
                step();
                observe();
            }
            healthy();
            story("final clean close");
            close();
            open();
            check(log.recovery().cleanClose() || everFailed || isAheadOfItsData(), "the last close was clean");
        } catch (Exception | AssertionError e) {
            throw new AssertionError(
                    "seed " + seed + " fails: " + e + "\n  replay: ModelTest " + seed + " " + (seed + 1) + "\n  "
                            + String.join("\n  ", story),
                    e);
        }
    }

    private void step() throws IOException {
        int dice = random.nextInt(100);
        if (dice < 34) {
            append();
        } else if (dice < 52) {
            story("write");
            log.writeLoop().step();
        } else if (dice < 62) {
            sync();
        } else if (dice < 76) {
            read();
        } else if (dice < 82) {
            commit();
        } else if (dice < 87) {
            story("keep");
            log.keeper().step();
        } else if (dice < 90) {
            reader.seek(random.nextLong(log.nextOffset() + 1));
            story("seek to " + reader.position());
        } else if (dice < 93 && faulty) {
            everFailed = true;
            int rate = 2 + random.nextInt(10);
            story("faults, one in " + rate);
            storage.faults((operation, name) -> fault(rate, operation + " " + name));
        } else if (dice < 95) {
            healthy();
        } else if (dice < 97) {
            powerCut();
        } else if (dice < 99) {
            kill();
        } else {
            reopen();
        }
    }

    private CrashableStorage.Fault fault(int rate, String operation) {
        if (random.nextInt(rate) != 0) {
            return CrashableStorage.Fault.NONE;
        }
        var fault = FAULTS.get(random.nextInt(FAULTS.size()));
        faultCount++;
        story("  " + fault + " at " + operation);
        return fault;
    }

    private void healthy() {
        story("no faults");
        storage.faults((operation, name) -> CrashableStorage.Fault.NONE);
        storage.capacityBytes(Long.MAX_VALUE);
    }

    private void append() {
        var list = new ArrayList<byte[]>();
        int count = 1 + random.nextInt(4);
        for (int i = 0; i < count; i++) {
            int size = random.nextInt(20) == 0 ? 1400 : random.nextInt(120);
            var text = new StringBuilder("#" + payloads++ + " ");
            while (text.length() < size) {
                text.append((char) ('a' + random.nextInt(26)));
            }
            list.add(text.toString().getBytes(UTF_8));
        }
        var result = log.append(list);
        story("append " + count + ": " + result);
        if (result instanceof AppendResult.Appended appended) {
            for (int i = 0; i < count; i++) {
                long offset = appended.firstOffset() + i;
                var record = new Known(offset, log.epoch(), appended, list.get(i));
                check(
                        namesGiven.add(log.epoch() + "/" + offset),
                        "offset " + offset + " is assigned once in epoch " + log.epoch());
                records.put(offset, record);
            }
            check(log.nextOffset() == appended.lastOffset() + 1, "offsets are consecutive");
        }
    }

    private void sync() {
        if (records.isEmpty() || records.lastEntry().getValue().epoch != log.epoch()) {
            return;
        }
        long offset = random.nextInt(3) == 0 ? random.nextLong(log.nextOffset()) : log.nextOffset() - 1;
        story("sync " + offset);
        var future = log.sync(offset);
        var record = records.get(offset);
        check(
                record == null || !record.isFailed() || future.isCompletedExceptionally(),
                "a failed append is never called durable: " + offset);
        syncs.add(new Sync(offset, future));
    }

    /** Updates the model from the futures that have completed. */
    private void observe() {
        long failed = log.status().counters().failedSyncs();
        if (failed > failedSyncs) {
            failedSyncs = failed;
            doubtAllUnsynced();
        }
        if (policy.waitsForDisk()) {
            for (var sync : syncs) {
                if (sync.future().isDone() && !sync.future().isCompletedExceptionally()) {
                    for (var record : records.headMap(sync.offset(), true).values()) {
                        record.durable |= record.isWritten() && !record.doubtful;
                    }
                }
            }
        }
        syncs.removeIf(sync -> sync.future().isDone());
        var status = log.status();
        check(status.usedBytes() >= 0 && status.pendingBytes() >= 0, "sizes do not underflow");
        check(status.usedBytes() <= status.limitBytes() + 10_000, "the limit holds: " + status.usedBytes());
        long there = records.tailMap(log.committedOffset(), true).values().stream()
                .filter(record -> !record.isFailed())
                .count();
        long counted = status.uncommittedEntries();
        // A segment that opening did not read may hold offsets of failed appends, or damage.
        boolean isExact = ((!everFailed && !everCut) || allVerified)
                && log.recovery().findings().stream()
                        .noneMatch(finding -> finding.kind() == RecoveryReport.Kind.UNREADABLE_SEGMENT);
        check(
                isExact ? counted == there : counted >= there,
                "the log counts the entries that it holds: " + there + ", counted " + counted);
        check(status.oldestUncommittedAge().isPresent() == (counted > 0), "the log has an age if it holds an entry");
    }

    /** After a failed sync, the log promises nothing about the records that it covered. */
    private void doubtAllUnsynced() {
        records.values().stream().filter(record -> !record.durable).forEach(record -> record.doubtful = true);
    }

    private void read() throws IOException {
        long from = reader.position();
        List<Entry> entries;
        try {
            entries = reader.read(1 + random.nextInt(8), random.nextInt(4) == 0 ? 10 : 10_000);
        } catch (IOException e) {
            story("read fails: " + e.getMessage());
            check(everFailed, "only a fault makes a read fail");
            return;
        }
        story("read from " + from + ": " + entries.size() + " entries, position " + reader.position());
        checkEntries(from, entries);
        if (entries.isEmpty() && !everFailed) {
            checkNothingMissed(from, records.isEmpty() ? from : log.queue().writtenNext());
        }
    }

    private void checkEntries(long from, List<Entry> entries) {
        long expected = from;
        for (var entry : entries) {
            var record = records.get(entry.offset());
            check(entry.offset() >= expected, "offsets rise: " + entry.offset());
            check(record != null, "nothing is invented: offset " + entry.offset());
            check(
                    record != null && java.util.Arrays.equals(record.payload, entry.payload()),
                    "the payload at " + entry.offset() + " is what was appended");
            check(record != null && record.epoch == entry.epoch(), "the epoch is the one it was appended in");
            check(record != null && record.isWritten(), "only written entries are read: " + entry.offset());
            check(entry.epoch() == entries.get(0).epoch(), "one read gives entries of one epoch");
            if (!everFailed) {
                checkNothingMissed(expected, entry.offset());
            }
            expected = entry.offset() + 1;
        }
    }

    private void checkNothingMissed(long from, long to) {
        for (var record : records.subMap(Math.min(from, to), to).values()) {
            check(!record.isWritten() || record.offset < committed, "offset " + record.offset + " is not skipped");
        }
    }

    private void commit() {
        committed = Math.max(committed, reader.position());
        story("commit " + reader.position());
        log.commit(reader.position());
        check(log.committedOffset() == committed, "a commit takes effect at once");
    }

    private void powerCut() throws IOException {
        story("power cut");
        everCut = true;
        storage.powerCut(random);
        recover(true);
    }

    private void kill() throws IOException {
        story("kill");
        storage.kill();
        recover(false);
    }

    private void recover(boolean powerCut) throws IOException {
        if (random.nextInt(4) == 0) { // A second crash, during the recovery.
            storage.crashAtStep(storage.operations().size() + random.nextInt(8));
            try {
                openLog();
            } catch (CrashableStorage.Crash again) {
                story("crash in recovery");
            } catch (IOException e) {
                check(everFailed, "only a fault makes open fail");
                doubtAllUnsynced();
            }
            if (powerCut) {
                storage.powerCut(random);
            } else {
                storage.kill();
            }
        }
        open();
        checkSurvivors(powerCut);
    }

    private void reopen() throws IOException {
        story("close and open");
        config = config();
        boolean clean = close()
                && log.recovery().findings().stream()
                        .noneMatch(finding -> finding.kind() == RecoveryReport.Kind.UNREADABLE_SEGMENT);
        if (random.nextBoolean()) {
            healthy();
        }
        int faultsBefore = faultCount;
        open();
        if (clean && faultCount == faultsBefore) {
            check(log.recovery().cleanClose(), "a clean close is recognised");
            check(log.committedOffset() == committed, "a clean close keeps the position");
        }
        checkSurvivors(false);
    }

    private boolean close() {
        try {
            reader.close();
            log.close();
            return true;
        } catch (IOException e) {
            story("close fails: " + e.getMessage());
            check(everFailed, "only a fault makes close fail");
            return false;
        } finally {
            observe();
        }
    }

    private void openLog() throws IOException {
        log = SegmentLog.open(
                config,
                new Environment(storage, () -> Instant.ofEpochMilli(payloads), false, CHUNK_BYTES, RESERVE_BYTES));
        allVerified = config.verifyBytes() == Long.MAX_VALUE;
    }

    private void open() throws IOException {
        while (true) {
            try {
                openLog();
                break;
            } catch (IOException e) {
                story("open fails: " + e.getMessage());
                check(everFailed, "only a fault makes open fail");
                storage.kill();
                healthy();
                doubtAllUnsynced();
            }
        }
        story("open: " + log.recovery());
        failedSyncs = 0;
        syncs = new ArrayList<>();
        check(
                log.committedOffset() <= committed
                        || log.committedOffset() == log.recovery().firstOffset(),
                "the position is never ahead of the last commit");
        reader = log.reader(log.committedOffset());
    }

    /** Reads the whole log after a reopening and compares it with the promises. */
    private void checkSurvivors(boolean powerCut) throws IOException {
        boolean faults = everFailed;
        storage.faults((operation, name) -> CrashableStorage.Fault.NONE);
        var survivors = new TreeMap<Long, Entry>();
        try (var all = log.reader(0)) {
            for (var entries = all.read(50, 100_000); !entries.isEmpty(); entries = all.read(50, 100_000)) {
                for (var entry : entries) {
                    check(survivors.isEmpty() || survivors.lastKey() < entry.offset(), "survivors are in order, once");
                    survivors.put(entry.offset(), entry);
                }
            }
        }
        for (var entry : survivors.values()) {
            var ghost = ghosts.get(entry.epoch() + "/" + entry.offset());
            if (ghost != null && everFailed) {
                // A failed sync had covered the truncation after a failed write too; a power cut undid the truncation.
                records.put(entry.offset(), ghost);
            }
            var record = records.get(entry.offset());
            check(record != null, "nothing is invented: offset " + entry.offset());
            check(
                    record != null && java.util.Arrays.equals(record.payload, entry.payload()),
                    "the payload at " + entry.offset() + " is what was appended");
            check(record != null && record.epoch == entry.epoch(), "the epoch is the one it was appended in");
        }
        for (var record : records.values()) {
            boolean survived = survivors.containsKey(record.offset);
            boolean promised = powerCut ? record.durable : record.isWritten();
            if (promised && record.offset >= committed) {
                check(survived, "offset " + record.offset + " was promised and has survived");
            }
            if (record.offset >= committed) {
                check(
                        survived == survivors.containsKey(record.firstOfAppend),
                        "the append of offset " + record.offset + " survives as a whole or not at all");
            }
        }
        if (!faults && !everCut) {
            check(log.recovery().lostEntries() == 0, "nothing is lost by a killed process");
        }
        committed = log.committedOffset();
        records.values().stream()
                .filter(record -> !survivors.containsKey(record.offset))
                .forEach(record -> ghosts.put(record.epoch + "/" + record.offset, record));
        records.keySet().retainAll(survivors.keySet());
        for (var record : List.copyOf(records.values())) {
            // An append that failed, or was unknown when the process died, has survived. From now on it stays.
            var appended = new AppendResult.Appended(
                    record.firstOfAppend, record.lastOfAppend, CompletableFuture.completedFuture(null));
            var survivor = new Known(record.offset, record.epoch, appended, record.payload);
            // Opening has synced it. But after a failed sync, no later sync proves anything until the machine restarts.
            survivor.doubtful = record.doubtful && !powerCut;
            survivor.durable = !survivor.doubtful;
            records.put(record.offset, survivor);
        }
    }

    private void story(String step) {
        story.add(step);
    }

    private static void check(boolean holds, String claim) {
        if (!holds) {
            throw new AssertionError("does not hold: " + claim);
        }
    }
}
