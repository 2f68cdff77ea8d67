package dev.sluice.bridge.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.webhook.TestWebhooks;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Work;
import dev.sluice.work.watch.WorkMeter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When the engine of a process starts and stops. */
class WorkServiceTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @TempDir
    Path directory;

    private TestPostgres postgres;
    private final AtomicBoolean away = new AtomicBoolean();

    @BeforeEach
    void open() {
        postgres = TestPostgres.withSchema().withoutSyncs();
        PluginJars.of(directory.resolve("plugins/probe"), List.of(ProbeHandler.class));
    }

    @AfterEach
    void close() {
        postgres.close();
    }

    private WorkConfig config(Duration closeTimeout, HandlerConfig... handlers) {
        return new WorkConfig(
                "sluice",
                false,
                PayloadCipher.NONE,
                builder -> builder.closeTimeout(closeTimeout).interruptGrace(Duration.ofSeconds(1)),
                List.of(handlers),
                directory.resolve("plugins"),
                false,
                10);
    }

    private HandlerConfig probe() {
        return new HandlerConfig(
                "probe",
                "probe",
                ProbeHandler.class.getName(),
                HandlerSettings.DEFAULT,
                null,
                List.of(),
                Map.of("notes", notes().toString()));
    }

    private Path notes() {
        return directory.resolve("notes");
    }

    private String noted() throws Exception {
        return Files.exists(notes()) ? Files.readString(notes()) : "";
    }

    private WorkService service(WorkConfig config) throws Exception {
        return new WorkService(
                config,
                postgres.dataSource(),
                this::requireDatabase,
                new WorkService.Surroundings(WorkMeter.NONE, null, TestWebhooks.idle()));
    }

    private void requireDatabase() {
        if (away.get()) {
            throw new QueueException("could not use the queue", new SQLException("it is away", "08001"));
        }
    }

    private static List<String> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("sluice-work"))
                .toList();
    }

    @Test
    void withoutHandlersItHasNoThreadUntilSomebodyNeedsIt() throws Exception {
        try (WorkService service = service(config(PATIENCE))) {
            service.open();
            service.wake("work.probe");
            assertThat(threads()).isEmpty();
            service.buffer().enqueue(Work.of("probe", "1"));
            assertThat(service.buffer().waiting("probe")).isEqualTo(1);
            assertThat(threads()).containsExactly("sluice-work-enqueuer");
        }
        assertThat(threads()).isEmpty();
    }

    @Test
    void theBufferIsRefusedWhileTheDatabaseIsAway() throws Exception {
        try (WorkService service = service(config(PATIENCE))) {
            away.set(true);
            assertThatThrownBy(service::buffer)
                    .isInstanceOfSatisfying(
                            QueueException.class,
                            e -> assertThat(e.isTransient()).isTrue())
                    .hasMessageContaining("it is away");
            away.set(false);
            assertThat(service.buffer()).isSameAs(service.buffer());
            away.set(true);
            assertThatThrownBy(service::buffer).hasMessageContaining("it is away");
        }
    }

    @Test
    void handlersStartAsSoonAsTheDatabaseAnswers() throws Exception {
        away.set(true);
        try (WorkService service = service(config(PATIENCE, probe()))) {
            service.open();
            try (WorkService other = service(config(PATIENCE))) {
                away.set(false);
                other.buffer().enqueue(Work.of("probe", "\"run\""));
            }
            await().atMost(PATIENCE).until(() -> noted().contains("end "));
        }
    }

    @Test
    void aCloseWaitsForHandlersWithinItsTimeoutAndThenClosesThem() throws Exception {
        try (WorkService service = service(config(PATIENCE, probe()))) {
            service.open();
            service.buffer().enqueue(Work.of("probe", "\"slow\""));
            await().atMost(PATIENCE).until(() -> noted().contains("begin "));
        }
        assertThat(noted().lines().map(line -> line.split(" ", -1)[0])).containsExactly("begin", "end", "closed");
    }

    @Test
    void aCloseInterruptsWhatTakesTooLongAndGivesItBackAtNoCost() throws Exception {
        WorkService service = service(config(Duration.ofMillis(10), probe()));
        service.open();
        service.buffer().enqueue(Work.of("probe", "\"hang\""));
        await().atMost(PATIENCE).until(() -> noted().contains("begin "));
        service.beginClose();
        service.close();
        service.close();
        assertThat(service.closeReport().givenBack()).isEqualTo(1);
        assertThat(service.closeReport().isStored()).isTrue();
        assertThat(noted()).endsWith("closed\n");
        assertThat(postgres.query("select attempts, crashes from sluice.work_items"))
                .containsExactly("0|0");
        assertThatThrownBy(service::buffer).isInstanceOf(QueueException.class).hasMessageContaining("it is stopping");
    }
}
