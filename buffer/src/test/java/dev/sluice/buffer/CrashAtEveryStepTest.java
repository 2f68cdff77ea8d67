package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/**
 * Runs a scripted life of a log: appends, syncs, rolls, reads, commits, deletes, closes cleanly and reopens. Ends it
 * before each of its file operations in turn, with several fates of the unsynced data.
 */
class CrashAtEveryStepTest {
    private static final int FATES = 24;
    private static final SegmentLogConfig CONFIG = SegmentLogConfig.defaults(Path.of("simulated"))
            .withLimits(3000, 4000, 10_000)
            .withSizes(4096, 1 << 20);

    /** The promises that the script had received when it ended. */
    private static final class Ledger {
        final List<String> synced = new ArrayList<>();
        final Set<String> appended = new HashSet<>();
        long committed;
        long newestEpoch;
    }

    private static SegmentLog open(CrashableStorage storage) throws IOException {
        return SegmentLog.open(CONFIG, new Environment(storage, () -> Instant.ofEpochMilli(1), false, 1024, 32));
    }

    private static void script(CrashableStorage storage, Ledger ledger) throws IOException {
        for (int life = 0; life < 2; life++) {
            var log = open(storage);
            ledger.newestEpoch = log.epoch();
            var reader = log.reader(log.committedOffset());
            for (int i = 0; i < 6; i++) {
                var texts = List.of(
                        "life " + life + " append " + i + " " + "x".repeat(i == 3 ? 2500 : 700),
                        "second of " + life + "." + i);
                ledger.appended.addAll(texts);
                var appended = (AppendResult.Appended) log.append(
                        texts.stream().map(text -> text.getBytes(UTF_8)).toList());
                CompletableFuture<Void> durable = log.sync(appended.lastOffset());
                log.writeLoop().step();
                assertThat(durable).isCompleted();
                ledger.synced.addAll(texts);
                if (i % 2 == 1) {
                    reader.read(3, 1 << 20);
                    ledger.committed = reader.position();
                    log.commit(ledger.committed);
                    log.keeper().step();
                }
            }
            log.close();
        }
    }

    @Test
    void everythingSyncedAndUncommittedComesBackInOrderOnce() throws IOException {
        var complete = new CrashableStorage();
        script(complete, new Ledger());
        int steps = complete.operations().size();
        assertThat(complete.operations())
                .as("the script covers all kinds of operations")
                .anyMatch(operation -> operation.startsWith("delete 0000"))
                .anyMatch(operation -> operation.startsWith("rename position.new"))
                .hasSizeGreaterThan(60);
        for (int step = 0; step <= steps; step++) {
            for (int fate = 0; fate < FATES; fate++) {
                var storage = new CrashableStorage();
                var ledger = new Ledger();
                storage.crashAtStep(step);
                try {
                    script(storage, ledger);
                } catch (CrashableStorage.Crash expected) {
                    assertThat(expected).isNotNull();
                }
                if (fate == 0) {
                    storage.kill();
                } else {
                    storage.powerCut(new Random(fate));
                }
                var last = storage.operations().isEmpty()
                        ? "nothing"
                        : storage.operations().get(storage.operations().size() - 1);
                check(storage, ledger, "crash at step " + step + ", after " + last + ", fate " + fate);
            }
        }
    }

    private static void check(CrashableStorage storage, Ledger ledger, String what) throws IOException {
        try (var log = open(storage);
                var reader = log.reader(0)) {
            assertThat(log.committedOffset()).as(what).isLessThanOrEqualTo(ledger.committed);
            var offsets = new ArrayList<Long>();
            var texts = new ArrayList<String>();
            for (var entries = reader.read(10, 1 << 20); !entries.isEmpty(); entries = reader.read(10, 1 << 20)) {
                entries.forEach(entry -> offsets.add(entry.offset()));
                texts.addAll(SegmentLogTest.texts(entries));
            }
            assertThat(offsets).as(what).isSorted().doesNotHaveDuplicates();
            assertThat(ledger.appended).as(what).containsAll(texts);
            var due =
                    ledger.synced.subList((int) Math.min(ledger.committed, ledger.synced.size()), ledger.synced.size());
            assertThat(texts.stream().filter(due::contains).toList()).as(what).isEqualTo(due);
            if (!log.recovery().cleanClose()) {
                assertThat(log.epoch()).as(what).isGreaterThan(ledger.newestEpoch);
            }
            assertThat(log.recovery().lostEntries()).as(what).isLessThanOrEqualTo(2);
        }
    }
}
