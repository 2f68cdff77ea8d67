package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.Messages;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.storage.HeaderConverter;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;
import org.apache.kafka.connect.storage.StringConverter;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which headers of a record become headers of its message. */
class HeaderReaderTest {
    private static final HeaderLimits LIMITS = new HeaderLimits(3, 20);

    private static HeaderReader reader(String names) {
        return new HeaderReader(names, HeaderLimits.DEFAULT, false);
    }

    private static SinkRecord record(String... namesAndValues) {
        var record = new SinkRecord("orders", 3, null, null, null, "1", 1042);
        for (int i = 0; i < namesAndValues.length; i += 2) {
            record.headers().addString(namesAndValues[i], namesAndValues[i + 1]);
        }
        return record;
    }

    private static SinkRecord converted(HeaderConverter converter, String name, byte @Nullable [] value) {
        SinkRecord record = record();
        record.headers().add(name, converter.toConnectHeader("orders", name, value));
        return record;
    }

    /** Returns a record as {@code ByteArrayConverter} makes it. */
    private static SinkRecord bytes(String name, byte[] value) {
        SinkRecord record = record();
        record.headers().add(name, new SchemaAndValue(Schema.OPTIONAL_BYTES_SCHEMA, value));
        return record;
    }

    private static StringConverter text() {
        var converter = new StringConverter();
        converter.configure(Map.of("converter.type", "header"));
        return converter;
    }

    @Test
    void allHeadersButThoseOfSluiceAreReadInTheirOrder() {
        SinkRecord record = record("b", "2", "sluice.queue", "q", "A", "1", "Sluice.Other", "x", "sluice", "mine");
        assertThat(List.copyOf(reader("all").read(record, false).asMap().entrySet()))
                .isEqualTo(List.of(Map.entry("b", "2"), Map.entry("A", "1"), Map.entry("sluice", "mine")));
    }

    @Test
    void aRecordWithoutHeadersHasNone() {
        assertThat(reader("all").read(record(), false)).isSameAs(MessageHeaders.NONE);
        assertThat(reader("all").read(record("sluice.id", "x"), false)).isSameAs(MessageHeaders.NONE);
    }

