package dev.sluice.buffer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class UnwrittenOffsetsTest {
    private final UnwrittenOffsets unwritten = new UnwrittenOffsets();

    @Test
    void countsAsASetWould() {
        var random = new Random(7);
        var model = new TreeSet<Long>();
        long next = 0;
        for (int i = 0; i < 2_000; i++) {
            next += random.nextInt(3);
            long end = next + random.nextInt(4);
            unwritten.add(next, end);
            for (; next < end; next++) {
                model.add(next);
            }
            long from = random.nextLong(next + 2);
            long to = from + random.nextLong(next + 2);
            assertThat(unwritten.count(from, to))
                    .isEqualTo(model.subSet(from, to).size());
            long skipped = from;
            while (model.contains(skipped)) {
                skipped++;
            }
            assertThat(unwritten.skip(from)).isEqualTo(skipped);
        }
    }

    @Test
    void addedBetweenTwoNeighboursJoinsThem() {
        unwritten.add(0, 2);
        unwritten.add(4, 6);
        unwritten.add(2, 4);
        assertThat(unwritten.count(0, 10)).isEqualTo(6);
        assertThat(unwritten.skip(0)).isEqualTo(6);
    }

    @Test
    void beyondTheMostRangesTheCountStaysExactForPositionsBelowThem() {
        int ranges = UnwrittenOffsets.MAX_RANGES + 1_000;
        for (int i = 0; i < ranges; i++) {
            unwritten.add(10L * i, 10L * i + 3);
        }
        assertThat(unwritten.count(0, 10L * ranges)).isEqualTo(3L * ranges);
        assertThat(unwritten.skip(0))
                .as("where not all of a range is unwritten, nothing is skipped")
                .isZero();
        assertThat(unwritten.skip(10L * (ranges - 1))).isEqualTo(10L * (ranges - 1) + 3);
    }

    @Test
    void dropsRangesBelowAnOffsetAndKeepsTheOthers() {
        unwritten.add(0, 5);
        unwritten.add(10, 20);
        unwritten.forgetBelow(15);
        assertThat(unwritten.count(0, 30)).isEqualTo(10);
        unwritten.forgetBelow(20);
        assertThat(unwritten.count(0, 30)).isZero();
    }
}
