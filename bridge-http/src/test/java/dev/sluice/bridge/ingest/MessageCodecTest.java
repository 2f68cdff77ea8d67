package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class MessageCodecTest {
    private static final UUID ID = UUID.fromString("018f0000-0000-7000-8000-000000000001");
    private static final UUID TRACE = UUID.fromString("0af76519-16cd-43dd-8448-eb211c80319c");

    /** The example in the class comment. */
    private static final String EXAMPLE = ("02 0080 018f0000000070008000000000000001 0171 0170 0174"
                    + " 09 7b2268223a2276227d 7b226e223a317d")
            .replace(" ", "");

    @Nested
    class TheWorkedExample {
        private final NewMessage expected = NewMessage.builder(ID, "q", "p", "t", "{\"n\":1}".getBytes(UTF_8))
                .headers(MessageHeaders.of(Map.of("h", "v")))
                .build();

        @Test
        void isWhatTheMessageBecomes() {
            assertThat(HexFormat.of().formatHex(MessageCodec.encode(expected))).isEqualTo(EXAMPLE);
        }

        @Test
        void becomesTheMessage() {
            assertSame(MessageCodec.decode(HexFormat.of().parseHex(EXAMPLE)), expected);
        }

        @Test
        void isTheOneInTheClassComment() throws IOException {
            String source = Files.readString(Path.of("src/main/java/dev/sluice/bridge/ingest/MessageCodec.java"));
            String bytes = source.lines()
                    .filter(line -> line.matches(" \\* [0-9a-f]{2}( {1,2}[0-9a-f]{2}){4,}"))
                    .map(line -> line.substring(2).replace(" ", ""))
                    .collect(Collectors.joining());
            assertThat(bytes).isEqualTo(EXAMPLE);
        }
    }

    @Nested
    class AMessageOfVersion1ComesBackAsItWas {
        @Test
        void withoutAnythingButItsNames() {
            assertSame(
                    decode("01 00 018f0000000070008000000000000001 01 71 01 70 01 74 7b226e223a317d"),
                    message("q", "p", "t", false, "{\"n\":1}", null, null));
        }

        @Test
        void withEveryField() {
            assertSame(
                    decode("01 1f 018f0000000070008000000000000001 0af7651916cd43dd8448eb211c80319c 0171 0170 0174"
                            + " 03c3a161 000001a3185c507b 00000000000003e8 31"),
                    NewMessage.builder(ID, "q", "p", "t", "1".getBytes(UTF_8))
                            .generatedTransactionId(true)
                            .traceId(TRACE)
                            .producerSub("áa")
                            .deliverAt(Instant.ofEpochMilli(1_800_000_000_123L))
                            .delay(Duration.ofSeconds(1))
                            .build());
        }

        @Test
        void andHasNoFlagsOfVersion2() {
            assertThatThrownBy(() -> decode("01 20 018f0000000070008000000000000001 0171 0170 0174 31"))
                    .isInstanceOf(MessageFormatException.class)
                    .hasMessage("message has unknown flags 0x20");
        }

        private NewMessage decode(String hex) {
            return MessageCodec.decode(HexFormat.of().parseHex(hex.replace(" ", "")));
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
            var at = Instant.parse("2027-01-15T08:00:00.123456Z");
            var delay = Duration.ofMillis(86_400_000_001L);
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
        void withHeadersOfEveryCharacter() {
            roundTrip(with(Messages.HEADERS, null));
        }

        @Test
        void withTheLargestHeadersAlsoIfTheyAreSealed() {
            var values = new LinkedHashMap<String, String>();
            int count = HeaderLimits.ABSOLUTE.count();
            int bytes = HeaderLimits.ABSOLUTE.bytes() / count;
            for (int i = 0; i < count; i++) {
                String name = "n" + i;
                values.put(name, "\"".repeat(bytes - name.length()));
            }
            NewMessage largest = with(MessageHeaders.of(values), null);
            assertThat(largest.headers().bytes()).isEqualTo(HeaderLimits.ABSOLUTE.bytes());
            roundTrip(largest);
            roundTrip(PayloadCipher.of("a:" + "0a".repeat(32), null)
                    .seal(PayloadCipher.of("b:" + "0b".repeat(32), null).seal(largest)));
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "1600-01-01T00:00:00Z",
                    "1969-12-31T23:59:59.999999Z",
                    "1970-01-01T00:00:00Z",
                    "2026-05-16T10:00:00.123456Z",
                    "9999-12-31T23:59:59.999999Z"
                })
        void withATimeOfCreation(String time) {
            roundTrip(with(MessageHeaders.NONE, new Origin(Instant.parse(time), null)));
        }

        @ParameterizedTest
        @EnumSource
        void withALane(PriorityLane lane) {
            roundTrip(with(MessageHeaders.NONE, new Origin(null, lane)));
            roundTrip(with(Messages.HEADERS, new Origin(Origin.LATEST, lane)));
        }

        @Test
        void withAnyFieldsTogether() {
            for (int fields = 0; fields < 1 << 8; fields++) {
                roundTrip(NewMessage.builder(ID, "q", "p", "t", "1".getBytes(UTF_8))
                        .traceId((fields & 1) == 0 ? null : TRACE)
                        .producerSub((fields & 2) == 0 ? null : "alice")
                        .generatedTransactionId((fields & 4) != 0)
                        .deliverAt((fields & 8) == 0 ? null : Instant.ofEpochMilli(1))
                        .delay((fields & 16) == 0 ? null : Duration.ofMillis(2))
                        .origin(new Origin(
                                (fields & 32) == 0 ? null : Instant.ofEpochMilli(3),
                                (fields & 64) == 0 ? null : PriorityLane.HIGH))
                        .headers((fields & 128) == 0 ? MessageHeaders.NONE : Messages.HEADERS)
                        .build());
            }
        }

        private static NewMessage with(MessageHeaders headers, @Nullable Origin origin) {
            return NewMessage.builder(ID, "q", "p", "t", "{}".getBytes(UTF_8))
                    .headers(headers)
                    .origin(origin == null ? Origin.NONE : origin)
                    .build();
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
            byte[] entry = MessageCodec.encode(NewMessage.builder(ID, "orders", "p", "t", "1".getBytes(UTF_8))
                    .traceId(TRACE)
                    .producerSub("someone")
                    .deliverAt(Instant.EPOCH)
                    .delay(Duration.ZERO)
                    .origin(new Origin(Instant.EPOCH, PriorityLane.LOW))
                    .headers(Messages.HEADERS)
                    .build());
            int payloadAt = entry.length - 1;
            for (int length = 0; length < payloadAt; length++) {
                byte[] cut = Arrays.copyOf(entry, length);
                assertThatThrownBy(() -> MessageCodec.decode(cut))
                        .as("the first %d bytes", length)
                        .isInstanceOf(MessageFormatException.class);
            }
        }

        @Test
        void whenTheVersionIsAnother() {
            whole[0] = 7;
            assertThatThrownBy(() -> MessageCodec.decode(whole))
                    .hasMessage("message has format version 7, this program knows only 1 and 2");
        }

        @Test
        void whenAFlagIsUnknown() {
            whole[1] |= 0x40;
            assertThatThrownBy(() -> MessageCodec.decode(whole)).hasMessageContaining("unknown flags 0x4003");
        }

        @Test
        void whenATextIsNotUtf8() {
            whole[36] = (byte) 0xff;
            assertThatThrownBy(() -> MessageCodec.decode(whole)).hasMessage("queue at byte 36 is not UTF-8");
        }

        @Test
        void whenALengthLeadsBeyondTheEnd() {
            whole[35] = 0x7f;
            assertThatThrownBy(() -> MessageCodec.decode(whole))
                    .hasMessageStartingWith("queue at byte 36 takes 127 bytes, the entry ends after ");
        }

        @Test
        void whenALengthDoesNotEnd() {
            Arrays.fill(whole, 35, 39, (byte) 0x80);
            assertThatThrownBy(() -> MessageCodec.decode(whole))
                    .hasMessage("length of queue at byte 35 has more than three bytes");
        }

        @Test
        void whenANameIsEmpty() {
            byte[] bytes = HexFormat.of().parseHex(EXAMPLE.replace("0171" + "0170", "0171" + "00"));
            assertThatThrownBy(() -> MessageCodec.decode(bytes)).hasMessage("partition must not be empty");
        }

        @Test
        void whenTheHeadersAreNoObjectOfStrings() {
            byte[] bytes = HexFormat.of().parseHex(EXAMPLE.replace("2268223a2276227d", "2268223a3276227d"));
            assertThatThrownBy(() -> MessageCodec.decode(bytes))
                    .isInstanceOf(MessageFormatException.class)
                    .hasMessageStartingWith("headers must be the text of a JSON object of strings");
        }

        @Test
        void whenALaneOrATimeIsUnknown() {
            byte[] lane = MessageCodec.encode(NewMessage.builder(ID, "q", "p", "t", new byte[0])
                    .origin(new Origin(null, PriorityLane.LOW))
                    .build());
            lane[lane.length - 1] = 4;
            assertThatThrownBy(() -> MessageCodec.decode(lane))
                    .isInstanceOf(MessageFormatException.class)
                    .hasMessage("no lane has the number 4, at byte 25");
            byte[] time = MessageCodec.encode(NewMessage.builder(ID, "q", "p", "t", new byte[0])
                    .origin(new Origin(Instant.EPOCH, null))
                    .build());
            time[25] = 0x7f;
            assertThatThrownBy(() -> MessageCodec.decode(time))
                    .isInstanceOf(MessageFormatException.class)
                    .hasMessageStartingWith("createdAt must be between ");
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
