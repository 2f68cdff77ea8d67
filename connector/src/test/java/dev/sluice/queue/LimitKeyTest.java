package dev.sluice.queue;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LimitKeyTest {
    private static final String NESTED =
            "{\"skip\": [{\"a\": \"}]\\\"\"}, 1], \"a/b\": {\"~\": [true, -1.5e3, null, {}, \"x\\u0041\\n\"]},"
                    + " \"t\": 1, \"t\" : \"last\" , \"\": {\"\": false}}";

    private static String find(String pointer, String json) {
        return LimitKey.parse(pointer).of(json.getBytes(UTF_8), Map.of());
    }

    @ParameterizedTest
    @CsvSource({
        "/a~1b/~0/0, true",
        "/a~1b/~0/1, -1.5e3",
        "/a~1b/~0/2,",
        "/a~1b/~0/3,",
        "/a~1b/~0/5,",
        "/a~1b/~0/01,",
        "/a~1b/~0/-,",
        "/t, last",
        "/t/x,",
        "//, false",
        "/none,",
        "/skip,",
        "/skip/0/a, '}]\"'"
    })
    void aPointerFindsTextsNumbersAndBooleans(String pointer, String value) {
        assertThat(find(pointer, NESTED)).isEqualTo(value);
        assertThat(find(pointer, NESTED.replace(" ", ""))).isEqualTo(value);
    }

    @Test
    void escapesOfATextAreDecoded() {
        assertThat(find("/a~1b/~0/4", NESTED)).isEqualTo("xA\n");
        assertThat(find("/a", "{\"\\u0061\": \"\\ud83d\\ude00\\/\"}")).isEqualTo("\ud83d\ude00/");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "1",
                "\"a\"",
                "[]",
                "{}",
                "{\"a\"",
                "{\"a\":",
                "{\"a\": {\"b\": 1",
                "nonsense",
                "{\"a\":\"\\u12\"}"
            })
    void nothingIsFoundWhereNothingIs(String json) {
        assertThat(find("/a/b", json)).isNull();
    }

    @Test
    void aHeaderIsFoundInAnyCase() {
        LimitKey key = LimitKey.parse("header:X-Tenant");
        assertThat(key.of(new byte[0], Map.of("x-tenant", "acme"))).isEqualTo("acme");
        assertThat(key.of(new byte[0], Map.of("x-tenant", ""))).isNull();
        assertThat(key.of(new byte[0], Map.of())).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "tenant", "header:", "header:a b", "header:sluice.x", "/a~2", "/a~"})
    void otherPlacesAreRefused(String place) {
        assertThatThrownBy(() -> LimitKey.parse(place)).isInstanceOf(IllegalArgumentException.class);
        assertThat(LimitKey.ofStored(place)).isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "acme, Default, ~normal@acme, =acme, ~normal",
        "acme, ~low.07, ~low@acme, =acme, ~low",
        "acme, ~of a client, ~normal@acme, =acme, ~normal",
        "acme, order-1, ~@acme/order-1, =acme, order-1",
        "acme, =~x/@, ~@acme/=~x/@, =acme, =~x/@",
        "a/b@c%, order-1, ~@a%002fb%0040c%0025/order-1, =a%002fb%0040c%0025, order-1"
    })
    void theNameOfAPartitionCarriesTheKey(String key, String partition, String named, String name, String without) {
        assertThat(LimitKey.partition(key, partition)).isEqualTo(named);
        assertThat(LimitKey.nameOf(named)).isEqualTo(name).isEqualTo(LimitKey.name(key));
        assertThat(LimitKey.keyOf(named)).isEqualTo(key);
        assertThat(LimitKey.withoutKey(named)).isEqualTo(without);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Default",
                "order-1",
                "~low.07",
                "a@b/c",
                "~@x",
                "~low@a/b",
                "@",
                "~",
                "~@",
                "~normal@",
                "~@/x",
                "~@acme/",
                "~mine@acme"
            })
    void otherPartitionsHaveNoKey(String partition) {
        assertThat(LimitKey.nameOf(partition)).isNull();
        assertThat(LimitKey.keyOf(partition)).isNull();
        assertThat(LimitKey.withoutKey(partition)).isEqualTo(partition);
    }

    @Test
    void aWrongEscapeInAPartitionOfAClientIsReadAsItIs() {
        assertThat(LimitKey.keyOf("~normal@%zzzz%0041%")).isEqualTo("%zzzzA%");
    }

    @Test
    void longKeysAreCutAndStayDifferent() {
        String one = "k".repeat(300) + "1";
        String two = "k".repeat(300) + "2";
        assertThat(LimitKey.name(one)).isNotEqualTo(LimitKey.name(two)).hasSize(101);
        String partition = LimitKey.partition(one, "p".repeat(255));
        assertThat(partition).hasSize(255).isNotEqualTo(LimitKey.partition(one, "p".repeat(254) + "q"));
        assertThat(LimitKey.nameOf(partition)).isEqualTo(LimitKey.name(one));
        NewMessage.checkName("partition", LimitKey.partition("\ud83d\ude00".repeat(200), "\ud83d\ude00".repeat(127)));
        NewMessage.checkName("partition", LimitKey.partition("\u0000\ud83d", "Default"));
    }

    @ParameterizedTest
    @CsvSource({
        "~normal@other, ~normal",
        "~low@other, ~low",
        "~@other/order-1, order-1",
        "~@a/~@b/~high@c, ~high",
        "~@a/=~@b/x, =~@b/x",
        "~normal@, ~normal@",
        "~@/x, ~@/x",
        "~@acme/, ~@acme/",
        "~high.00, ~high.00",
        "order-1, order-1",
        "Default, Default"
    })
    void aProducerChoosesNoKeyByTheNameOfAPartition(String given, String partition) {
        NewMessage work = NewMessage.of(Messages.message("p", "1").id(), "work.t", given, "t", "{}".getBytes(UTF_8));
        assertThat(LimitKey.ofProducer(work).partition()).isEqualTo(partition);
        assertThat(LimitKey.nameOf(LimitKey.ofProducer(work).partition())).isNull();
        NewMessage plain = NewMessage.of(work.id(), "orders", given, "t", work.payload());
        assertThat(LimitKey.ofProducer(plain)).isSameAs(plain);
    }

    @Test
    void aMessageGetsItsKeyOnce() {
        NewMessage message = Messages.message("p", "1");
        NewMessage other = NewMessage.builder(message.id(), "work.t", "Default", "t", "{\"tenant\": 7}".getBytes(UTF_8))
                .build();
        LimitKey key = LimitKey.parse("/tenant");
        NewMessage with = key.in(other);
        assertThat(with.partition()).isEqualTo("~normal@7");
        assertThat(key.in(with)).isSameAs(with);
        assertThat(LimitKey.parse("/none").in(other)).isSameAs(other);
    }
}
