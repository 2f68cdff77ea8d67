package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/**
 * A work whose payload cannot be decrypted, or only looks so, waits for the key for a day and then is a dead letter.
 */
class UnopenedTest extends WorkFixture {
    private final PayloadCipher cipher = PayloadCipher.of("lost:" + "0f".repeat(32), null);
    private final List<String> ran = new CopyOnWriteArrayList<>();

    private WorkBuffer.Builder handling() {
        return builder().pollInterval(Duration.ofMillis(50)).handler("a", (each, context) -> {
            ran.add(each.payloadText());
            return Outcome.done();
        });
    }

    private void tryAgainAfter(int snoozes) {
        postgres.execute("update sluice.work_items set available_at = now(), snoozes = " + snoozes);
    }

    @Test
    void itHoldsUpItsKeyForADayOnly() throws Exception {
        String sealed = cipher.seal("elsewhere", "1");
        WorkBuffer work = start(handling());
        work.enqueue(Work.of("a", sealed).key("k"));
        work.enqueue(Work.of("a", "2").key("k"));
        work.enqueue(Work.of("a", "3"));
        untilRows("select snoozes, attempts, available_at > now() from sluice.work_items where owner is null", "1|0|t");
        until(() -> ran.equals(List.of("3")));
        tryAgainAfter(1_439);
        untilRows("select snoozes, attempts from sluice.work_items where owner is null", "1440|0");
        tryAgainAfter(1_440);
        until(() -> ran.equals(List.of("3", "2")));
        untilNothingIsLeft();
        assertThat(postgres.query("select error like 'undecryptable: %', payload, retries from sluice.dead_letters"))
                .containsExactly("t|" + sealed + "|0");
    }

    @Test
    void itRunsIfTheKeyComes() throws Exception {
        WorkBuffer first = start(handling());
        first.enqueue(Work.of("a", cipher.seal("work.a", "\"secret\"")));
        untilRows("select snoozes from sluice.work_items where owner is null", "1");
        first.close();
        tryAgainAfter(1_439);
        start(handling().cipher(cipher));
        until(() -> ran.equals(List.of("\"secret\"")));
        untilNothingIsLeft();
        assertThat(count("dead_letters")).isZero();
    }
}