    @Test
    void theSettingSaysWhich() {
        SinkRecord record = record("tenant", "acme", "trace", "t", "other", "o");
        assertThat(reader("none").read(record, false).asMap()).isEmpty();
        assertThat(reader("TENANT, other").read(record, false).asMap()).containsOnlyKeys("tenant", "other");
        assertThat(reader("tenant").read(record, false).asMap()).containsExactly(Map.entry("tenant", "acme"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a,,b", "a b", "sluice.queue", "é"})
    void aSettingThatNamesNoHeaderIsRefused(String setting) {
        assertThatThrownBy(() -> HeaderReader.parse(setting)).isInstanceOf(IllegalArgumentException.class);
    }

    @Nested
    class WhatNoMessageCanHave {
        @ParameterizedTest
        @CsvSource(
                ignoreLeadingAndTrailingWhitespace = false,
                value = {"a b,1", "a:b,1", "é,1", "'',1", "c,'a\nb'", "d,'\u0000'"})
        void isLeftOutAndCounted(String name, String value) {
            HeaderReader reader = reader("all");
            String text = value.translateEscapes().replace("\\u0000", "\0");
            SinkRecord record = record("first", "1", name, text, "last", "2");
            assertThat(reader.read(record, false).asMap()).containsOnlyKeys("first", "last");
            assertThat(reader.leftOut()).isOne();
        }

        @Test
        void bytesThatAreNotUtf8AreLeftOut() {
            HeaderReader reader = reader("all");
            assertThat(reader.read(bytes("a", new byte[] {'a', -1}), false)).isEqualTo(MessageHeaders.NONE);
            assertThat(reader.read(bytes("a", new byte[] {-19, -96, -128}), false))
                    .as("half of a surrogate pair")
                    .isEqualTo(MessageHeaders.NONE);
            assertThat(reader.leftOut()).isEqualTo(2);
            SinkRecord buffer = record();
            buffer.headers().addBytes("b", "ключ".getBytes(UTF_8));
            buffer.headers().add("c", new SchemaAndValue(Schema.BYTES_SCHEMA, ByteBuffer.wrap("ß".getBytes(UTF_8))));
            assertThat(reader.read(buffer, false).asMap()).isEqualTo(Map.of("b", "ключ", "c", "ß"));
        }

        @Test
        void aNullIsLeftOut() {
            HeaderReader reader = reader("all");
            assertThat(reader.read(converted(text(), "a", null), false)).isEqualTo(MessageHeaders.NONE);
            assertThat(reader.leftOut()).isOne();
        }

        @Test
        void theLastOfANameCountsWhateverItsCase() {
            HeaderReader reader = reader("all");
            SinkRecord record = record("a", "1", "b", "2", "A", "3", "a", "4");
            assertThat(List.copyOf(reader.read(record, false).asMap().entrySet()))
                    .isEqualTo(List.of(Map.entry("b", "2"), Map.entry("a", "4")));
            assertThat(reader.leftOut()).isEqualTo(2);
        }

        @Test
        void isAnErrorOfTheRecordIfTheSettingSaysSo() {
            var reader = new HeaderReader("all", HeaderLimits.DEFAULT, true);
            assertThat(reader.read(record("a", "1"), false).asMap()).isEqualTo(Map.of("a", "1"));
            assertThatThrownBy(() -> reader.read(record("a b", "1"), false))
                    .isInstanceOf(DataException.class)
                    .hasMessageStartingWith("header a b cannot be a header of the message: names of headers must")
                    .hasMessageEndingWith("(headers.invalid=fail)");
            assertThatThrownBy(() -> reader.read(record("a", "1", "A", "2"), false))
                    .hasMessageContaining("its name is there more than once");
        }

        @Test
        void aHeaderThatIsNotWantedIsNoError() {
            var reader = new HeaderReader("a", HeaderLimits.DEFAULT, true);
            assertThat(reader.read(record("a", "1", "b c", "\n"), false).asMap())
                    .isEqualTo(Map.of("a", "1"));
        }
    }

    @Nested
    class Limits {
        @Test
        void asManyAsTheLimitAreKept() {
            var reader = new HeaderReader("all", LIMITS, false);
            assertThat(reader.read(record("a", "1", "b", "2", "c", "3"), false).asMap())
                    .hasSize(3);
            assertThat(reader.leftOut()).isZero();
            assertThat(reader.read(record("a", "1", "b", "2", "c", "3", "d", "4"), false)
                            .asMap())
                    .containsOnlyKeys("a", "b", "c");
            assertThat(reader.leftOut()).isOne();
        }

        @Test
        void asManyBytesAsTheLimitAreKept() {
            var reader = new HeaderReader("all", LIMITS, false);
            assertThat(reader.read(record("a", "ß".repeat(8), "b", "12"), false).asMap())
                    .as("20 bytes")
                    .hasSize(2);
            assertThat(reader.read(record("a", "ß".repeat(8), "b", "123", "c", ""), false)
                            .asMap())
                    .as("one that does not fit does not keep out a smaller one")
                    .containsOnlyKeys("a", "c");
            assertThat(reader.leftOut()).isOne();
        }

        @Test
        void theErrorNamesTheSetting() {
            var reader = new HeaderReader("all", LIMITS, true);
            assertThatThrownBy(() -> reader.read(record("a", "1", "b", "2", "c", "3", "d", "4"), false))
                    .hasMessageContaining("headers must be at most 3 (message.headers.max.count), are 4");
            assertThatThrownBy(() -> reader.read(record("a", "1".repeat(20)), false))
                    .hasMessageContaining(
                            "headers must have at most 20 bytes (message.headers.max.bytes), would have 21");
        }

        @Test
        void messagesOfSluiceHavePassedTheirLimitsBefore() {
            var reader = new HeaderReader("all", LIMITS, true);
            assertThat(reader.read(record("a", "1", "b", "2", "c", "3", "d", "4".repeat(20)), true)
                            .asMap())
                    .hasSize(4);
        }
    }

    @Nested
    class Converters {
        @Test
        void textStaysWithTheStringConverter() {
            Messages.HEADERS.asMap().forEach((name, value) -> {
                byte[] sent = text().fromConnectHeader("orders", name, Schema.STRING_SCHEMA, value);
                assertThat(sent).isEqualTo(value.getBytes(UTF_8));
                assertThat(reader("all")
                                .read(converted(text(), name, sent), false)
                                .asMap())
                        .isEqualTo(Map.of(name, value));
            });
        }

        @ParameterizedTest
        @ValueSource(strings = {"007", "1.10", "true", "null", "\"a\"", "2026-05-16", "[1,2]", "1e3", " 1 ", "-0"})
        void textThatLooksLikeAnotherTypeStaysWithTheStringConverter(String value) {
            assertThat(reader("all")
                            .read(converted(text(), "a", value.getBytes(UTF_8)), false)
                            .get("a"))
                    .isEqualTo(value);
            assertThat(reader("all")
                            .read(bytes("a", value.getBytes(UTF_8)), false)
                            .get("a"))
                    .isEqualTo(value);
        }

        @ParameterizedTest
        @ValueSource(strings = {"7", "-12", "true", "acme", "1.5", "2026-05-16", "[1,2]", "9007199254740993"})
        void aGuessedTypeIsWrittenBackInItsUsualForm(String value) {
            assertThat(reader("all")
                            .read(converted(new SimpleHeaderConverter(), "a", value.getBytes(UTF_8)), false)
                            .get("a"))
                    .isEqualTo(value);
        }

        @Test
        void aNumberOrATimeOfATransformBecomesText() {
            SinkRecord record = record();
            record.headers().addInt("int", 7).addBoolean("flag", false);
            record.headers().add("at", new SchemaAndValue(Timestamp.SCHEMA, Date.from(Instant.EPOCH)));
            assertThat(reader("all").read(record, false).asMap())
                    .isEqualTo(Map.of("int", "7", "flag", "false", "at", "1970-01-01T00:00:00.000Z"));
        }
    }
}
