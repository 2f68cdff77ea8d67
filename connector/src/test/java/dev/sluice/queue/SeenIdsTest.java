package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

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
