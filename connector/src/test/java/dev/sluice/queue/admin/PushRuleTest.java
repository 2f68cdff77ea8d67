package dev.sluice.queue.admin;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.LimitKey;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueOptions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class PushRuleTest {
    @AutoClose
    private final AdministrationFixture fixture = new AdministrationFixture();

    private final PushRule.Reader reader = new PushRule.Reader(fixture.postgres.dataSource(), "sluice");

    private long held() {
        return reader.read().get(0).messages();
    }

    @Test
    void areThoseOfLimitedAndEncryptedQueues() {
        fixture.push(message("plain", "p", "1", "1"));
        fixture.configure(QueueOptions.DEFAULTS.toBuilder().maxSize(7));
        assertThat(reader.read()).containsExactly(new PushRule("q", false, 7, 0, null, false));
        new Queues(fixture.postgres.dataSource(), "sluice", PayloadCipher.of("k:" + "00".repeat(32), null), () -> {})
                .configure(
                        "e",
                        "",
                        "",
                        QueueOptions.DEFAULTS.toBuilder()
                                .encryptionEnabled(true)
                                .build());
        fixture.push(message("p", "1"));
        assertThat(reader.read())
                .containsExactlyInAnyOrder(
                        new PushRule("q", false, 7, 1, null, false), new PushRule("e", true, 0, 0, null, false));
    }

    @Test
    void nameThePlacesOfLimitKeys() {
        fixture.push(message("p", "1"));
        fixture.postgres.execute(
                "insert into sluice.work_types (queue, limit_key) values ('q', '/tenant'), ('none', '/x')");
        assertThat(reader.read()).containsExactly(new PushRule("q", false, 0, 0, LimitKey.parse("/tenant"), false));
        fixture.postgres.execute("update sluice.work_types set limit_key = null");
        assertThat(reader.read()).isEmpty();
    }

    @Test
    void countTheLagOfTheSlowestGroup() {
        fixture.configure(QueueOptions.DEFAULTS.toBuilder().maxSize(100));
        fixture.pushOneByOne(1, 5);
        fixture.push(message("other", "1"), message("other", "2"));
        assertThat(held()).as("without groups").isEqualTo(7);
        fixture.readAll("fast");
        assertThat(held()).as("one group that has all").isZero();
        PopResult slow = fixture.pop(new PopTarget("q", "p", "slow"), 5);
        assertThat(held()).as("popped, not done with").isEqualTo(7);
        fixture.acknowledge("slow", slow, Verdict.COMPLETED, "t1", "t2");
        assertThat(held()).isEqualTo(5);
        fixture.pushOneByOne(6, 6);
        assertThat(held()).isEqualTo(6);
    }

    @Test
    void countScheduledMessagesAndNoDeletedOnes() {
        fixture.configure(QueueOptions.DEFAULTS.toBuilder().maxSize(100));
        fixture.pushOneByOne(1, 3);
        NewMessage plain = message("p", "later");
        fixture.push(NewMessage.builder(plain.id(), "q", "p", "later", plain.payload())
                .delay(Duration.ofHours(1))
                .build());
        assertThat(held()).isEqualTo(4);
        fixture.queues.clear("q", null);
        assertThat(held()).isZero();
        assertThat(fixture.postgres.query("select name from sluice.queues")).isEqualTo(List.of("q"));
    }
}
