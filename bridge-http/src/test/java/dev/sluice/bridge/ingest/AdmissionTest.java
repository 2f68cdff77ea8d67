package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.buffer.Entry;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.queue.LimitKey;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.PushRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The admission in front of a log that nobody drains. The tests call {@link Admission#refresh} and not
 * {@link Admission#start}.
 */
class AdmissionTest {
    private static final PayloadCipher KEY = PayloadCipher.of("k:" + "0c".repeat(32), null);
    private static final MessageIds IDS = new MessageIds();

    @TempDir
    private Path directory;

    private Lanes lanes;
    private Intake intake;
    /** The rules in the database; null if it is unreachable. */
    private volatile @Nullable List<PushRule> rules = List.of();

    @BeforeEach
    void open() throws Exception {
        lanes = Lanes.open(directory, 1, SegmentLogConfig.defaults(directory));
        intake = new Intake(lanes, Duration.ZERO);
    }

    @AfterEach
    void close() throws Exception {
        intake.close();
        lanes.close();
    }

    private Admission admission(PayloadCipher cipher) {
        return new Admission(intake, cipher, () -> {
            List<PushRule> now = rules;
            if (now == null) {
                throw new QueueException("no database", new SQLException("gone", "08001"));
            }
            return now;
        });
    }

    private static NewMessage message(String queue) {
        return NewMessage.builder(IDS.next(), queue, "p", "t", "\"clear\"".getBytes(UTF_8))
                .generatedTransactionId(true)
                .build();
    }

    private static List<NewMessage> messages(int count, String queue) {
        var messages = new ArrayList<NewMessage>();
        for (int i = 0; i < count; i++) {
            messages.add(message(queue));
        }
        return messages;
    }

    private static void push(Admission admission, List<NewMessage> messages) throws Exception {
        assertThat(admission.accept(messages, Durability.BUFFERED).get(120, TimeUnit.SECONDS))
                .hasSameSizeAs(messages);
    }

    private static void assertFull(Admission admission, List<NewMessage> messages, String reason) {
        assertThatThrownBy(() -> admission.accept(messages, Durability.BUFFERED).get(120, TimeUnit.SECONDS))
                .hasCauseInstanceOf(QueueFullException.class)
                .hasMessageContaining(reason);
    }

    private List<String> log() throws Exception {
        return logged().stream()
                .map(message -> new String(message.payload(), UTF_8))
                .toList();
    }

    private List<String> loggedPartitions() throws Exception {
        return logged().stream().map(NewMessage::partition).toList();
    }

    private List<NewMessage> logged() throws Exception {
        var messages = new ArrayList<NewMessage>();
        var segments = lanes.current().get(0).segments();
        try (var reader = segments.reader(0)) {
            while (messages.size() < segments.nextOffset()) {
                for (Entry entry : reader.read(100, 1 << 20)) {
                    messages.add(MessageCodec.decode(entry.payload()));
                }
            }
        }
        return messages;
    }

    @Nested
    class AFullQueue {
        @Test
        void isOneThatHoldsItsBoundWithWhatWasLetThroughSince() throws Exception {
            try (var admission = admission(PayloadCipher.NONE)) {
                push(admission, messages(1, "q"));
                rules = List.of(new PushRule("q", false, 10, 8, null, false));
                admission.refresh();
                push(admission, messages(1, "q"));
                push(admission, messages(5, "q"));
                assertFull(admission, messages(1, "q"), "Queue q is full: holds 14 messages, maxSize 10. Nothing of");
                push(admission, messages(1, "other"));
                rules = List.of(new PushRule("q", false, 10, 9, null, false));
                admission.refresh();
                push(admission, messages(1, "q"));
                assertFull(admission, messages(1, "q"), "holds 10 messages, maxSize 10");
                assertThat(admission.status()).isEqualTo(new AdmissionStatus(1, 0, 2, 0, 0));
            }
        }

        @Test
        void refusesTheWholePush() throws Exception {
            rules = List.of(new PushRule("full", false, 1, 1, null, false));
            try (var admission = admission(PayloadCipher.NONE)) {
                admission.refresh();
                assertFull(
                        admission, List.of(message("other"), message("full"), message("other")), "Queue full is full");
                assertThat(lanes.current().get(0).segments().nextOffset()).isZero();
            }
        }

        @Test
        void doesNotCountWhatTheLogCouldNotWrite() throws Exception {
            rules = List.of(new PushRule("q", false, 2, 0, null, false));
            try (var admission = admission(PayloadCipher.NONE)) {
                admission.refresh();
                rules = null; // The database is unreachable, so no read corrects the count.
                Path lane = lanes.current().get(0).directory();
                Path away = lane.resolveSibling("away");
                Files.move(lane, away);
                for (int i = 0; i < 3; i++) {
                    assertThatThrownBy(() -> push(admission, messages(1, "q"))).hasCauseInstanceOf(IOException.class);
                }
                Files.move(away, lane);
                push(admission, messages(2, "q"));
                assertFull(admission, messages(1, "q"), "holds 2 messages, maxSize 2");
            }
        }

        @Test
        void staysFullWhileTheDatabaseIsAway() throws Exception {
            rules = List.of(new PushRule("q", false, 2, 0, null, false));
            try (var admission = admission(PayloadCipher.NONE)) {
                admission.refresh();
                rules = null;
                push(admission, messages(2, "q"));
                admission.refresh();
                assertFull(admission, messages(1, "q"), "holds 2 messages, maxSize 2");
                assertThat(admission.status().failedReads()).isEqualTo(1);
                rules = List.of(new PushRule("q", false, 2, 0, null, false));
                admission.refresh();
                push(admission, messages(1, "q"));
                rules = List.of();
                admission.refresh();
                push(admission, messages(9, "q"));
            }
        }

        @Test
        void takesWhatWasAcceptedBefore() throws Exception {
            rules = List.of(new PushRule("q", false, 1, 1, null, false));
            try (var admission = admission(PayloadCipher.NONE)) {
                admission.refresh();
                assertThat(admission
                                .acceptAgain(messages(2, "q"), Durability.BUFFERED)
                                .get(120, TimeUnit.SECONDS))
                        .hasSize(2);
            }
        }
    }

    @Nested
    class AnEncryptedQueue {
        @Test
        void isEncryptedInTheLog() throws Exception {
            rules = List.of(new PushRule("secret", true, 0, 0, null, false));
            try (var admission = admission(KEY)) {
                admission.refresh();
                push(admission, List.of(message("plain"), message("secret")));
                assertThat(log()).satisfiesExactly(plain -> assertThat(plain).isEqualTo("\"clear\""), secret -> {
                    assertThat(secret).startsWith("{\"encrypted\":");
                    assertThat(KEY.open("secret", secret)).isEqualTo("\"clear\"");
                });
                assertThat(admission.status()).isEqualTo(new AdmissionStatus(0, 1, 0, 0, 0));
            }
        }

        @Test
        void isAnyQueueUntilTheRulesAreKnown() throws Exception {
            rules = null;
            try (var admission = admission(KEY)) {
                admission.refresh();
                push(admission, messages(1, "plain"));
                rules = List.of();
                admission.refresh();
                push(admission, messages(1, "plain"));
                rules = null;
                admission.refresh();
                push(admission, messages(1, "plain"));
                assertThat(log())
                        .satisfiesExactly(
                                first -> assertThat(KEY.open("plain", first))
                                        .isEqualTo("\"clear\"")
                                        .isNotEqualTo(first),
                                second -> assertThat(second).isEqualTo("\"clear\""),
                                third -> assertThat(third).isEqualTo("\"clear\""));
            }
        }

        @Test
        void takesNothingWithoutAKey() throws Exception {
            rules = List.of(new PushRule("secret", true, 0, 0, null, false));
            try (var admission = admission(PayloadCipher.NONE)) {
                admission.refresh();
                assertThatThrownBy(() -> admission
                                .accept(List.of(message("plain"), message("secret")), Durability.BUFFERED)
                                .get(120, TimeUnit.SECONDS))
                        .hasCauseInstanceOf(NoKeyException.class)
                        .hasMessageContaining("Queue secret is encrypted");
                assertThat(lanes.current().get(0).segments().nextOffset()).isZero();
                push(admission, messages(1, "plain"));
                assertThat(admission.status().refusedNoKey()).isEqualTo(1);
            }
        }
    }

    @Nested
    class AQueueWithLimitKeys {
        private final List<PushRule> keyed =
                List.of(new PushRule("work.t", true, 0, 0, LimitKey.parse("/tenant"), false));

        private static NewMessage of(String tenant, String partition) {
            byte[] payload = ("{\"tenant\":" + tenant + "}").getBytes(UTF_8);
            return NewMessage.builder(IDS.next(), "work.t", partition, "t", payload)
                    .generatedTransactionId(true)
                    .build();
        }

        private List<String> partitions(List<NewMessage> messages) {
            return messages.stream().map(NewMessage::partition).toList();
        }

        @Test
        void getsTheKeyOfEachMessageInTheNameOfItsPartition() throws Exception {
            rules = keyed;
            try (var admission = admission(KEY)) {
                List<NewMessage> messages = List.of(of("\"acme\"", "Default"), of("7", "o-1"), of("null", "Default"));
                assertThat(partitions(admission.admit(messages)))
                        .as("before the rules are read")
                        .containsExactly("Default", "o-1", "Default");
                admission.refresh();
                assertThat(partitions(admission.admit(messages))).containsExactly("~normal@acme", "~@7/o-1", "Default");
                push(admission, messages);
                admission
                        .acceptAgain(admission.admit(messages), Durability.BUFFERED)
                        .get(120, TimeUnit.SECONDS);
                assertThat(loggedPartitions())
                        .as("also if the payload is encrypted, and only once")
                        .containsExactly("~normal@acme", "~@7/o-1", "Default", "~normal@acme", "~@7/o-1", "Default");
                rules = List.of();
                admission.refresh();
                assertThat(partitions(admission.admit(messages))).containsExactly("Default", "o-1", "Default");
            }
        }

        @Test
        void givesAMessageNoKeyThatItsProducerHasWrittenIntoTheNameOfThePartition() throws Exception {
            List<NewMessage> messages = List.of(
                    of("\"acme\"", "~normal@other"),
                    of("\"acme\"", "~@other/o-1"),
                    of("null", "~low@other"),
                    of("null", "~@other/o-1"),
                    of("\"acme\"", "~normal@"));
            try (var admission = admission(KEY)) {
                assertThat(partitions(admission.admit(messages)))
                        .as("before the rules are read")
                        .containsExactly("~normal", "o-1", "~low", "o-1", "~normal@");
                rules = keyed;
                admission.refresh();
                push(admission, messages);
                assertThat(loggedPartitions())
                        .containsExactly("~normal@acme", "~@acme/o-1", "~low", "o-1", "~normal@acme");
            }
        }
    }
}
