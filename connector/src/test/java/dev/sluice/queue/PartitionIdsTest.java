package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.UUID;
import org.junit.jupiter.api.Test;

class PartitionIdsTest {
    @Test
    void comesBackFromItsUuid() {
        for (long id : new long[] {1, 2, 255, 1L << 40, (1L << 62) - 1}) {
            UUID uuid = PartitionIds.toUuid(id);
            assertThat(uuid.version()).isEqualTo(8);
            assertThat(uuid.variant()).isEqualTo(2);
            assertThat(PartitionIds.fromUuid(uuid)).hasValue(id);
        }
    }

    @Test
    void refusesUuidsOfOtherMakes() {
        assertThat(PartitionIds.fromUuid(UUID.randomUUID())).isEmpty();
        assertThat(PartitionIds.fromUuid(new UUID(0, 5))).isEmpty();
        assertThat(PartitionIds.fromUuid(QueueIds.toUuid(5))).isEmpty();
        assertThat(StreamIds.fromUuid(PartitionIds.toUuid(5))).isEmpty();
        assertThat(StreamIds.fromUuid(StreamIds.toUuid(5))).hasValue(5);
        assertThat(PartitionIds.fromUuid(new UUID(PartitionIds.toUuid(1).getMostSignificantBits(), 1)))
                .isEmpty();
    }

    @Test
    void refusesNumbersThatAreNoIds() {
        assertThatThrownBy(() -> PartitionIds.toUuid(0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> PartitionIds.toUuid(1L << 62)).isInstanceOf(IllegalArgumentException.class);
    }
}
