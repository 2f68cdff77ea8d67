package dev.sluice.bridge.api.messages;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.ingest.MessageCodec;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The member {@code headers} of an item, and what the trace of the request adds to it. */
class ItemHeadersTest {
    private static final HeaderLimits SMALL = new HeaderLimits(3, 140);
    private static final String TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    private static final String OTHER = "00-11111111111111111111111111111111-b7ad6b7169203331-00";
    private static final UUID TRACE = UUID.fromString("0af76519-16cd-43dd-8448-eb211c80319c");

    private final MessageIds ids = new MessageIds();

    private static RequestLimits limits(HeaderLimits headers) {
        return new RequestLimits(1 << 20, 5, 10, 100, 1000, 100, headers, 64 << 20);
    }

    private NewMessage parse(String headers, HeaderLimits limits, PushDefaults defaults) {
        String body = "{\"items\":[{\"queue\":\"q\"},{\"queue\":\"q\",\"payload\":1,\"headers\":" + headers + "}]}";
        return PushBody.parse(body.getBytes(UTF_8), limits(limits), ids, defaults, RequestMemory.unlimited())
                .messages()
                .get(1);
    }

    private MessageHeaders parse(String headers) {
        return parse(headers, HeaderLimits.DEFAULT, PushDefaults.NONE).headers();
    }

    private void assertRefused(String headers, HeaderLimits limits, String message) {
        assertThatThrownBy(() -> parse(headers, limits, PushDefaults.NONE))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessage("item 1: " + message)
                .extracting(e -> ((InvalidRequestException) e).status())
                .isEqualTo(400);
    }

    @Test
    void headersOfEveryCharacterAreReadInTheirOrder() {
        MessageHeaders read = parse(Messages.HEADERS.json());
        assertThat(List.copyOf(read.asMap().entrySet()))
                .isEqualTo(List.copyOf(Messages.HEADERS.asMap().entrySet()));
    }

    @Test
    void escapesMakeTheSameTextAsTheCharacters() {
        assertThat(parse("{\"\\u0061\":\"\\ud83d\\ude00\\/\\t\\\"\\u00e9\"}").asMap())
                .isEqualTo(Map.of("a", "\ud83d\ude00/\t\"é"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"null", "{}", " { } "})
    void nullAndAnEmptyObjectAreNone(String headers) {
        assertThat(parse(headers)).isSameAs(MessageHeaders.NONE);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "[]|headers must be an object of strings",
                "\"a\"|headers must be an object of strings",
                "7|headers must be an object of strings",
                "true|headers must be an object of strings",
                "{\"a\":1}|header a must be a string",
                "{\"a\":12345678901234567890}|header a must be a string",
                "{\"a\":null}|header a must be a string",
                "{\"a\":{\"b\":\"c\"}}|header a must be a string",
                "{\"a\":[\"b\"]}|header a must be a string",
                "{\"a\":\"1\",\"a\":\"2\"}|headers must have each name once, in any case, have two a",
                "{\"a\":\"1\",\"A\":\"2\"}|headers must have each name once, in any case, have two A",
                "{\"Sluice.id\":\"1\"}|header Sluice.id must not begin with sluice., which is reserved",
                "{\"sluice.x\":1}|header sluice.x must not begin with sluice., which is reserved",
                "{\"a\":\"\\n\"}|header a must not contain control characters, has U+000A at index 0",
                "{\"a\":\"b\\u0085\"}|header a must not contain control characters, has U+0085 at index 1",
                "{\"a\":\"\\ud800\"}|header a must not contain half of a surrogate pair, has it at index 0",
                "{\"\":\"1\"}|names of headers must not be empty",
            })
    void anythingElseIsRefusedWithTheItemTheNameAndTheRule(String headers, String message) {
        assertRefused(headers, HeaderLimits.DEFAULT, message);
    }

    @Test
    void aNameIsAToken() {
        assertThat(parse("{\"" + "n".repeat(256) + "\":\"\"}").asMap()).hasSize(1);
        assertThatThrownBy(() -> parse("{\"" + "n".repeat(257) + "\":\"\"}")).hasMessageContaining("256 characters");
        for (String name : new String[] {"a b", "a:b", "é", "a\\u0000", "(a)"}) {
            assertThatThrownBy(() -> parse("{\"" + name + "\":\"1\"}"))
                    .as(name)
                    .hasMessageStartingWith("item 1: names of headers must consist of letters, digits and");
            assertThatThrownBy(() -> parse("{\"" + name + "\":1}"))
                    .as(name)
                    .hasMessageStartingWith("item 1: names of headers must consist of letters, digits and");
        }
    }

