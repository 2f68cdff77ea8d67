package dev.sluice.bridge.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.bench.stages.Stage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Results as files and tables, their comparison, and the guard. */
class ResultsTest {
    @TempDir
    Path directory;

    private static Results results(double multiple) {
        var push = new Result("push-1")
                .set(Figure.RATE, 5000 / multiple)
                .set(Figure.P50, 9.5)
                .set(Figure.CPU_SERVER, 100 * multiple)
                .set(Figure.CPU_POSTGRES, Double.NaN)
                .multiple("bare-post", multiple)
                .multiple("copy", 100);
        push.threads().put("sluice-http", 12.5);
        push.stages().put(Stage.READ.title(), 10.0);
        push.stages().put(Stage.UNKNOWN.title(), 2.25);
        var idle = new Result("idle push").set(Figure.P50, 2).multiple("commit", 3);
        return new Results(Map.of("cores", "2"), List.of(push, idle, new Result("floor copy")));
    }

    private String command(int status, String... words) {
        var out = new ByteArrayOutputStream();
        var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
        assertThat(BenchCommand.run(List.of(words), stream, stream)).isEqualTo(status);
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aFileHasEverythingAndIsReadBack() throws Exception {
        Path file = directory.resolve("new/a.json");
        results(5).write(file);
        Results read = Results.read(file);
        assertThat(read.conditions()).isEqualTo(Map.of("cores", "2"));
        Result push = read.of("push-1").orElseThrow();
        assertThat(push.get(Figure.RATE)).isEqualTo(1000);
        assertThat(push.get(Figure.CPU_POSTGRES)).isNaN();
        assertThat(push.multiples()).containsExactly(Map.entry("bare-post", 5.0), Map.entry("copy", 100.0));
        assertThat(push.threads()).containsExactly(Map.entry("sluice-http", 12.5));
        assertThat(push.stages())
                .containsExactly(Map.entry(Stage.READ.title(), 10.0), Map.entry(Stage.UNKNOWN.title(), 2.25));
        assertThat(Files.readString(file)).contains("\"cpu_us_postgres\" : null");
    }

    @Test
    void aTableShowsWhatIsUnknownAsUnknown() {
        String text = Report.of(results(5));
        assertThat(text).contains("cores: 2");
        assertThat(text.lines().filter(line -> line.startsWith("push-1 ")).findFirst())
                .get()
                .asString()
                .matches("push-1 +1,000 +9.50 +\\? .* 5\\.00 bare-post, 100\\.00 copy");
        assertThat(text).contains("push-1: sluice-http 12.50").doesNotContain("NaN");
        assertThat(text.lines().filter(line -> line.startsWith("floor copy"))).isEmpty();
    }

    @Test
    void aTableHasTheStagesOfThePathsThatWereRecordedAndTheirSum() {
        String text = Report.of(results(5));
        assertThat(text).containsPattern("stage +push-1\nread: sockets, HTTP, bodies +10\\.00\n");
        assertThat(text).containsPattern("not attributed +2\\.25\nall = the process +12\\.25\n");
        assertThat(text).doesNotContain(Stage.PARSE.title());
    }

    @Test
    void comparesTwoFiles() throws IOException {
        results(5).write(directory.resolve("a.json"));
        results(4).write(directory.resolve("b.json"));
        String text = command(
                0,
                "--compare",
                directory.resolve("a.json").toString(),
                directory.resolve("b.json").toString());
        assertThat(text).containsPattern("push-1 +times bare-post +5\\.00 +4\\.00 +0\\.80 +better");
        assertThat(text).containsPattern("push-1 +messages_per_second +1,000 +1,250 +1\\.25 +better");
        assertThat(text).containsPattern("push-1 +p50_ms +9\\.50 +9\\.50 +1\\.00\n");
        assertThat(text).doesNotContain("cpu_us_postgres");
    }

    @Test
    void aChangeWithinTheNoiseIsNone() {
        assertThat(Report.judge(1.09, Figure.Better.LOWER)).isEmpty();
        assertThat(Report.judge(0.92, Figure.Better.LOWER)).isEmpty();
        assertThat(Report.judge(1.11, Figure.Better.LOWER)).isEqualTo("worse");
        assertThat(Report.judge(1.11, Figure.Better.HIGHER)).isEqualTo("better");
        assertThat(Report.judge(0.9, Figure.Better.HIGHER)).isEqualTo("worse");
        assertThat(Report.judge(9, Figure.Better.NEITHER)).isEmpty();
    }

    @Test
    void refusesFilesThatAreNoResults() throws IOException {
        Path file = Files.writeString(directory.resolve("x.json"), "{\"format\": 2}");
        String name = file.toString();
        assertThat(command(1, "--compare", name, name)).contains("no file of results of format 1");
        Files.writeString(file, "no JSON");
        assertThat(command(1, "--compare", name, name)).contains("is no JSON");
        assertThat(command(1, "--compare", "absent", name)).contains("there is no file absent");
    }

    @Test
    void theGuardHoldsUpToItsToleranceAndFailsAboveIt() throws Exception {
        Path file = directory.resolve("guard.json");
        Guard.of(results(5)).write(file, Map.of("cores", "2"));
        Guard guard = Guard.read(file);
        assertThat(guard.multiples()).isEqualTo(Map.of("push-1", 5.0, "idle push", 3.0));
        Guard.Verdict holds = guard.check(results(5 * Guard.TOLERANCE), true);
        assertThat(holds.isFine()).isTrue();
        assertThat(holds.lines()).contains("holds push-1: 6.50 times its floor, recorded 5.00, limit 6.50");
        Guard.Verdict fails = guard.check(results(5 * Guard.TOLERANCE + 0.01), true);
        assertThat(fails.isFine()).isFalse();
        assertThat(fails.lines()).contains("FAILS push-1: 6.51 times its floor, recorded 5.00, limit 6.50");
    }

    @Test
    void theGuardMissesPathsOnlyInAWholeRun() {
        var guard = new Guard(Map.of("push-1", 5.0, "gone", 1.0));
        assertThat(guard.check(results(5), true).lines()).contains("FAILS gone: was not measured, the record has it");
        assertThat(guard.check(results(5), true).isFine()).isFalse();
        assertThat(guard.check(results(5), false).isFine()).isTrue();
        assertThat(guard.check(results(5), false).lines()).contains("new   idle push: is not in the record");
    }

    @Test
    void theGuardSaysHowToRecordBeforeItMeasures() throws IOException {
        Path file = directory.resolve("guard.json");
        assertThat(command(1, "--guard", "--guard-file", file.toString()))
                .contains("there is no file " + file)
                .contains("./sluice bench --record");
        Files.writeString(file, "{\"multiples\": {}}");
        assertThat(command(1, "--guard", "--guard-file", file.toString())).contains("./sluice bench --record");
    }

    @Test
    void roundsGiveMedians() {
        List<Result> medians = Medians.ofRounds(
                List.of(results(9).results(), results(4).results(), results(5).results()));
        assertThat(medians).extracting(Result::path).containsExactly("push-1", "idle push", "floor copy");
        assertThat(medians.get(0).multiples()).containsEntry("bare-post", 5.0);
        assertThat(medians.get(0).get(Figure.RATE)).isEqualTo(1000);
        assertThat(medians.get(0).stages()).containsEntry(Stage.READ.title(), 10.0);
        assertThat(Medians.median(List.of(1.0, Double.NaN, 4.0))).isEqualTo(2.5);
        assertThat(Medians.median(List.of(Double.NaN))).isNaN();
    }

    @Test
    void tellsHowBusyTheMachineWas() {
        List<Result> results = List.of(
                new Result("a").set(Figure.CORES_OTHERS, 0.1),
                new Result("b").set(Figure.CORES_OTHERS, 1.7),
                new Result("c").set(Figure.CORES_OTHERS, 0.4),
                new Result("d"));
        assertThat(BenchCommand.others(results)).isEqualTo(0.4);
        assertThat(BenchCommand.others(List.of(new Result("d")))).isNaN();
    }

    @Test
    void explainsItself() {
        assertThat(command(0, "--help")).contains("--scenario NAME").contains("push-100-one");
        assertThat(command(2, "--fast")).isEqualTo("sluice: bench has no option --fast\n");
        assertThatThrownBy(() -> Guard.read(directory.resolve("none"))).isInstanceOf(BenchException.class);
    }
}
