package dev.sluice.queue.write;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class SeenIdsTest {
    @Test
    void findsEverySeqOfAHash() {
        var ids = new SeenIds();
        ids.add(7, 1);
        ids.add(8, 2);
        ids.add(7, 3);
        assertThat(ids.seqsOf(7)).containsExactlyInAnyOrder(1, 3);
        assertThat(ids.seqsOf(8)).containsExactly(2);
        assertThat(ids.seqsOf(9)).isEmpty();
    }

    @Test
    void keepsSeqsFarApart() {
        var ids = new SeenIds();
        ids.add(1, 5_000_000_000L);
        ids.add(2, 5_000_000_100L);
        ids.add(3, 4_999_999_000L);
        assertThat(ids.seqsOf(1)).containsExactly(5_000_000_000L);
        assertThat(ids.seqsOf(2)).containsExactly(5_000_000_100L);
        assertThat(ids.seqsOf(3)).containsExactly(4_999_999_000L);
    }

    @Test
    void keepsAsManySeqsAsFitBetweenTheLowestAndTheHighest() {
        var ids = new SeenIds();
        ids.add(1, 1);
        ids.add(2, Integer.MAX_VALUE);
        assertThat(ids.seqsOf(1)).containsExactly(1);
        assertThat(ids.seqsOf(2)).containsExactly(Integer.MAX_VALUE);
        long beyond = Integer.MAX_VALUE + 1L;
        ids.add(3, beyond);
        assertThat(ids.seqsOf(1)).as("the lowest is removed").isEmpty();
        assertThat(ids.seqsOf(2)).containsExactly(Integer.MAX_VALUE);
        assertThat(ids.seqsOf(3)).containsExactly(beyond);
        ids.add(4, 1);
        assertThat(ids.seqsOf(4)).as("too low").isEmpty();
        assertThat(ids.size()).isEqualTo(2);
    }

    @Test
    void keepsTheNewest() {
        var ids = new SeenIds();
        for (int i = 1; i <= 100; i++) {
            ids.add(i, i * 10L);
        }
        ids.keepNewest(100);
        assertThat(ids.size()).isEqualTo(100);
        ids.keepNewest(30);
        assertThat(ids.size()).isEqualTo(30);
        assertThat(ids.seqsOf(70)).isEmpty();
        assertThat(ids.seqsOf(71)).containsExactly(710);
        ids.keepNewest(0);
        assertThat(ids.size()).isZero();
        assertThat(ids.seqsOf(100)).isEmpty();
        ids.add(5, 5000);
        assertThat(ids.seqsOf(5)).containsExactly(5000);
    }

    @Test
    void findsSeqsThatCameInAnyOrder() {
        for (int seed = 0; seed < 50; seed++) {
            var random = new Random(seed);
            var ids = new SeenIds();
            var seqs = new TreeSet<Long>();
            while (seqs.size() < 60) {
                long seq = 6_000_000_000L + random.nextInt(1000);
                if (seqs.add(seq)) {
                    ids.add(seq % 7, seq);
                }
            }
            ids.keepNewest(40);
            while (seqs.size() > 40) {
                seqs.pollFirst();
            }
            for (long hash = 0; hash < 7; hash++) {
                long wanted = hash;
                assertThat(ids.seqsOf(hash))
                        .as("seed %d", seed)
                        .containsExactlyInAnyOrder(seqs.stream()
                                .filter(seq -> seq % 7 == wanted)
                                .mapToLong(seq -> seq)
                                .toArray());
            }
        }
    }

    /** A table that loses an entry when another one leaves it would let duplicates through. */
    @Test
    void findsAllOthersAfterEachThatIsRemoved() {
        for (int seed = 0; seed < 100; seed++) {
            var random = new Random(seed);
            var ids = new SeenIds();
            int hashes = 1 + random.nextInt(200);
            int most = 1 + random.nextInt(300);
            var kept = new ArrayDeque<long[]>();
            long seq = Integer.MAX_VALUE - 500L + random.nextInt(1000); // Across the end of an int.
            for (int step = 0; step < 1000; step++) {
                long hash = random.nextInt(hashes) * 0x1000_0001L;
                ids.add(hash, ++seq);
                kept.addLast(new long[] {hash, seq});
                if (kept.size() > most) {
                    ids.keepNewest(most);
                    kept.removeFirst();
                }
                long[] one = kept.stream()
                        .skip(random.nextInt(kept.size()))
                        .findFirst()
                        .orElseThrow();
                assertThat(ids.seqsOf(one[0]))
                        .as("seed %d", seed)
                        .containsExactlyInAnyOrder(kept.stream()
                                .filter(each -> each[0] == one[0])
                                .mapToLong(each -> each[1])
                                .toArray());
                assertThat(ids.size()).isEqualTo(kept.size());
            }
        }
    }

    @Test
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD) // An endless search ends the test.
    void agreesWithAMap() {
        for (int seed = 0; seed < 300; seed++) {
            var random = new Random(seed);
            var ids = new SeenIds();
            Map<Long, Set<Long>> expected = new HashMap<>();
            long seq = random.nextInt(1000);
            for (int step = 0; step < 400; step++) {
                long hash = random.nextInt(100) * 0x100000001L;
                seq += 1 + random.nextInt(3);
                ids.add(hash, seq);
                assertThat(ids.seqsOf(-1))
                        .as("a search ends, however full the table is")
                        .isEmpty();
                expected.computeIfAbsent(hash, unused -> new TreeSet<>()).add(seq);
                if (random.nextInt(60) == 0) {
                    long lowest = seq - random.nextInt(200);
                    ids.forgetBelow(lowest);
                    expected.values().forEach(seqs -> seqs.removeIf(each -> each < lowest));
                }
            }
            int size = 0;
            for (var entry : expected.entrySet()) {
                var found = new HashSet<Long>();
                for (long each : ids.seqsOf(entry.getKey())) {
                    found.add(each);
                }
                assertThat(found).as("seed %d", seed).isEqualTo(entry.getValue());
                size += entry.getValue().size();
            }
            assertThat(ids.size()).as("seed %d", seed).isEqualTo(size);
        }
    }
}
