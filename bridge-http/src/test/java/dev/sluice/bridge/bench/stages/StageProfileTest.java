package dev.sluice.bridge.bench.stages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Samples and exact times become processor time by stage. */
class StageProfileTest {
    private static final boolean IS_LINUX = Files.isDirectory(Path.of("/proc/self"));
    private static final ThreadMXBean USED = ManagementFactory.getThreadMXBean();
    private static final long WORK_NANOS = 1_000_000_000L;
    private static final String JETTY = "org.eclipse.jetty.";

    @TempDir
    Path directory;

    private static List<String> stack(String... fromTheTop) {
        return List.of(fromTheTop);
    }

    @Test
    void theFirstFrameFromTheTopThatTheTableNamesDecides() {
        assertThat(StageTable.ofStack(
                        stack(
                                "java.util.HashMap.put",
                                "dev.sluice.bridge.http.ArrivingBodies.add",
                                "dev.sluice.bridge.api.messages.PushEndpoint.handle"),
                        "sluice-http-1"))
                .isEqualTo(Stage.READ);
        assertThat(StageTable.ofStack(
                        stack(
                                "org.postgresql.core.v3.QueryExecutorImpl.execute",
                                "dev.sluice.queue.write.Flush.run",
                                "dev.sluice.bridge.drain.LaneDrain.run"),
                        "sluice-drain-0"))
                .isEqualTo(Stage.FLUSH);
        assertThat(StageTable.ofStack(
                        stack(
                                "org.postgresql.core.PGStream.flush",
                                "dev.sluice.queue.read.Acknowledge.run",
                                "dev.sluice.queue.read.Queue.acknowledge"),
                        "sluice-ack-1"))
                .isEqualTo(Stage.ACK);
    }

    @Test
    void whatPopsAndAcknowledgementsShareBelongsToItsCaller() {
        String queue = "dev.sluice.queue.";
        for (String shared : List.of("sql.Commit.run", "read.SeqSet.parse", "read.CursorUpdates.bind")) {
            assertThat(StageTable.ofStack(stack(queue + shared, queue + "read.Queue.acknowledge"), "main"))
                    .isEqualTo(Stage.ACK);
            assertThat(StageTable.ofStack(stack(queue + shared, queue + "read.WholeLeases.complete"), "main"))
                    .isEqualTo(Stage.ACK);
            assertThat(StageTable.ofStack(stack(queue + shared, queue + "read.Queue.pop"), "main"))
                    .isEqualTo(Stage.CLAIM);
            assertThat(StageTable.ofStack(stack(queue + shared, queue + "read.Pop.run"), "main"))
                    .isEqualTo(Stage.CLAIM);
        }
    }

    @Test
    void theLongestNameOfTheTableDecidesForAFrame() {
        assertThat(StageTable.ofFrame("dev.sluice.bridge.json.JsonBody.next")).contains(Stage.PARSE);
        assertThat(StageTable.ofFrame("dev.sluice.bridge.json.JsonOutput.raw")).contains(Stage.ANSWER);
        assertThat(StageTable.ofFrame("dev.sluice.bridge.ingest.MessageCodec.encode"))
                .contains(Stage.LOG);
        assertThat(StageTable.ofFrame("dev.sluice.bridge.ingest.MessageCodec.decode"))
                .contains(Stage.DRAIN);
        assertThat(StageTable.ofFrame(JETTY + "server.internal.HttpConnection.fillRequestBuffer"))
                .contains(Stage.READ);
        assertThat(StageTable.ofFrame(JETTY + "server.internal.HttpConnection$SendCallback.process"))
                .contains(Stage.ANSWER);
        assertThat(StageTable.ofFrame(JETTY + "http.HttpFields$Mutable.put")).isEmpty();
    }

