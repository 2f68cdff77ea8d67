package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.PushOutcome.Queued;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Messages whose transaction id is in their partition already. */
class DuplicatesTest extends WriterFixture {
    @Test
    void ofEarlierWritesCarryTheFirstId() {
        var first = message("p", "same");
        writer.write(List.of(first), List.of());
        var outcome = writer.write(List.of(message("p", "same"), message("other", "same")), List.of());
        assertThat(outcome.get(0))
                .isInstanceOfSatisfying(
                        Duplicate.class, it -> assertThat(it.id()).isEqualTo(first.id()));
        assertThat(outcome.get(1)).isInstanceOf(Queued.class);
        assertThat(transactionIds("p")).containsExactly("same");
    }

    @Test
    void withinOneWriteCarryTheFirstId() {
        var first = message("p", "same");
        var outcome = writer.write(List.of(first, message("p", "same"), message("p", "else")), List.of());
        assertThat(outcome.get(1))
                .isInstanceOfSatisfying(
                        Duplicate.class, it -> assertThat(it.id()).isEqualTo(first.id()));
        assertThat(outcome.get(2))
                .isInstanceOfSatisfying(Queued.class, it -> assertThat(it.seq()).isEqualTo(2));
    }

    @Test
    void areFoundByAColdWriter() {
        writer.write(run(1, 1200), List.of());
        try (var cold = writer()) {
            assertThat(cold.write(run(1, 1200), List.of())).allMatch(Duplicate.class::isInstance);
        }
    }

    @Test
    void areFoundAfterAnotherWriterMovedTheHead() {
        writer.write(run(1, 3), List.of());
        try (var other = writer()) {
            other.write(run(4, 6), List.of());
        }
        assertThat(writer.write(run(1, 7), List.of()))
                .extracting(outcome -> outcome instanceof Queued)
                .containsExactly(false, false, false, false, false, false, true);
    }

    @Test
    void areNotLookedForAmongGeneratedIds() {
        writer.write(run(1, 3), List.of());
        try (var other = writer()) {
            other.write(run(4, 6), List.of());
        }
        writer.write(List.of(withGeneratedId("p", "made1")), List.of());
        writer.write(List.of(withGeneratedId("other", "made1")), List.of());
        assertThat(writer.rememberedIds()).as("neither read nor cached").isEqualTo(3);
        assertThat(writer.write(run(1, 7), List.of()))
                .as("also those that another writer has added")
                .extracting(outcome -> outcome instanceof Queued)
                .containsExactly(false, false, false, false, false, false, true);
        assertThat(writer.write(List.of(withGeneratedId("p", "made2"), message("p", "t7")), List.of()))
                .extracting(outcome -> outcome instanceof Queued)
                .containsExactly(true, false);
        assertThat(writer.write(List.of(message("p", "t7"), withGeneratedId("p", "made3")), List.of()))
                .extracting(outcome -> outcome instanceof Queued)
                .containsExactly(false, true);
    }

    private NewMessage withGeneratedId(String partition, String id) {
        return NewMessage.builder(UUID.randomUUID(), "q", partition, id, new byte[] {'1'})
                .generatedTransactionId(true)
                .build();
    }

    @Test
    void areFoundInEvictedPartitions() {
        try (var small = writer(Duration.ofHours(1), 10)) {
            for (int p = 0; p < 20; p++) {
                small.write(List.of(message("p" + p, "1"), message("p" + p, "2")), List.of());
                assertThat(small.rememberedIds()).isLessThanOrEqualTo(10);
            }
            for (int p = 0; p < 20; p++) {
                assertThat(small.write(List.of(message("p" + p, "2")), List.of()))
                        .first()
                        .isInstanceOf(Duplicate.class);
            }
        }
    }

    @Test
    void areFoundAmongTheNewestIdsIfAPartitionExceedsTheBound() {
        try (var small = writer(Duration.ofHours(1), 100)) {
            for (int i = 0; i < 10; i++) {
                small.write(run(i * 50 + 1, i * 50 + 50), List.of());
                assertThat(small.rememberedIds()).isLessThanOrEqualTo(100);
            }
            assertThat(small.write(run(500, 500), List.of())).first().isInstanceOf(Duplicate.class);
        }
    }

    @Test
    void areNoneOutsideTheWindow() {
        writer.write(run(1, 1), List.of());
        postgres.execute("update sluice.segments set created_at = created_at - interval '61 minutes'");
        assertThat(writer.write(run(1, 1), List.of())).first().isInstanceOf(Queued.class);
        postgres.execute("update sluice.segments set created_at = created_at - interval '61 minutes'");
        try (var cold = writer()) {
            assertThat(cold.write(run(1, 1), List.of())).first().isInstanceOf(Queued.class);
        }
    }

    @Test
    void areNoneIfTheWindowIsZero() {
        try (var open = writer(Duration.ZERO, 100)) {
            var outcome = open.write(List.of(message("p", "same"), message("p", "same")), List.of());
            assertThat(outcome).allMatch(Queued.class::isInstance);
            assertThat(open.write(List.of(message("p", "same")), List.of())).allMatch(Queued.class::isInstance);
        }
    }

    @Test
    void areExactWithEightWritersAndOneKey() throws Exception {
        for (int round = 0; round < 20; round++) {
            String key = "key" + round;
            var outcomes = concurrently(
                    8,
                    writerOfOne -> writerOfOne
                            .write(List.of(message("p", key)), List.of())
                            .get(0));
            var queued = outcomes.stream()
                    .filter(Queued.class::isInstance)
                    .map(Queued.class::cast)
                    .toList();
            assertThat(queued).hasSize(1);
            assertThat(outcomes.stream().filter(Duplicate.class::isInstance).map(Duplicate.class::cast))
                    .hasSize(7)
                    .allMatch(duplicate -> duplicate.id().equals(queued.get(0).id()));
        }
    }
}
