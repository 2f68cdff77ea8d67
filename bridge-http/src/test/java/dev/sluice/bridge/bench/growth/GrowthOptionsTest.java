package dev.sluice.bridge.bench.growth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.bench.BenchException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The command line of the curves. */
class GrowthOptionsTest {
    private static GrowthOptions parse(String... words) throws BenchException {
        return GrowthOptions.parse(List.of(words));
    }

    @Test
    void aCurveHasItsUsualPointsUnlessTheUserNamesThem() throws BenchException {
        GrowthOptions options = parse("--growth", "groups,soak");
        assertThat(options.growths()).containsExactly(Growth.GROUPS, Growth.SOAK);
        assertThat(options.points(Growth.GROUPS)).containsExactly(1L, 10L, 100L);
        assertThat(options.points(Growth.SOAK)).containsExactly(20L);
        assertThat(options.time()).isEqualTo(Duration.ofSeconds(6));
        assertThat(options.every()).isEqualTo(Duration.ofSeconds(5));
        assertThat(options.rate()).isEqualTo(1000);
        assertThat(parse("--at", "2,30", "--growth", "groups").points(Growth.GROUPS))
                .containsExactly(2L, 30L);
    }

    @Test
    void takesEveryOption() throws BenchException {
        GrowthOptions options = parse(
                "--growth",
                "messages",
                "--at",
                "1000000000",
                "--secs",
                "0.5",
                "--warmup",
                "0.2",
                "--every",
                "2",
                "--rate",
                "7",
                "--dir",
                "d",
                "--config",
                "c",
                "--json",
                "j",
                "--pictures",
                "p",
                "--from",
                "a,b");
        assertThat(options.points(Growth.MESSAGES)).containsExactly(1_000_000_000L);
        assertThat(options.time()).isEqualTo(Duration.ofMillis(500));
        assertThat(options.warmup()).isEqualTo(Duration.ofMillis(200));
        assertThat(options.every()).isEqualTo(Duration.ofSeconds(2));
        assertThat(options.rate()).isEqualTo(7);
        assertThat(options.directory()).isEqualTo(Path.of("d"));
        assertThat(options.config()).isEqualTo(Path.of("c"));
        assertThat(options.json()).isEqualTo(Path.of("j"));
        assertThat(options.pictures()).isEqualTo(Path.of("p"));
        assertThat(options.from()).containsExactly(Path.of("a"), Path.of("b"));
    }

    @Test
    void refusesWhatItCannotDoAndSaysWhy() {
        assertRefused(
                "--growth must be one or more of partitions, groups, payloads, messages, soak, was queues",
                "--growth",
                "queues");
        assertRefused("--growth needs a value", "--growth");
        assertRefused("bench --growth has no option --url", "--growth", "soak", "--url", "http://h");
        assertRefused("--at belongs to one kind of growth, not to 2", "--growth", "soak,groups", "--at", "1");
        assertRefused(
                "--at must be a number from 1 to 1000000, was 1000001", "--growth", "partitions", "--at", "1000001");
        assertRefused("--at must be a number from 100 to 1000000, was 99", "--growth", "payloads", "--at", "99");
        assertRefused("must rise, but 5 follows 5", "--growth", "groups", "--at", "5,5");
        assertRefused("a soak has one length in minutes, not 2", "--growth", "soak", "--at", "5,6");
        assertRefused("--every must be a number from 0.1 to 3600, was 0", "--growth", "soak", "--every", "0");
    }

    private static void assertRefused(String reason, String... words) {
        assertThatThrownBy(() -> parse(words))
                .isInstanceOf(BenchException.class)
                .hasMessageContaining(reason)
                .satisfies(refusal ->
                        assertThat(((BenchException) refusal).isUsage()).isTrue());
    }
}
