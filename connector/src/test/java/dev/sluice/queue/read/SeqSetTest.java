package dev.sluice.queue.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class SeqSetTest {
    @Test
    void readsAndWritesWhatPostgresqlDoes() {
        assertThat(SeqSet.parse("{}")).isEqualTo(SeqSet.EMPTY);
        assertThat(SeqSet.parse("{[4,7),[9,10)}").toString()).isEqualTo("{[4,7),[9,10)}");
        assertThat(SeqSet.EMPTY.toString()).isEqualTo("{}");
    }

    @Test
    void joinsRangesThatTouch() {
        assertThat(SeqSet.parse("{[1,3),[5,7)}").with(3, 4).toString()).isEqualTo("{[1,7)}");
    }

    @Test
    void agreesWithASetOfNumbers() {
        for (int seed = 0; seed < 2_000; seed++) {
            var random = new Random(seed);
            var numbers = new TreeSet<Long>();
            SeqSet set = SeqSet.EMPTY;
            for (int step = 0; step < 12; step++) {
                long first = 1 + random.nextInt(30);
                long last = first + random.nextInt(4);
                set = set.with(first, last);
                for (long n = first; n <= last; n++) {
                    numbers.add(n);
                }
                if (random.nextInt(4) == 0) {
                    long position = random.nextInt(20);
                    set = set.after(position);
                    numbers.headSet(position, true).clear();
                }
                set = SeqSet.parse(set.toString());
                check(seed, set, numbers, random);
            }
        }
    }

    private static void check(int seed, SeqSet set, TreeSet<Long> numbers, Random random) {
        for (long n = 0; n < 40; n++) {
            assertThat(set.contains(n)).as("seed %d: %s has %d", seed, set, n).isEqualTo(numbers.contains(n));
        }
        long position = random.nextInt(35);
        long end = position;
        while (numbers.contains(end + 1)) {
            end++;
        }
        assertThat(set.endOfRunAfter(position))
                .as("seed %d: run after %d in %s", seed, position, set)
                .isEqualTo(end);
        long last = position + random.nextInt(10);
        long missing = 0;
        for (long n = position + 1; n <= last; n++) {
            missing += numbers.contains(n) ? 0 : 1;
        }
        assertThat(set.missing(position, last))
                .as("seed %d: missing of (%d, %d] in %s", seed, position, last, set)
                .isEqualTo(missing);
        long count = 1 + random.nextInt(6);
        long reached = position;
        for (long left = count; left > 0; ) {
            reached++;
            left -= numbers.contains(reached) ? 0 : 1;
        }
        assertThat(set.endOfMissing(position, count))
                .as("seed %d: %d after %d in %s", seed, count, position, set)
                .isEqualTo(reached);
    }

    @Test
    void aSeqCanBeTakenOutWhereverItStands() {
        SeqSet set = SeqSet.parse("{[4,8),[9,10)}");
        assertThat(set.without(4)).hasToString("{[5,8),[9,10)}");
        assertThat(set.without(5)).hasToString("{[4,5),[6,8),[9,10)}");
        assertThat(set.without(7)).hasToString("{[4,7),[9,10)}");
        assertThat(set.without(9)).hasToString("{[4,8)}");
        assertThat(set.without(8)).isEqualTo(set);
    }
}