    @Test
    void theNameOfTheThreadDecidesIfNoFrameDoes() {
        assertThat(StageTable.ofStack(stack("java.util.concurrent.FutureTask.run"), "sluice-answers"))
                .isEqualTo(Stage.ANSWER);
        assertThat(StageTable.ofThread("C CompilerThre")).isEqualTo(Stage.COMPILER);
        assertThat(StageTable.ofThread("GC Thread")).isEqualTo(Stage.COLLECTOR);
        assertThat(StageTable.ofThread("JFR Recorder Th")).isEqualTo(Stage.RECORDER);
        assertThat(StageTable.ofThread("HikariPool")).isEqualTo(Stage.OTHER);
    }

    @Test
    void theTimeOfAThreadIsDividedAsItsSamplesSay() {
        var profile = new StageProfile(new ThreadTimes(Map.of(
                1L, new ThreadTimes.Time("sluice-http", 3, 1),
                2L, new ThreadTimes.Time("sluice-http", 1, 1),
                3L, new ThreadTimes.Time("C CompilerThre", 0.5, 0))));
        profile.add(false, 1, "sluice-http-1", stack("dev.sluice.bridge.json.Utf8.firstInvalid"));
        profile.add(false, 2, "sluice-http-2", stack("dev.sluice.bridge.json.Utf8.firstInvalid"));
        profile.add(false, 2, "sluice-http-2", stack("dev.sluice.bridge.json.Utf8.firstInvalid"));
        profile.add(false, 1, "sluice-http-1", stack("dev.sluice.buffer.AppendQueue.append"));
        profile.add(true, 1, "sluice-http-1", stack("sun.nio.ch.SocketDispatcher.writev0", JETTY + "io.WriteFlusher"));
        profile.add(true, 1, "sluice-http-1", stack("sun.nio.ch.EPoll.wait", JETTY + "io.ManagedSelector.select"));
        Map<Stage, Double> stages = profile.divide(7);
        assertThat(stages.get(Stage.PARSE)).isEqualTo(3, within(1e-9));
        assertThat(stages.get(Stage.LOG)).isEqualTo(1, within(1e-9));
        assertThat(stages.get(Stage.ANSWER)).isEqualTo(2, within(1e-9));
        assertThat(stages.get(Stage.COMPILER)).isEqualTo(0.5, within(1e-9));
        assertThat(stages.get(Stage.UNKNOWN)).isEqualTo(0.5, within(1e-9));
        assertThat(stages).hasSize(5);
    }

    @Test
    void aRealRecordingOfThisProcessSaysWhereItsTimeWent() throws Exception {
        long self = ProcessHandle.current().pid();
        Path file = directory.resolve("a.jfr");
        Map<Stage, Double> stages;
        try (Recording recording = Recording.start(ManagementFactory.getPlatformMBeanServer())) {
            ThreadTimes begin = ThreadTimes.of(self);
            var parsed = new ArrayList<Integer>();
            byte[] text = "x".repeat(1 << 16).getBytes(java.nio.charset.StandardCharsets.US_ASCII);
            long end = USED.getCurrentThreadCpuTime() + WORK_NANOS; // However busy the machine is.
            while (USED.getCurrentThreadCpuTime() < end) {
                parsed.clear();
                for (int i = 0; i < 100; i++) {
                    parsed.add(dev.sluice.bridge.json.Utf8.firstInvalid(text));
                }
            }
            assertThat(parsed).containsOnly(-1);
            recording.stop(file);
            ThreadTimes now = ThreadTimes.of(self);
            double cpu = now.since(begin).byName().values().stream()
                    .mapToDouble(Double::doubleValue)
                    .sum();
            stages = StageProfile.of(file, begin, now, cpu);
            assertThat(stages.values().stream().mapToDouble(Double::doubleValue).sum())
                    .isEqualTo(cpu, within(1e-6));
        }
        assertThat(stages.getOrDefault(Stage.PARSE, 0.0) > WORK_NANOS / 2e9).isEqualTo(IS_LINUX);
    }

    @Test
    void theTimesOfThreadsHaveTheirNames() {
        long self = ProcessHandle.current().pid();
        assertThat(ThreadTimes.of(self).byName().keySet().stream().anyMatch(name -> name.contains("CompilerThre")))
                .isEqualTo(IS_LINUX);
        assertThat(ThreadTimes.of(Integer.MAX_VALUE).byName()).isEmpty();
    }
}
