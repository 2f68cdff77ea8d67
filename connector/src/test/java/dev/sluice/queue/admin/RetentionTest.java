package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.GROUP;
import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.QueueOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class RetentionTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration LONG_AGO = Duration.ofHours(2);

    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final Retention retention = sluice.retention;

    @AfterEach
    void nothingIsBroken() {
        assertThat(sluice.broken()).isEmpty();
    }

    private static QueueOptions.Builder options() {
        return QueueOptions.DEFAULTS.toBuilder();
    }

    @Nested
    class Ttl {
        @Test
        void deletesOlderMessagesReadOrUnread() {
            sluice.pushOneByOne(1, 5);
            sluice.pop(GROUP, 1);
            sluice.age(LONG_AGO, 3);
            sluice.configure(options().ttl(HOUR));
            RetentionResult sweep = retention.sweep();
            assertThat(sweep).isEqualTo(new RetentionResult(true, 3, 0, 0, 0, 3, 0, 0));
            assertThat(sluice.kept()).containsExactly("t4", "t5");
            assertThat(sluice.group(GROUP).lag()).isEqualTo(2);
            assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 0, 0, 0, 0, 0, 0));
        }

        @Test
        void doesNothingUnlessItIsSet() {
            sluice.pushOneByOne(1, 3);
            sluice.age(Duration.ofDays(4000), 3);
            assertThat(retention.sweep().messages()).isZero();
            sluice.configure(options().ttl(Duration.ZERO));
            assertThat(retention.sweep().messages()).isZero();
        }

        @Test
        void leavesOtherQueuesAlone() {
            sluice.pushOneByOne(1, 1);
            sluice.push(message("other", "p", "t", "1"));
            sluice.postgres.execute("update sluice.segments set created_at = created_at - interval '2 hours'");
            sluice.configure(options().ttl(HOUR));
            assertThat(retention.sweep().messages()).isEqualTo(1);
            assertThat(sluice.kept()).containsExactly("t");
        }

        @Test
        void emptiesPartitionsWithoutRestartingTheirSeqs() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll(GROUP);
            sluice.age(LONG_AGO, 3);
            sluice.configure(options().ttl(HOUR));
            retention.sweep();
            assertThat(sluice.kept()).isEmpty();
            assertThat(sluice.pop(GROUP, 1).status()).isEqualTo(Status.EMPTY);
            sluice.push(message("p", "t4"));
            PopResult popped = sluice.pop(GROUP, 1);
            assertThat(popped.messages().get(0).seq()).isEqualTo(4);
        }

        @Test
        void reachesManyPartitionsAndManySegments() {
            for (int i = 0; i < 3; i++) {
                var messages = new ArrayList<NewMessage>();
                for (int p = 0; p < 620; p++) {
                    messages.add(message("p" + p, "t" + i));
                }
                sluice.writer.write(messages, List.of());
            }
            sluice.pushOneByOne(1, 350);
            sluice.age(LONG_AGO, 1000);
            sluice.push(message("p", "new"));
            sluice.configure(options().ttl(HOUR));
            RetentionResult sweep = retention.sweep();
            assertThat(sweep.ttl()).isEqualTo(620 * 3 + 350);
            assertThat(sweep.segments()).isEqualTo(620 * 3 + 350);
            assertThat(sluice.kept()).containsExactly("new");
            assertThat(sluice.one("select count(*) from sluice.deletions")).isEqualTo("0");
        }

        @Test
        void leavesTheDuplicateWindowAsItIs() {
            sluice.pushOneByOne(1, 3);
            sluice.age(Duration.ofMinutes(20), 2);
            sluice.configure(options().ttl(Duration.ofMinutes(10)));
            retention.sweep();
            assertThat(sluice.writer.write(run(3, 3), List.of())).first().isInstanceOf(Duplicate.class);
        }
    }

    @Nested
    class RetentionSeconds {
        @Test
        void needToBeEnabled() {
            sluice.pushOneByOne(1, 3);
            sluice.age(LONG_AGO, 2);
            sluice.configure(options().retention(HOUR));
            assertThat(retention.sweep().messages()).isZero();
            sluice.configure(options().retention(HOUR).retentionEnabled(true));
            assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 2, 0, 0, 2, 0, 0));
            assertThat(sluice.kept()).containsExactly("t3");
        }

        @Test
        void countOnlyMessagesThatTtlDoesNotCount() {
            sluice.pushOneByOne(1, 3);
            sluice.age(LONG_AGO, 2);
            sluice.age(LONG_AGO, 1);
            sluice.configure(options().ttl(Duration.ofHours(3)).retention(HOUR).retentionEnabled(true));
            RetentionResult sweep = retention.sweep();
            assertThat(sweep.ttl()).isEqualTo(1);
            assertThat(sweep.retention()).isEqualTo(1);
            assertThat(sweep.messages()).isEqualTo(2);
        }
    }

    @Nested
    class CompletedRetention {
        @BeforeEach
        void enable() {
            sluice.configure(options().completedRetention(HOUR).retentionEnabled(true));
        }

        @Test
        void deletesMessagesThatEveryGroupHasCompleted() {
            sluice.pushOneByOne(1, 5);
            sluice.readAll("a");
            PopResult popped = sluice.pop("b", 3);
            sluice.acknowledge("b", popped, Verdict.COMPLETED, "t1", "t2");
            sluice.age(LONG_AGO, 5);
            assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 0, 2, 0, 2, 0, 0));
            assertThat(sluice.kept()).containsExactly("t3", "t4", "t5");
            sluice.acknowledge("b", popped, Verdict.COMPLETED, "t3");
            assertThat(retention.sweep().completed()).isEqualTo(1);
        }

        @Test
        void keepsYoungMessages() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("a");
            sluice.age(LONG_AGO, 1);
            assertThat(retention.sweep().completed()).isEqualTo(1);
            assertThat(sluice.kept()).containsExactly("t2", "t3");
        }

        @Test
        void keepsMessagesAcknowledgedOutOfOrder() {
            sluice.pushOneByOne(1, 3);
            sluice.acknowledge("a", sluice.pop("a", 3), Verdict.COMPLETED, "t2", "t3");
            sluice.age(LONG_AGO, 3);
            assertThat(retention.sweep().completed()).isZero();
        }

        @Test
        void keepsSegmentsWithAnOpenMessage() {
            sluice.writer.write(run(1, 4), List.of());
            sluice.acknowledge("a", sluice.pop("a", 3), Verdict.COMPLETED);
            sluice.age(LONG_AGO, 4);
            assertThat(retention.sweep().completed()).isZero();
            sluice.readAll("a");
            assertThat(retention.sweep().completed()).isEqualTo(4);
        }

        @Test
        void deletesNothingWithoutAGroup() {
            sluice.pushOneByOne(1, 3);
            sluice.age(LONG_AGO, 3);
            assertThat(retention.sweep().completed()).isZero();
        }

        @Test
        void waitsForALaterGroup() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("a");
            sluice.age(LONG_AGO, 3);
            sluice.pop("b", 1);
            assertThat(retention.sweep().completed()).isZero();
        }

        @Test
        void keepsMessagesThatASeekMadeUnread() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("a");
            sluice.age(LONG_AGO, 3);
            sluice.groups.seek("a", "q", null, new SeekTarget.Beginning());
            assertThat(retention.sweep().completed()).isZero();
            assertThat(sluice.group("a").lag()).isEqualTo(3);
        }
    }

    @Nested
    class MaxWaitTime {
        @BeforeEach
        void enable() {
            sluice.configure(options().maxWaitTime(HOUR));
        }

        @Test
        void deletesMessagesThatSomeGroupHasNotRead() {
            sluice.pushOneByOne(1, 4);
            sluice.readAll("a");
            sluice.pop("b", 1);
            sluice.age(LONG_AGO, 3);
            assertThat(retention.sweep()).isEqualTo(new RetentionResult(true, 0, 0, 0, 3, 3, 0, 0));
            assertThat(sluice.kept()).containsExactly("t4");
            assertThat(sluice.group("b").lag()).isEqualTo(1);
            assertThat(sluice.group("a").lag()).isZero();
        }

        @Test
        void deletesMessagesWithoutAGroup() {
            sluice.pushOneByOne(1, 2);
            sluice.age(LONG_AGO, 1);
            assertThat(retention.sweep().waitedTooLong()).isEqualTo(1);
        }

        @Test
        void keepsMessagesThatEveryGroupHasRead() {
            sluice.pushOneByOne(1, 3);
            sluice.readAll("a");
            sluice.age(LONG_AGO, 3);
            assertThat(retention.sweep().waitedTooLong()).isZero();
            sluice.push(message("p", "t4"));
            assertThat(retention.sweep().waitedTooLong()).isZero();
            assertThat(sluice.kept()).hasSize(4);
        }

        @Test
        void keepsYoungUnreadMessages() {
            sluice.pushOneByOne(1, 4);
            sluice.acknowledge("a", sluice.pop("a", 2), Verdict.COMPLETED);
            sluice.age(LONG_AGO, 2);
            assertThat(retention.sweep().waitedTooLong()).isZero();
        }
    }
}
