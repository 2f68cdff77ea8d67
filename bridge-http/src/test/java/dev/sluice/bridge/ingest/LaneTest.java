package dev.sluice.bridge.ingest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.buffer.SegmentLogConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whether a lane knows how far the drain is behind. */
class LaneTest {
    @TempDir
    private Path directory;

    private static void append(Lane lane, Linger linger) {
        lane.append(List.of(new byte[] {1}), null, 0, linger);
    }

    @Test
    void isNotBehindForMessagesThatMayStay() throws IOException {
        try (Lanes lanes = Lanes.open(directory, 1, SegmentLogConfig.defaults(directory), "embedded")) {
            Lane lane = lanes.current().get(0);
            append(lane, Linger.NONE);
            append(lane, new Linger(Linger.LONGEST, 100));
            assertThat(lane.isWithin(0)).as("the first is due").isFalse();
            lane.drainedTo(lane.segments().nextOffset() - 1);
            assertThat(lane.isWithin(0)).as("what is left may stay").isTrue();
            append(lane, Linger.NONE);
            assertThat(lane.isWithin(0))
                    .as("nothing may stay before one that is due")
                    .isFalse();
            lane.drainedTo(lane.segments().nextOffset());
            assertThat(lane.isWithin(0)).as("nothing is left").isTrue();
        }
    }
}