    @Test
    void invalidJsonInHeadersIsInvalidJson() {
        assertThatThrownBy(() -> parse("{\"a\":\"b\",}")).hasMessageStartingWith("Invalid JSON: item 1: ");
    }

    @Test
    void aSecondMemberHeadersIsRefused() {
        assertThatThrownBy(() -> parse("{},\"headers\":{\"a\":\"b\"}"))
                .hasMessage("item 1: headers must not be there more than once");
    }

    @Nested
    class Limits {
        @Test
        void asManyAsTheLimitAreAccepted() {
            assertThat(parse(many(64)).asMap()).hasSize(64);
            assertRefused(
                    many(65), HeaderLimits.DEFAULT, "headers must be at most 64 (message.headers.max.count), are 65");
            assertRefused(
                    many(2000),
                    HeaderLimits.DEFAULT,
                    "headers must be at most 64 (message.headers.max.count), are 2000");
        }

        private String many(int count) {
            return IntStream.range(0, count)
                    .mapToObj(i -> "\"h" + i + "\":\"" + i + "\"")
                    .collect(Collectors.joining(",", "{", "}"));
        }

        @Test
        void asManyBytesAsTheLimitAreAccepted() {
            String value = "ß".repeat(8191);
            assertThat(parse("{\"a\":\"" + value + "x\"}").bytes()).isEqualTo(16384);
            assertRefused(
                    "{\"a\":\"" + value + "xy\"}",
                    HeaderLimits.DEFAULT,
                    "headers must have at most 16384 bytes of names and values (message.headers.max.bytes), have 16385");
        }

        @Test
        void noneMayBeAllowed() {
            var none = new HeaderLimits(0, 0);
            assertThat(parse("{}", none, PushDefaults.NONE).headers().isEmpty()).isTrue();
            assertRefused("{\"a\":\"\"}", none, "headers must be at most 0 (message.headers.max.count), are 1");
        }
    }

    @Nested
    class Traces {
        private PushDefaults request(@Nullable String tracestate) {
            return new PushDefaults(
                    null,
                    "Default",
                    null,
                    TraceContext.of(TRACEPARENT, tracestate == null ? List.of() : List.of(tracestate)),
                    null,
                    queue -> false);
        }

        private NewMessage with(String headers, @Nullable String tracestate) {
            return parse(headers, SMALL, request(tracestate));
        }

        @Test
        void theTraceOfTheRequestIsAddedToMessagesWithoutOne() {
            assertThat(with("null", "a=1").headers().asMap())
                    .isEqualTo(Map.of("traceparent", TRACEPARENT, "tracestate", "a=1"));
            NewMessage message = with("{\"x\":\"y\"}", null);
            assertThat(List.copyOf(message.headers().asMap().keySet())).isEqualTo(List.of("x", "traceparent"));
            assertThat(message.traceId()).isEqualTo(TRACE);
        }

        @Test
        void aMessageWithItsOwnKeepsIt() {
            NewMessage message = with("{\"Traceparent\":\"" + OTHER + "\"}", "a=1");
            assertThat(message.headers().asMap()).isEqualTo(Map.of("Traceparent", OTHER));
            assertThat(message.traceId()).isEqualTo(UUID.fromString("11111111-1111-1111-1111-111111111111"));
            assertThat(with("{\"tracestate\":\"b=2\"}", "a=1").headers().asMap())
                    .isEqualTo(Map.of("tracestate", "b=2", "traceparent", TRACEPARENT));
            assertThat(with("{\"traceparent\":\"none\"}", "a=1").headers().asMap())
                    .isEqualTo(Map.of("traceparent", "none"));
        }

