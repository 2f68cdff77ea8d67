package dev.sluice.bridge.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The command line of the benchmark. */
class BenchOptionsTest {
    private static BenchOptions parse(String... words) throws BenchException {
        return BenchOptions.parse(List.of(words), Path.of("home"));
    }

    @Test
    void withoutWordsEverythingIsMeasuredOnABridgeOfItsOwn() throws BenchException {
        BenchOptions options = parse();
        assertThat(options.scenarios()).containsExactly(Scenario.values());
        assertThat(options.isSelection()).isFalse();
        assertThat(options.url()).isEmpty();
        assertThat(options.time()).isEqualTo(Duration.ofSeconds(10));
        assertThat(options.warmup()).isEqualTo(Duration.ofSeconds(5));
        assertThat(options.rounds()).isEqualTo(1);
        assertThat(options.guardFile()).isEqualTo(Path.of("home", "bench", "guard.json"));
        assertThat(options.guards() || options.records()).isFalse();
    }

    @Test
    void takesEveryOption() throws BenchException {
        BenchOptions options = parse(
                "--scenario",
                "push-1,pop-ack-one",
                "--scenario",
                "idle",
                "--url",
                "http://127.0.0.1:6632/",
                "--pid",
                "12",
                "--postgres-pid",
                "13",
                "--database",
                "jdbc:postgresql://h/d",
                "--secs",
                "0.5",
                "--warmup",
                "2",
                "--rounds",
                "3",
                "--payload",
                "1000",
                "--rate",
                "50%",
                "--dir",
                "d",
                "--json",
                "j",
                "--guard",
                "--guard-file",
                "g");
        assertThat(options.scenarios()).containsExactly(Scenario.PUSH_1, Scenario.POP_ACK_ONE, Scenario.IDLE);
        assertThat(options.url()).contains(URI.create("http://127.0.0.1:6632"));
        assertThat(options.pid()).isEqualTo(12);
        assertThat(options.postgresPid()).isEqualTo(13);
        assertThat(options.database()).isEqualTo("jdbc:postgresql://h/d");
        assertThat(options.time()).isEqualTo(Duration.ofMillis(500));
        assertThat(options.warmup()).isEqualTo(Duration.ofSeconds(2));
        assertThat(options.rounds()).isEqualTo(3);
        assertThat(options.payload()).isEqualTo(1000);
        assertThat(options.rateShare()).isEqualTo(0.5);
        assertThat(options.rate()).isZero();
        assertThat(options.directory()).isEqualTo(Path.of("d"));
        assertThat(options.json()).isEqualTo(Path.of("j"));
        assertThat(options.guards()).isTrue();
        assertThat(options.guardFile()).isEqualTo(Path.of("g"));
        assertThat(parse("--rate", "2500").rate()).isEqualTo(2500);
        assertThat(parse("--record").records()).isTrue();
        assertThat(parse("--stages").stages()).isTrue();
        assertThat(parse("--config", "c").config()).isEqualTo(Path.of("c"));
        BenchOptions compares = parse("--compare", "a", "b");
        assertThat(compares.first()).isEqualTo(Path.of("a"));
        assertThat(compares.second()).isEqualTo(Path.of("b"));
    }

    @Test
    void aBridgeThatRunsCannotBeStarted() throws BenchException {
        assertThat(parse("--url", "http://h").scenarios()).doesNotContain(Scenario.START, Scenario.COLD);
        assertRefused("starts a bridge; leave out --url", "--url", "http://h", "--scenario", "cold");
    }

    @Test
    void refusesWhatItCannotDoAndSaysWhy() {
        assertRefused("bench has no option --fast", "--fast");
        assertRefused("there is no scenario push-2; there are: start, cold, push-1", "--scenario", "push-2");
        assertRefused("--secs must be a number from 0.1 to 3600, was 0", "--secs", "0");
        assertRefused("--secs must be a number from 0.1 to 3600, was 3601", "--secs", "3601");
        assertRefused("--secs must be a number from 0.1 to 3600, was ten", "--secs", "ten");
        assertRefused("--rounds must be a number from 1 to 100, was 101", "--rounds", "101");
        assertRefused("--payload must be a number from 100 to 1048576, was 99", "--payload", "99");
        assertRefused("--rate must be a number from 1 to 100, was 101", "--rate", "101%");
        assertRefused("--json needs a value", "--json");
        assertRefused("--compare needs two files", "--compare", "a");
        assertRefused("--url must be an address such as http://127.0.0.1:6632", "--url", "https://h");
        assertRefused("--url must be an address such as http://127.0.0.1:6632", "--url", "http://h/base");
        assertRefused("--pid, --postgres-pid and --database belong to --url", "--pid", "1");
        assertRefused("--config is for a bridge that the benchmark starts", "--config", "c", "--url", "http://h");
        assertRefused("--guard or --record, not both", "--guard", "--record");
    }

    private static void assertRefused(String reason, String... words) {
        assertThatThrownBy(() -> parse(words))
                .isInstanceOf(BenchException.class)
                .hasMessageContaining(reason)
                .satisfies(refusal ->
                        assertThat(((BenchException) refusal).isUsage()).isTrue());
    }

    @Test
    void stagesAreThoseOfOneMessageUnlessScenariosAreNamed() throws BenchException {
        assertThat(parse("--stages").scenarios()).containsExactly(Scenario.PUSH_1, Scenario.POP_ACK);
        assertThat(parse("--stages", "--scenario", "pop-auto").scenarios()).containsExactly(Scenario.POP_AUTO);
    }

    @Test
    void aRecordingNeedsItsOwnBridgeAndCountsInNoGuard() {
        assertThatThrownBy(() -> parse("--stages", "--url", "http://127.0.0.1:1"))
                .hasMessage("--stages records a bridge that the benchmark starts; leave out --url");
        for (String other : List.of("--guard", "--record")) {
            assertThatThrownBy(() -> parse("--stages", other))
                    .hasMessage("--stages costs time that --guard and --record would count; leave one out");
        }
    }
}
