package dev.sluice.bridge.api.messages;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.ingest.Linger;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Times;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PushBodyTest {
    private static final RequestLimits LIMITS =
            new RequestLimits(1 << 20, 5, 10, 100, 1000, 100, HeaderLimits.DEFAULT, 64 << 20);
    private final MessageIds ids = new MessageIds();

    private PushBody parse(String body) {
        return PushBody.parse(body.getBytes(UTF_8), LIMITS, ids, PushDefaults.NONE, RequestMemory.unlimited());
    }

    private NewMessage parseOne(String item) {
        List<NewMessage> messages = parse("{\"items\":[" + item + "]}").messages();
        assertThat(messages).hasSize(1);
        return messages.get(0);
    }

    private void assertRefused(String body, String message) {
        assertThatThrownBy(() -> parse(body))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessage(message)
                .extracting(e -> ((InvalidRequestException) e).status())
                .isEqualTo(400);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"queue\":\"q\"",
                "\"partition\":\"p\"",
                "\"transactionId\":\"t\"",
                "\"traceId\":\"\"",
                "\"payload\":null",
                "\"deliverAt\":null",
                "\"delayMs\":null"
            })
    void aMemberThatAnItemHasTwiceIsRefused(String member) {
        String name = member.substring(1, member.indexOf(':') - 1);
        String others = name.equals("queue") ? "" : "\"queue\":\"q\",";
        assertThat(parseOne("{" + others + member + ",\"unknown\":1,\"unknown\":2}"))
                .isNotNull();
        assertRefused(
                "{\"items\":[{\"queue\":\"q\"},{" + others + member + "," + member + "}]}",
                "item 1: " + name + " must not be there more than once");
    }

    @Nested
    class APayload {
        @ParameterizedTest
        @ValueSource(
                strings = {
                    "null",
                    "true",
                    "false",
                    "0",
                    "-0",
                    "-1",
                    "12",
                    "1.50",
                    "1e5",
                    "1E+05",
                    "-1.25e-7",
                    "123456789012345678901234567890.123456789012345678901234567890",
                    "\"\"",
                    "\"text\"",
                    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u0000\\ud83d\\ude0b\"",
                    "\"\\ud800 alone\"",
                    "\"äöü € 😋 前田あゆみ \u2028\"",
                    "[]",
                    "{}",
                    "[ 1 , 2,\t3 ]",
                    "{ \"a\" : [ { \"b\" : null } , \"}\" , \"]\" ] , \"a\" : 1.0 }",
                    "{\"nested\":{\"text\":\"{[\\\"\"}}"
                })
        void isKeptByteForByte(String payload) {
            for (String space : List.of("", " ", "\n\t \r")) {
                String item = "{\"queue\":\"q\",\"payload\":" + space + payload + space + ",\"partition\":\"p\"}";
                assertThat(new String(parseOne(item).payload(), UTF_8)).isEqualTo(payload);
                String last = "{\"queue\":\"q\",\"payload\":" + space + payload + space + "}";
                assertThat(new String(parseOne(last).payload(), UTF_8)).isEqualTo(payload);
            }
        }

        @Test
        void isKeptWhateverItsLengthAndPlaceInTheBuffersOfTheParser() {
            for (int length = 0; length < 9000; length += 7) {
                String payload = "\"" + "x".repeat(length) + "ä\\n" + "\"";
                assertThat(new String(
                                parseOne("{\"payload\":" + payload + ",\"queue\":\"q\"}")
                                        .payload(),
                                UTF_8))
                        .isEqualTo(payload);
            }
        }

        @Test
        void isKeptWhenItIsANumberOfManyDigits() {
            String digits = "1".repeat(100_000);
            assertThat(new String(
                            parseOne("{\"queue\":\"q\",\"payload\":" + digits + "}")
                                    .payload(),
                            UTF_8))
                    .isEqualTo(digits);
        }

        @Test
        void isNullWhenItIsMissing() {
            assertThat(new String(parseOne("{\"queue\":\"q\"}").payload(), UTF_8))
                    .isEqualTo("null");
        }
    }

    @Nested
    class AnItem {
        @Test
        void hasAllItsFields() {
            NewMessage message = parseOne("{\"queue\":\"orders\",\"partition\":\"p 1\",\"transactionId\":\"t\","
                    + "\"traceId\":\"0190b8f4-1111-7abc-8abc-0123456789AB\",\"payload\":1,\"other\":{\"queue\":5}}");
            assertThat(message.queue()).isEqualTo("orders");
            assertThat(message.partition()).isEqualTo("p 1");
            assertThat(message.transactionId()).isEqualTo("t");
            assertThat(message.generatedTransactionId()).isFalse();
            assertThat(message.traceId()).isEqualTo(UUID.fromString("0190b8f4-1111-7abc-8abc-0123456789ab"));
            assertThat(message.producerSub()).isNull();
        }

        @Test
        void goesToTheDefaultPartitionWithItsOwnTransactionId() {
            NewMessage message = parseOne("{\"queue\":\"q\",\"transactionId\":\"\",\"traceId\":\"\"}");
            assertThat(message.partition()).isEqualTo("Default");
            assertThat(message.transactionId()).isEqualTo(message.id().toString());
            assertThat(message.generatedTransactionId()).isTrue();
            assertThat(message.traceId()).isNull();
        }

        /** A body of clients that write every field. */
        @Test
        void mayHaveNullForItsTraceId() {
            assertThat(parseOne("{\"queue\":\"q\",\"traceId\":null}").traceId()).isNull();
        }

        @Test
        void sharesItsNamesWithTheItemBefore() {
            List<NewMessage> messages = parse(
                            "{\"items\":[{\"queue\":\"q\",\"partition\":\"a\"},{\"queue\":\"q\",\"partition\":\"ab\"},{\"queue\":\"q\",\"partition\":\"ab\"},{\"queue\":\"Q\"}]}")
                    .messages();
            assertThat(messages).extracting(NewMessage::queue).containsExactly("q", "q", "q", "Q");
            assertThat(messages).extracting(NewMessage::partition).containsExactly("a", "ab", "ab", "Default");
            assertThat(messages.get(0).queue()).isSameAs(messages.get(2).queue());
            assertThat(messages).extracting(message -> message.id().toString()).isSorted();
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "{}|Queue must be a string",
                    "{'queue':null}|Queue must be a string",
                    "{'queue':5}|Queue must be a string",
                    "{'queue':['q']}|Queue must be a string",
                    "{'queue':'q','partition':null}|Partition must be a string",
                    "{'queue':'q','partition':7}|Partition must be a string",
                    "{'queue':'q','partition':''}|partition must not be empty",
                    "{'queue':'q','transactionId':{}}|TransactionId must be a string",
                    "{'queue':'q','transactionId':null}|TransactionId must be a string",
                    "{'queue':'q','traceId':1}|TraceId must be a string",
                    "{'queue':'q','traceId':'1-1-1-1-1'}|TraceId must be a UUID",
                    "{'queue':'q','traceId':'0190b8f4-1111-7abc-8abc-0123456789ag'}|TraceId must be a UUID",
                    "5|items must be objects, item 1 is not",
                    "null|items must be objects, item 1 is not"
                })
        void isRefusedWhenAFieldIsNotWhatItMustBe(String item, String message) {
            assertRefused(
                    "{\"items\":[{\"queue\":\"q\"}," + item.replace('\'', '"') + "]}",
                    message.startsWith("items") ? message : "item 1: " + message);
        }

        @ParameterizedTest
        @ValueSource(strings = {"\\u0000", "\\ud800", "\\udc00x", "\\ude0b\\ud83d"})
        void isRefusedWhenANameCannotBeStored(String name) {
            for (String field : List.of("queue", "partition", "transactionId")) {
                String queue = field.equals("queue") ? "" : "\"queue\":\"q\",";
                String item = "{" + queue + "\"" + field + "\":\"a" + name + "\"}";
                assertThatThrownBy(() -> parseOne(item))
                        .isInstanceOf(InvalidRequestException.class)
                        .hasMessageStartingWith("item 0: " + field + " must not contain");
            }
        }

        @Test
        void mayHaveANameOf255CharactersAndNotOneMore() {
            assertThat(parseOne("{\"queue\":\"" + "q".repeat(255) + "\"}").queue())
                    .hasSize(255);
            assertRefused(
                    "{\"items\":[{\"queue\":\"" + "q".repeat(256) + "\"}]}",
                    "item 0: queue must have at most 255 characters, has 256");
        }
    }

    @Nested
    class ABody {
        @Test
        void mayHaveNoItems() {
            assertThat(parse(" {\"items\" : [ ] } \n").messages()).isEmpty();
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                value = {
                    "{}|items array is required",
                    "[]|items array is required",
                    "5|items array is required",
                    "{'items':null}|items array is required",
                    "{'items':{}}|items array is required",
                    "{'Items':[]}|items array is required",
                    "{'items':[],'bufferMs':'1'}|bufferMs must be a number"
                })
        void isRefusedWithoutAnArrayOfItems(String body, String message) {
            assertRefused(body.replace('\'', '"'), message);
        }

        @ParameterizedTest
        @ValueSource(strings = {"", " ", "\n\n"})
        void isRefusedWhenItIsEmpty(String body) {
            assertRefused(body, "Empty request body");
        }

        @Test
        void saysWhetherItWantsToBeBuffered() {
            assertThat(parse("{\"items\":[]}").linger()).isNull();
            assertThat(parse("{\"bufferMax\":null,\"items\":[]}").linger()).isNull();
            assertThat(parse("{\"items\":[],\"bufferMs\":100}").linger())
                    .isEqualTo(new Linger(Duration.ofMillis(100), Integer.MAX_VALUE));
            assertThat(parse("{\"bufferMax\":5,\"items\":[]}").linger())
                    .isEqualTo(new Linger(Duration.ofSeconds(1), 5));
            assertThat(parse("{\"bufferMax\":5.5,\"items\":[],\"bufferMs\":2e3}")
                            .linger())
                    .isEqualTo(new Linger(Duration.ofSeconds(2), 5));
        }

        @Test
        void isNotWaitedForLongerThanTheLimitWhateverItSays() {
            for (String most : List.of("10000", "10001", "1e300", "99999999999999999999")) {
                assertThat(parse("{\"items\":[],\"bufferMs\":" + most + "}").linger())
                        .isEqualTo(new Linger(Linger.LONGEST, Integer.MAX_VALUE));
            }
            for (String least : List.of("0", "-1", "0.5", "-1e300")) {
                assertThat(parse("{\"items\":[],\"bufferMs\":" + least + ",\"bufferMax\":" + least + "}")
                                .linger())
                        .isEqualTo(new Linger(Duration.ZERO, 1));
            }
            String limit = "1" + "0".repeat(19);
            assertThat(parse("{\"items\":[],\"bufferMax\":" + limit + "}").linger())
                    .isEqualTo(new Linger(Duration.ofSeconds(1), Integer.MAX_VALUE));
            assertRefused("{\"items\":[],\"bufferMax\":" + limit + "0}", "bufferMax must have at most 20 digits");
        }

        @Test
        void mayHaveAsManyItemsAsTheLimitAndNotOneMore() {
            String five = "{\"queue\":\"q\"},".repeat(5);
            assertThat(parse("{\"items\":[" + five.substring(0, five.length() - 1) + "]}")
                            .messages())
                    .hasSize(5);
            assertRefused("{\"items\":[" + five + "{\"queue\":\"q\"}]}", "items must be at most 5 (http.max.items)");
        }

        @Test
        void mayBeAsDeepAsTheLimitAndNotDeeper() {
            String seven = "[".repeat(7) + "]".repeat(7); // In an object in an array in an object.
            assertThat(new String(
                            parseOne("{\"queue\":\"q\",\"payload\":" + seven + "}")
                                    .payload(),
                            UTF_8))
                    .isEqualTo(seven);
            String body = "{\"items\":[{\"queue\":\"q\",\"payload\":[" + seven + "]}]}";
            assertRefused(body, "Invalid JSON: item 0: nested deeper than http.max.depth (10) at byte 40");
            assertRefused(
                    "{\"x\":" + "[".repeat(100_000), "Invalid JSON: nested deeper than http.max.depth (10) at byte 14");
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "{\"items\":[{\"queue\":\"q\",\"payload\":01}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":+1}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":.5}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":1.}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":1e}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":-}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":NaN}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":Infinity}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":True}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":nulll}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":0x10}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":12x}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":'a'}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":\"\\x41\"}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":\"\\u12g4\"}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":\"a\nb\"}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":\"a\u0000b\"}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":[1,]}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":{\"a\":1,}}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":{a:1}}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":{\"a\" 1}}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":[1 2]}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":[1}]}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":1}}]}",
                    "{\"items\":[{\"queue\":\"q\",\"payload\":/*c*/1}]}",
                    "{\"items\":[{\"queue\":\"q\"},]}",
                    "{\"items\":[]} x",
                    "{\"items\":[]}{\"items\":[]}",
                    "{\"items\":[]}]",
                    "\u0000{\"items\":[]}",
                    "\ufeff{\"items\":[]}",
                    "tru",
                    "\"unterminated"
                })
        void isRefusedWhenItIsNotJson(String body) {
            assertThatThrownBy(() -> parse(body))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageStartingWith("Invalid JSON: ")
                    .hasMessageContaining(" at byte ");
        }

        @Test
        void isRefusedWhereverItIsCutOff() {
            byte[] whole =
                    "{\"items\":[{\"queue\":\"qä\",\"payload\":{\"a\":[1.5e3,true,null,\"\\u00e4 😋\"]},\"traceId\":\"\"}],\"x\":12}"
                            .getBytes(UTF_8);
            assertThat(PushBody.parse(whole, LIMITS, ids, PushDefaults.NONE, RequestMemory.unlimited())
                            .messages())
                    .hasSize(1);
            for (int length = 1; length < whole.length; length++) {
                byte[] cut = Arrays.copyOf(whole, length);
                assertThatThrownBy(() -> PushBody.parse(cut, LIMITS, ids, PushDefaults.NONE, RequestMemory.unlimited()))
                        .as("first %d bytes", length)
                        .isInstanceOf(InvalidRequestException.class)
                        .hasMessageStartingWith("Invalid JSON: ")
                        .hasMessageNotContaining("Source:");
            }
        }

        @Test
        void isRefusedWhenItIsNotUtf8() {
            byte[] latin1 = "{\"items\":[{\"queue\":\"q\",\"payload\":\"ä\"}]}"
                    .getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
            assertThatThrownBy(() -> PushBody.parse(latin1, LIMITS, ids, PushDefaults.NONE, RequestMemory.unlimited()))
                    .hasMessage("Invalid JSON: not UTF-8 at byte 34");
            byte[] utf16 = "{\"items\":[]}".getBytes(java.nio.charset.StandardCharsets.UTF_16LE);
            assertThatThrownBy(() -> PushBody.parse(utf16, LIMITS, ids, PushDefaults.NONE, RequestMemory.unlimited()))
                    .hasMessage("Invalid JSON: unexpected byte 0x00 at byte 1");
        }

        @Test
        void isReadWhenManyFieldNamesCollide() {
            var body = new StringBuilder("{\"items\":[{\"queue\":\"q\",\"payload\":{");
            for (int i = 0; i < 50_000; i++) {
                body.append(i == 0 ? "\"" : ",\"").append("name").append(i).append("\":0");
            }
            assertThat(parse(body.append("}}]}").toString()).messages()).hasSize(1);
        }
    }

    @Nested
    class ATimeOfDelivery {
        @Test
        void isKeptAsATimeOrADelay() {
            var at = parseOne("{\"queue\":\"q\",\"deliverAt\":\"2030-01-31T12:00:00+01:00\"}");
            assertThat(at.deliverAt()).isEqualTo("2030-01-31T11:00:00Z");
            assertThat(at.delay()).isNull();
            assertThat(parseOne("{\"queue\":\"q\",\"delayMs\":1500}").delay())
                    .isEqualTo(java.time.Duration.ofMillis(1500));
            assertThat(parseOne("{\"queue\":\"q\",\"delayMs\":999999999999}").isScheduled())
                    .isTrue();
            assertThat(parseOne("{\"queue\":\"q\",\"delayMs\":null,\"deliverAt\":null}")
                            .isScheduled())
                    .isFalse();
        }

        @Test
        void isReadInEveryForm() {
            for (String form : Times.FORMS) {
                assertThat(parseOne("{\"queue\":\"q\",\"deliverAt\":\"" + form + "\"}")
                                .deliverAt())
                        .as(form)
                        .isEqualTo(Times.MEANT);
            }
            assertThat(parseOne("{\"queue\":\"q\",\"deliverAt\":1778925600000}").deliverAt())
                    .isEqualTo(Times.MEANT);
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "\"delayMs\":-1",
                    "\"delayMs\":1.5",
                    "\"delayMs\":1e3",
                    "\"delayMs\":\"5\"",
                    "\"delayMs\":1000000000000",
                    "\"deliverAt\":true",
                    "\"deliverAt\":-1",
                    "\"deliverAt\":\"\"",
                    "\"deliverAt\":\"tomorrow\"",
                    "\"deliverAt\":\"+10000-01-01T00:00:00Z\""
                })
        void isRefusedWhenItIsNone(String field) {
            assertThatThrownBy(() -> parseOne("{\"queue\":\"q\"," + field + "}"))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining(field.contains("delayMs") ? "delayMs must be" : "deliverAt must");
        }
    }
}
