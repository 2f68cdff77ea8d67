package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.Queues;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The option dedupWindowMs of a queue, with writers whose own window is an hour. */
class DedupWindowOfQueueTest {
    private static final Duration HOUR = Duration.ofHours(1);

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private Queues queues;
    private QueueWriter writer;

    @BeforeEach
    void open() {
        queues = new Queues(postgres.dataSource(), "sluice");
        writer = writer(HOUR);
    }

    @AfterEach
    void close() {
        writer.close();
    }

    private QueueWriter writer(Duration window) {
        return new QueueWriter(postgres.dataSource(), new QueueWriterConfig("sluice", window, 1000));
    }

    private void window(@Nullable Duration window) {
        queues.configure(
                "q",
                "",
                "",
                QueueOptions.DEFAULTS.toBuilder().dedupWindow(window).build());
    }

    private void letPass(Duration time) {
        postgres.execute("update sluice.segments set created_at = created_at - interval '" + time.toMillis() + " ms'");
    }

    private static PushOutcome again(QueueWriter by) {
        return by.write(run(1, 1), List.of()).get(0);
    }

    @Test
    void mayBeShorterThanTheWritersOwn() {
        window(Duration.ofMinutes(1));
        writer.write(run(1, 1), List.of());
        assertThat(again(writer)).isInstanceOf(Duplicate.class);
        letPass(Duration.ofSeconds(61));
        assertThat(again(writer)).isInstanceOf(Queued.class);
    }

    @Test
    void mayBeLongerThanTheWritersOwn() {
        window(HOUR.multipliedBy(3));
        writer.write(run(1, 1), List.of());
        letPass(HOUR.multipliedBy(2));
        assertThat(again(writer)).as("a warm writer").isInstanceOf(Duplicate.class);
        try (var cold = writer(HOUR)) {
            assertThat(again(cold)).as("a cold writer").isInstanceOf(Duplicate.class);
        }
        letPass(HOUR.multipliedBy(2));
        assertThat(again(writer)).isInstanceOf(Queued.class);
    }

    @Test
    void ofZeroFindsNoDuplicates() {
        window(Duration.ZERO);
        assertThat(writer.write(List.of(message("p", "same"), message("p", "same")), List.of()))
                .allMatch(Queued.class::isInstance);
        assertThat(writer.write(List.of(message("p", "same")), List.of())).allMatch(Queued.class::isInstance);
        assertThat(writer.rememberedIds()).isZero();
        assertThat(writer.write(List.of(message("other", "p", "x", "1"), message("other", "p", "x", "1")), List.of()))
                .as("another queue")
                .last()
                .isInstanceOf(Duplicate.class);
    }

    @Test
    void worksIfTheWriterHasNone() {
        window(HOUR);
        try (var open = writer(Duration.ZERO)) {
            open.write(run(1, 1), List.of());
            assertThat(again(open)).isInstanceOf(Duplicate.class);
            open.write(List.of(message("other", "p", "x", "1")), List.of());
            assertThat(open.write(List.of(message("other", "p", "x", "1")), List.of()))
                    .first()
                    .isInstanceOf(Queued.class);
        }
    }

    @Test
    void mayChangeAtAnyTime() {
        writer.write(run(1, 1), List.of());
        window(Duration.ofMinutes(1));
        letPass(Duration.ofMinutes(90));
        assertThat(again(writer)).as("shorter").isInstanceOf(Queued.class);
        window(Duration.ZERO);
        writer.write(List.of(message("p", "unseen")), List.of());
        letPass(HOUR.multipliedBy(2));
        window(HOUR.multipliedBy(3));
        assertThat(again(writer)).as("longer").isInstanceOf(Duplicate.class);
        assertThat(writer.write(List.of(message("p", "unseen")), List.of()))
                .as("written while there was no window")
                .first()
                .isInstanceOf(Duplicate.class);
        window(null);
        assertThat(again(writer)).as("the writer's own").isInstanceOf(Queued.class);
    }

    @Test
    void isTheSameForAllWriters() {
        try (var other = writer(Duration.ofSeconds(1))) {
            window(HOUR);
            writer.write(run(1, 1), List.of());
            letPass(Duration.ofMinutes(1));
            assertThat(again(other)).isInstanceOf(Duplicate.class);
            other.write(run(2, 2), List.of());
            letPass(Duration.ofMinutes(1));
            assertThat(writer.write(run(2, 2), List.of())).first().isInstanceOf(Duplicate.class);
            window(Duration.ofSeconds(30));
            assertThat(again(other)).isInstanceOf(Queued.class);
            assertThat(again(writer)).isInstanceOf(Duplicate.class);
        }
    }

    @Test
    void mayBeAsLongAsTheLongestOption() {
        window(QueueOptions.MAX_TIME);
        try (var longest = writer(Duration.ofMillis(Long.MAX_VALUE))) {
            for (NewMessage each : List.of(message("p", "1"), message("other", "p", "1", "1"))) {
                longest.write(List.of(each), List.of());
                longest.write(List.of(message(each.queue(), "p", "2", "1")), List.of());
                assertThat(longest.write(List.of(each), List.of())).first().isInstanceOf(Duplicate.class);
            }
        }
    }
}