        @Test
        void aMessageWithoutRoomForItStaysAsItIs() {
            assertThat(with("{\"x\":\"y\"}", "a=1").headers().asMap()).hasSize(3);
            assertThat(with("{\"x\":\"y\",\"z\":\"\"}", "a=1").headers().asMap())
                    .as("the traceparent alone")
                    .containsOnlyKeys("x", "z", "traceparent");
            assertThat(with("{\"x\":\"y\",\"z\":\"\",\"w\":\"\"}", "a=1")
                            .headers()
                            .asMap())
                    .containsOnlyKeys("x", "z", "w");
            assertThat(with("null", "a=" + "1".repeat(100)).headers().asMap()).containsOnlyKeys("traceparent");
            String fits = "v".repeat(140 - "x".length() - "traceparent".length() - TRACEPARENT.length());
            assertThat(with("{\"x\":\"" + fits + "\"}", null).headers().bytes()).isEqualTo(140);
            assertThat(with("{\"x\":\"" + fits + "v\"}", null).headers().asMap())
                    .containsOnlyKeys("x");
            assertThat(with("{\"x\":\"" + fits + "v\"}", null).traceId()).isEqualTo(TRACE);
        }
    }

    @Nested
    class TheRoomForATraceInABody {
        private static final int BODY_LIMIT = 64 << 10;
        private final RequestLimits limits =
                new RequestLimits(BODY_LIMIT, 10_000, 10, 100, 1000, 100, HeaderLimits.DEFAULT, 64 << 20);

        private List<NewMessage> push(int count, String filler) {
            String item = ",{\"queue\":\"q\"}";
            String body =
                    "{\"items\":[{\"queue\":\"q\",\"payload\":\"" + filler + "\"}" + item.repeat(count - 1) + "]}";
            assertThat(body.length()).isLessThanOrEqualTo(BODY_LIMIT);
            var defaults = new PushDefaults(
                    null, "Default", null, TraceContext.of(TRACEPARENT, List.of()), null, queue -> false);
            return PushBody.parse(body.getBytes(UTF_8), limits, ids, defaults, RequestMemory.unlimited())
                    .messages();
        }

        private int bytesOfHeaders(List<NewMessage> messages) {
            return messages.stream()
                    .filter(message -> !message.headers().isEmpty())
                    .mapToInt(message -> message.headers().json().length())
                    .sum();
        }

        @Test
        void isWhatTheBodyLacksToTheLargest() {
            List<NewMessage> few = push(700, "");
            assertThat(few)
                    .allSatisfy(message -> assertThat(message.headers().asMap()).containsKey("traceparent"));
            List<NewMessage> many = push(4000, "");
            assertThat(bytesOfHeaders(many)).isBetween(20_000, 30_000);
            assertThat(many.get(0).headers().asMap()).containsKey("traceparent");
            assertThat(many.get(3999).headers()).isSameAs(MessageHeaders.NONE);
            assertThat(many).allSatisfy(message -> assertThat(message.traceId()).isEqualTo(TRACE));
        }

        @Test
        void isThereInTheLargestBodyToo() {
            assertThat(push(1, "x".repeat(BODY_LIMIT - 50)).get(0).headers().asMap())
                    .containsKey("traceparent");
        }
    }

    @Nested
    class LinesOfAnExport {
        private final NewMessage message = NewMessage.builder(ids.next(), "q", "p", "t", "{\"n\":1}".getBytes(UTF_8))
                .headers(Messages.HEADERS)
                .build();

        private String line(NewMessage written) {
            var out = new JsonOutput(0);
            assertThat(MessageLine.write(out, MessageCodec.encode(written), Instant.EPOCH, "log@0"))
                    .isTrue();
            return out.toString();
        }

        @Test
        void keepHeaders() {
            String line = line(message);
            assertThat(line)
                    .contains(",\"headers\":" + Messages.HEADERS.json() + ",")
                    .doesNotContain("\n");
            assertThat(MessageLine.parse(line.getBytes(UTF_8), ids).headers()).isEqualTo(Messages.HEADERS);
        }

        @Test
        void haveNoMemberWithoutHeaders() {
            String line = line(NewMessage.of(ids.next(), "q", "p", "t", "1".getBytes(UTF_8)));
            assertThat(line).doesNotContain("headers");
            assertThat(MessageLine.parse(line.getBytes(UTF_8), ids).headers()).isSameAs(MessageHeaders.NONE);
        }

        @Test
        void mayHaveMoreThanTheLimitsOfThisService() {
            String line = line(NewMessage.builder(ids.next(), "q", "p", "t", "1".getBytes(UTF_8))
                    .headers(Messages.headers("a", "x".repeat(100_000)))
                    .build());
            assertThat(MessageLine.parse(line.getBytes(UTF_8), ids).headers().bytes())
                    .isEqualTo(100_001);
        }
    }
}
