package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.drain.Destination;
import dev.sluice.bridge.drain.Drain;
import dev.sluice.bridge.drain.DrainConfig;
import dev.sluice.bridge.drain.DrainStatus;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.connect.sink.OutcomeObserver;
import dev.sluice.queue.NewMessage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.connect.sink.SinkTask;

/** Lanes, intake and drain in front of a {@link FakeDatabase}. It can be closed in any state. */
public final class IngestFixture implements AutoCloseable {
    private static final AtomicLong IDS = new AtomicLong();

    public final Lanes lanes;
    public final FailedRecords failed;
    final Intake intake;
    public final Drain drain;
    final ConcurrentLinkedQueue<Set<String>> wakeUps = new ConcurrentLinkedQueue<>();
    private boolean started;
    private boolean stopped;

    /** The configuration of a fixture. */
    public record Setup(Path directory, int lanes, Duration storedTimeout, SegmentLogConfig log, DrainConfig drain) {
        public static Setup at(Path directory) {
            var drain = new DrainConfig(Map.of(), 1000, 1 << 20, Duration.ZERO, Duration.ofMillis(20));
            return new Setup(directory, 1, Duration.ofSeconds(60), SegmentLogConfig.defaults(directory), drain);
        }

        public Setup withLanes(int count) {
            return new Setup(directory, count, storedTimeout, log, drain);
        }

        public Setup withStoredTimeout(Duration timeout) {
            return new Setup(directory, lanes, timeout, log, drain);
        }

        public Setup withLog(SegmentLogConfig config) {
            return new Setup(directory, lanes, storedTimeout, config, drain);
        }

        public Setup withTask(Map<String, String> properties) {
            var config = new DrainConfig(
                    properties, drain.batchRecords(), drain.batchBytes(), drain.linger(), drain.restartBackoff());
            return new Setup(directory, lanes, storedTimeout, log, config);
        }

        public Setup withBatch(int records) {
            var config = new DrainConfig(drain.task(), records, 1 << 20, Duration.ZERO, drain.restartBackoff());
            return new Setup(directory, lanes, storedTimeout, log, config);
        }
    }

    public IngestFixture(Setup setup, FakeDatabase database) {
        this(setup, database::task);
    }

    public IngestFixture(Setup setup, Function<OutcomeObserver, SinkTask> tasks) {
        this(setup, new Destination("embedded", true, lane -> Destination.LaneTask.neverGivesUp(tasks.apply(lane))));
    }

    public IngestFixture(Setup setup, Destination destination) {
        try {
            lanes = Lanes.open(setup.directory(), setup.lanes(), setup.log());
            failed = FailedRecords.open(setup.directory());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        intake = new Intake(
                lanes, setup.storedTimeout(), destination.remembersOffsets() ? Durability.STORED : Durability.BUFFERED);
        drain = new Drain(lanes, intake, failed, setup.drain(), wakeUps::add, destination);
    }

    public IngestFixture start() {
        drain.start();
        started = true;
        return this;
    }

    public CompletableFuture<List<PushResult>> push(Durability durability, NewMessage... messages) {
        return intake.accept(List.of(messages), durability);
    }

    /** Pushes messages that may linger, and waits for the answer. */
    public List<PushResult> pushed(Linger linger, NewMessage... messages) {
        return get(intake.accept(List.of(messages), Durability.BUFFERED, linger));
    }

    /** Pushes and waits for the answer. */
    public List<PushResult> pushed(Durability durability, NewMessage... messages) {
        return get(push(durability, messages));
    }

    public static List<PushResult> get(CompletableFuture<List<PushResult>> answer) {
        try {
            return answer.get(120, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError("no answer", e);
        }
    }

    /** Returns the name of a lane's epoch in {@link FakeDatabase}. */
    public String source(int lane, long epoch) {
        Lane each = lanes.current().get(lane);
        return "sluice-log-" + each.segments().id() + "-" + epoch + "-" + lane;
    }

    public void awaitDrained() {
        await().pollInterval(Duration.ofMillis(5))
                .untilAsserted(() -> assertThat(drain.status().undrained()).isZero());
    }

    public void awaitState(DrainStatus.State state) {
        await().pollInterval(Duration.ofMillis(5))
                .untilAsserted(() -> assertThat(drain.status().lanes())
                        .allSatisfy(lane -> assertThat(lane.state()).isEqualTo(state)));
    }

    /** Returns whether every lane moves messages, or would if it had any. */
    public boolean isHealthy() {
        Set<DrainStatus.State> healthy = Set.of(
                DrainStatus.State.RUNNING,
                DrainStatus.State.PAUSED,
                DrainStatus.State.WAITING,
                DrainStatus.State.STOPPED);
        return drain.status().lanes().stream().allMatch(lane -> healthy.contains(lane.state()));
    }

    public Drain.DrainReport stop() {
        stopped = true;
        return drain.stop(Duration.ofSeconds(60));
    }

    @Override
    public void close() {
        if (started && !stopped) {
            stop();
        }
        intake.close();
        try (lanes;
                failed) {
            assertThat(intake.status().waiting()).isZero();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static NewMessage message(String transactionId) {
        return message("p", transactionId);
    }

    public static NewMessage message(String partition, String transactionId) {
        var id = new UUID(0x0190_0000_0000_7000L, 0x8000_0000_0000_0000L | IDS.incrementAndGet());
        byte[] payload = ("\"" + transactionId + "\"").getBytes(UTF_8);
        return NewMessage.of(id, "orders", partition, transactionId, payload);
    }

    public static NewMessage[] messages(String partition, int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(number -> message(partition, partition + "-" + number))
                .toArray(NewMessage[]::new);
    }

    public static List<String> ids(String partition, int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(number -> partition + "-" + number)
                .toList();
    }

    /** Copies a directory as it is, like a power cut at which everything written is on disk. */
    public static void copy(Path from, Path to) throws IOException {
        var files = new ArrayList<Path>();
        try (Stream<Path> walk = Files.walk(from)) {
            walk.forEach(files::add);
        }
        for (Path file : files) {
            Path target = to.resolve(from.relativize(file).toString());
            if (Files.isDirectory(file)) {
                Files.createDirectories(target);
            } else {
                Files.copy(file, target);
            }
        }
    }
}
