package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import java.util.UUID;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

class HeldRecordsTest {
    @Test
    void headersCountTowardsTheBytesOfABatch() {
        var held = new HeldRecords();
        for (int i = 0; i < 4; i++) {
            NewMessage message = NewMessage.builder(new UUID(0, i), "q", "p", "t" + i, new byte[] {'1'})
                    .headers(Messages.headers("a", "ß".repeat(4)))
                    .build();
            held.add(new SinkRecord("orders", 0, null, null, null, "1", i), message);
        }
        assertThat(held.batchEnd(0, 100, 34)).as("a message has 17 bytes").isEqualTo(2);
        assertThat(held.batchEnd(0, 100, 35)).isEqualTo(3);
        assertThat(held.batchEnd(3, 100, 1)).as("at least one").isEqualTo(4);
    }
}
