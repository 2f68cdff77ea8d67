package dev.sluice.queue.admin;

import static dev.sluice.queue.AdministrationFixture.GROUP;
import static dev.sluice.queue.AdministrationFixture.inParallel;
import static dev.sluice.queue.AdministrationFixture.transactionIds;
import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.view.QueueStatus;
import dev.sluice.queue.view.ResourceFilter;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class QueuesTest {
    private static final QueueOptions UNUSUAL = new QueueOptions(
            Duration.ofSeconds(7),
            1,
            Duration.ofMillis(250),
            4,
            11,
            1000,
            Duration.ofHours(1),
            true,
            true,
            Duration.ofSeconds(2),
            Duration.ofSeconds(3),
            true,
            Duration.ofSeconds(4),
            Duration.ofSeconds(5),
            Duration.ofSeconds(6),
            true,
            Duration.ofMillis(1500),
            true);

    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final Queues queues = sluice.queues;

    @AfterEach
    void nothingIsBroken() {
        assertThat(sluice.broken()).isEmpty();
    }

    private static QueueOptions.Builder options() {
        return QueueOptions.DEFAULTS.toBuilder();
    }

    @Nested
    class Configuring {
        @Test
        void createsTheQueueWithItsDefaultPartition() {
            QueueInfo made = queues.configure("q", "ns", "tk", UNUSUAL);
            QueueInfo found = sluice.info("q").orElseThrow();
            assertThat(found.id()).isEqualTo(made.id());
            assertThat(found.options()).isEqualTo(UNUSUAL).isEqualTo(made.options());
            assertThat(found.namespace()).isEqualTo("ns");
            assertThat(found.task()).isEqualTo("tk");
            assertThat(found.createdAt()).isEqualTo(made.createdAt());
            assertThat(found.partitions()).isEqualTo(1);
            assertThat(found.messages()).isZero();
            assertThat(queues.findPartition("q", "Default")).isPresent();
            assertThat(queues.findPartition("q", "other")).isEmpty();
        }

        @Test
        void replacesEverything() {
            queues.configure("q", "ns", "tk", UNUSUAL);
            queues.configure("q", "", "", QueueOptions.DEFAULTS);
            QueueInfo found = sluice.info("q").orElseThrow();
            assertThat(found.options()).isEqualTo(QueueOptions.DEFAULTS);
            assertThat(found.namespace()).isEmpty();
            assertThat(found.partitions()).isEqualTo(1);
        }

        @Test
        void concurrentlyLeavesOneConfigurationWhole() throws Exception {
            var work = new ArrayList<Callable<QueueInfo>>();
            for (int i = 0; i < 40; i++) {
                QueueOptions options = options().retryLimit(i).build();
                String namespace = "ns" + i;
                work.add(() -> queues.configure("q", namespace, "", options));
            }
            inParallel(work);
            QueueInfo found = sluice.info("q").orElseThrow();
            assertThat(found.namespace()).isEqualTo("ns" + found.options().retryLimit());
            assertThat(found.partitions()).isEqualTo(1);
        }

        @Test
        void refusesNamesThatCannotBeStored() {
            for (String name : new String[] {"x".repeat(256), "a\0b"}) {
                assertThatThrownBy(() -> queues.configure(name, "", "", QueueOptions.DEFAULTS))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageStartingWith("queue must");
            }
            queues.configure("x".repeat(255), "", "", QueueOptions.DEFAULTS);
            queues.configure("", "", "", QueueOptions.DEFAULTS);
        }

        @Test
        void givesTheDefaultPartitionACursorForEachGroup() {
            sluice.push(message("p", "t1"));
            sluice.pop("a", 1);
            sluice.pop("b", 1);
            queues.configure("q", "", "", QueueOptions.DEFAULTS);
            sluice.push(message("Default", "t2"));
            assertThat(transactionIds(sluice.pop("a", 10))).containsExactly("t2");
            assertThat(transactionIds(sluice.pop("b", 10))).containsExactly("t2");
        }

        @Test
        void registersTheGroupsThatWaitForTheQueue() {
            PopRequest request = new PopRequest(10, 1, false, Subscription.NEW);
            PopTarget target = new PopTarget("q", null, "g");
            assertThat(sluice.queue.pop(target, List.of(request)).get(0).status())
                    .isEqualTo(Status.QUEUE_NOT_FOUND);
            queues.configure("q", "", "", QueueOptions.DEFAULTS);
            sluice.push(message("p", "t1"), message("Default", "t2"));
            PopRequest both = new PopRequest(10, 5, false, Subscription.NEW);
            assertThat(sluice.queue.pop(target, List.of(both)).get(0).messages())
                    .hasSize(2);
        }

        @Test
        void worksDuringPushes() throws Exception {
            var stop = new AtomicBoolean();
            var pushed = new AtomicInteger();
            Callable<Object> producer = () -> {
                try (var writer = new QueueWriter(sluice.postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                    while (!stop.get()) {
                        int n = pushed.getAndIncrement();
                        writer.write(List.of(message("p" + n % 7, "t" + n)), List.of());
                    }
                }
                return null;
            };
            Callable<Object> administrator = () -> {
                try {
                    for (int i = 0; i < 50; i++) {
                        queues.configure(
                                "q", "", "", options().priority(i % 20 - 5).build());
                    }
                } finally {
                    stop.set(true);
                }
                return null;
            };
            Callable<Object> consumer = () -> {
                while (!stop.get()) {
                    PopResult popped = sluice.pop(GROUP, 10);
                    sluice.acknowledge(GROUP, popped, Verdict.COMPLETED);
                }
                return null;
            };
            inParallel(List.of(producer, producer, administrator, consumer));
            assertThat(sluice.one("select count(*) from sluice.messages")).isEqualTo(String.valueOf(pushed.get()));
            assertThat(
                            sluice.one(
                                    "select count(*) from sluice.cursors c join sluice.partitions p on p.id = c.partition_id"
                                            + " join sluice.queues q on q.id = p.queue_id where c.lane <> q.lane or p.lane <> q.lane"))
                    .isEqualTo("0");
        }
    }

    @Nested
    class Priorities {
        @Test
        void chooseTheLaneOfExistingPartitionsAndCursors() {
            sluice.push(message("a", "t1"), message("b", "t2"));
            sluice.pop(GROUP, 1);
            for (int priority : new int[] {10, 1, 0, -1}) {
                QueueInfo configured = sluice.configure(options().priority(priority));
                String lane = String.valueOf(configured.options().lane().number());
                assertThat(sluice.postgres.query("select distinct lane from sluice.partitions"))
                        .containsExactly(lane);
                assertThat(sluice.postgres.query("select distinct lane from sluice.cursors"))
                        .containsExactly(lane);
                assertThat(sluice.postgres.query("select lane from sluice.queues"))
                        .containsExactly(lane);
            }
        }

        @Test
        void chooseTheLaneOfNewPartitions() {
            sluice.configure(options().priority(5));
            sluice.push(message("p", "t1"));
            assertThat(sluice.postgres.query("select distinct lane from sluice.partitions"))
                    .containsExactly("1");
            sluice.readAll(GROUP);
            sluice.push(message("later", "t2"));
            assertThat(sluice.postgres.query("select distinct lane from sluice.cursors"))
                    .containsExactly("1");
        }
    }

    @Nested
    class Lists {
        @Test
        void haveTheNewestQueueFirstWithItsCounts() {
            sluice.push(message("old", "p", "t", "1"));
            sluice.push(message("a", "t1"), message("a", "t2"), message("b", "t3"));
            List<QueueStatus> listed = sluice.overview.queues(ResourceFilter.ALL, null, 10, 0);
            assertThat(listed).extracting(each -> each.queue().name()).containsExactly("q", "old");
            assertThat(listed.get(0).queue().partitions()).isEqualTo(2);
            assertThat(listed.get(0).queue().messages()).isEqualTo(3);
            assertThat(sluice.info("none")).isEmpty();
        }

        @Test
        void countScheduledMessages() {
            var later = NewMessage.builder(UUID.randomUUID(), "q", "p", "t", new byte[] {'1'})
                    .deliverAt(Instant.now().plusSeconds(3600))
                    .build();
            sluice.push(later);
            assertThat(sluice.info("q").orElseThrow().messages()).isEqualTo(1);
        }
    }
}
