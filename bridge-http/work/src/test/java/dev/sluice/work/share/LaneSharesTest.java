package dev.sluice.work.share;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.LaneOrder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Claims are divided among lanes by weights, whatever their size. */
class LaneSharesTest {
    private final LaneShares weighted = new LaneShares(LaneOrder.WEIGHTED);

    private static long[] all(long works) {
        return new long[] {works, works, works, works};
    }

    @Test
    void aLargeClaimIsDividedByTheWeights() {
        assertThat(weighted.divide(150, all(1_000))).containsExactly(80, 40, 20, 10);
    }

    @Test
    void claimsOfOneWorkHaveTheSameSharesTogether() {
        long[] taken = new long[4];
        for (int claim = 0; claim < 150; claim++) {
            long[] one = weighted.divide(1, all(1_000));
            for (int lane = 0; lane < 4; lane++) {
                taken[lane] += one[lane];
            }
        }
        assertThat(taken).containsExactly(80, 40, 20, 10);
    }

    @Test
    void claimsOfSevenWorksHaveTheSameSharesTogether() {
        long[] taken = new long[4];
        for (int claim = 0; claim < 15; claim++) {
            long[] some = weighted.divide(7, all(1_000));
            for (int lane = 0; lane < 4; lane++) {
                taken[lane] += some[lane];
            }
        }
        assertThat(taken).containsExactly(56, 28, 14, 7);
    }

    @Test
    void theShareOfAnEmptyLaneGoesToTheOthersByTheirWeights() {
        assertThat(weighted.divide(50, new long[] {0, 1_000, 0, 1_000})).containsExactly(0, 40, 0, 10);
        assertThat(weighted.divide(50, new long[] {0, 0, 0, 1_000})).containsExactly(0, 0, 0, 50);
        assertThat(weighted.divide(50, new long[] {3, 0, 1, 1_000})).containsExactly(3, 0, 1, 46);
    }

    @Test
    void noRoomIsLeftUnusedAndNoneIsInvented() {
        assertThat(weighted.divide(50, new long[] {1, 2, 3, 4})).containsExactly(1, 2, 3, 4);
        assertThat(weighted.divide(0, all(5))).containsExactly(0, 0, 0, 0);
        assertThat(weighted.divide(5, all(0))).containsExactly(0, 0, 0, 0);
    }

    @Test
    void aLaneSavesNothingUpWhileItIsEmpty() {
        for (int claim = 0; claim < 1_000; claim++) {
            weighted.divide(1, new long[] {1_000, 0, 0, 0});
        }
        assertThat(weighted.divide(15, new long[] {1_000, 0, 0, 1_000})[3]).isLessThanOrEqualTo(3);
    }

    @Test
    void aStrictOrderServesTheMostUrgentLaneOnly() {
        var strict = new LaneShares(LaneOrder.STRICT);
        assertThat(strict.divide(50, all(1_000))).containsExactly(50, 0, 0, 0);
        assertThat(strict.divide(50, new long[] {0, 20, 1_000, 1_000})).containsExactly(0, 20, 30, 0);
    }

    @Test
    void asManyCursorsAreLockedAsAreLikelyToBeNeeded() {
        assertThat(weighted.cursors(15)).containsExactly(8, 4, 2, 1);
        weighted.divide(15, new long[] {0, 0, 100, 0});
        assertThat(weighted.cursors(15)).as("only normal works are likely").containsExactly(8, 4, 15, 1);
        assertThat(weighted.cursors(1)).as("at least one of each lane").containsExactly(1, 1, 1, 1);
        assertThat(new LaneShares(LaneOrder.STRICT).cursors(15)).isNull();
    }

    @Test
    void aWeightIsOneToAThousand() {
        var refusals = new ArrayList<String>();
        for (int weight : List.of(0, 1_001)) {
            assertThatThrownBy(() -> LaneOrder.weighted(8, weight, 2, 1))
                    .isInstanceOfSatisfying(IllegalArgumentException.class, e -> refusals.add(e.getMessage()));
        }
        assertThat(refusals)
                .containsExactly(
                        "the weight of lane high must be 1 to 1000, was 0",
                        "the weight of lane high must be 1 to 1000, was 1001");
        assertThat(new LaneShares(LaneOrder.weighted(1_000, 1, 1, 1)).divide(1_003, all(2_000)))
                .containsExactly(1_000, 1, 1, 1);
    }
}
