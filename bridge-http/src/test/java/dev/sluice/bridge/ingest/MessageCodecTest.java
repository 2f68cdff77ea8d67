package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.NewMessage;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class MessageCodecTest {
    private static final UUID ID = UUID.fromString("018f0000-0000-7000-8000-000000000001");
    private static final UUID TRACE = UUID.fromString("0af76519-16cd-43dd-8448-eb211c80319c");

    /** The example in the class comment. */
    private static final String EXAMPLE =
            "01 00 018f0000000070008000000000000001 01 71 01 70 01 74 7b226e223a317d".replace(" ", "");

    @Nested
    class TheWorkedExample {
        @Test
        void isWhatTheMessageBecomes() {
            byte[] bytes = MessageCodec.encode(message("q", "p", "t", false, "{\"n\":1}", null, null));
            assertThat(HexFormat.of().formatHex(bytes)).isEqualTo(EXAMPLE);
        }

        @Test
        void becomesTheMessage() {
            NewMessage message = MessageCodec.decode(HexFormat.of().parseHex(EXAMPLE));
            assertSame(message, message("q", "p", "t", false, "{\"n\":1}", null, null));
        }
    }

    @Nested
    class AMessageComesBackAsItWas {
        @Test
        void withEveryField() {
            roundTrip(message("orders", "customer-7", "o-1042", true, "[1, 2]", TRACE, "user@example.org"));
        }

        @Test
        void withATimeOfDeliveryAndADelay() {
            byte[] payload = "1".getBytes(UTF_8);
            var at = java.time.Instant.ofEpochMilli(1_800_000_000_123L);
            var delay = java.time.Duration.ofMillis(86_400_000_001L);
            roundTrip(
                    NewMessage.builder(ID, "q", "p", "t", payload).deliverAt(at).build());
            roundTrip(NewMessage.builder(ID, "q", "p", "t", payload)
                    .producerSub("alice")
                    .delay(delay)
                    .build());
            roundTrip(NewMessage.builder(ID, "q", "p", "t", payload)
                    .traceId(ID)
                    .deliverAt(at)
                    .delay(delay)
                    .build());
        }

        @Test
        void withTextBeyondAscii() {
            roundTrip(message("größe", "取引先", "🚀-1", false, "\"ñ\"", null, "Ærø"));
        }

        @Test
        void withTheLongestNames() {
            String longest = "é".repeat(NewMessage.MAX_NAME_LENGTH);
            roundTrip(message(longest, longest, longest, false, "null", TRACE, "x".repeat(20_000)));
        }

        @Test
        void withAnEmptyProducerWhichIsNotTheSameAsNone() {
            roundTrip(message("q", "p", "t", false, "1", null, ""));
        }

        @Test
        void withALargePayload() {
            roundTrip(message("q", "p", "t", false, "\"" + "x".repeat(3_000_000) + "\"", null, null));
        }
    }

    @Nested
    class WhatIsNotAMessageIsRefused {
        private final byte[] whole = MessageCodec.encode(message("orders", "p", "t", false, "1", TRACE, "someone"));

        @Test
        void whenAnyOfItsFieldsIsCutOff() {
            int payloadAt = whole.length - 1;
            for (int length = 0; length < payloadAt; length++) {
                byte[] cut = Arrays.copyOf(whole, length);
                assertThatThrownBy(() -> MessageCodec.decode(cut))
                        .as("the first %d bytes", length)
                        .isInstanceOf(MessageFormatException.class);
            }
        }

        @Test
        void whenTheVersionIsAnother() {
            whole[0] = 7;
            assertThatThrownBy(() -> MessageCodec.decode(whole))
                    .hasMessage("message has format version 7, this program knows only 1");
        }

        @Test
        void whenAFlagIsUnknown() {
            whole[1] |= 0x40;
            assertThatThrownBy(() -> MessageCodec.decode(whole)).hasMessageContaining("unknown flags 0x43");
        }

        @Test
        void whenATextIsNotUtf8() {
            whole[35] = (byte) 0xff;
            assertThatThrownBy(() -> MessageCodec.decode(whole)).hasMessage("queue at byte 35 is not UTF-8");
        }

        @Test
        void whenALengthLeadsBeyondTheEnd() {
            whole[34] = 0x7f;
            assertThatThrownBy(() -> MessageCodec.decode(whole))
                    .hasMessageStartingWith("queue at byte 35 takes 127 bytes, the entry ends after ");
        }

        @Test
        void whenALengthDoesNotEnd() {
            Arrays.fill(whole, 34, 38, (byte) 0x80);
            assertThatThrownBy(() -> MessageCodec.decode(whole))
                    .hasMessage("length of queue at byte 34 has more than three bytes");
        }

        @Test
        void whenANameIsEmpty() {
            byte[] bytes = HexFormat.of().parseHex(EXAMPLE.replace("0171" + "0170", "0171" + "00"));
            assertThatThrownBy(() -> MessageCodec.decode(bytes)).hasMessage("partition must not be empty");
        }
    }

    @Test
    void theEmptyNameIsTheNameOfAQueue() {
        NewMessage decoded = MessageCodec.decode(MessageCodec.encode(message("", "p", "t", false, "1", null, null)));
        assertThat(decoded.queue()).isEmpty();
        assertThat(decoded.partition()).isEqualTo("p");
    }

    @Test
    void halfASurrogatePairIsRefusedInsteadOfReplaced() {
        NewMessage message = message("q", "p", "t", false, "1", null, "a\ud800");
        assertThatThrownBy(() -> MessageCodec.encode(message))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("producerSub must not contain half of a surrogate pair");
    }

    private static void roundTrip(NewMessage message) {
        assertSame(MessageCodec.decode(MessageCodec.encode(message)), message);
    }

    private static void assertSame(NewMessage actual, NewMessage expected) {
        assertThat(actual).usingRecursiveComparison().ignoringFields("payload").isEqualTo(expected);
        assertThat(actual.payload()).isEqualTo(expected.payload());
    }

    private static NewMessage message(
            String queue,
            String partition,
            String transactionId,
            boolean generated,
            String payload,
            @Nullable UUID traceId,
            @Nullable String producer) {
        return NewMessage.builder(ID, queue, partition, transactionId, payload.getBytes(UTF_8))
                .generatedTransactionId(generated)
                .traceId(traceId)
                .producerSub(producer)
                .build();
    }
}
