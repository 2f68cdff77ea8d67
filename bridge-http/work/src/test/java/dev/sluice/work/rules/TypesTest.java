package dev.sluice.work.rules;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.LimitKey;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TypesTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "order-1",
                "Default",
                "~",
                "~normal",
                "~normal@other",
                "~@other/x",
                "~@/x",
                "~@other/",
                "=",
                "==",
                "=x",
                "=~@other/x",
                "a@b/c"
            })
    void aKeyIsAKeyWhateverItLooksLike(String key) {
        String partition = Types.partitionOfKey(key);
        assertThat(LimitKey.nameOf(partition)).isNull();
        assertThat(Types.isShared(partition)).isFalse();
        assertThat(Types.keyOf(partition)).isEqualTo(key);
        String limited = Types.partition(partition, "acme");
        assertThat(LimitKey.keyOf(limited)).isEqualTo("acme");
        assertThat(Types.isShared(limited)).isFalse();
        assertThat(Types.keyOf(limited)).isEqualTo(key);
    }

    @Test
    void keysOfDifferentNamesHaveDifferentPartitions() {
        assertThat(Types.partitionOfKey("~x")).isNotEqualTo(Types.partitionOfKey("=~x"));
        assertThat(Types.partitionOfKey("Default")).isNotEqualTo("Default");
    }
}
