package dev.sluice.bridge.drain;

import dev.sluice.buffer.SegmentLogConfig;
import java.time.Duration;

/** Makes a log store its position at an interval that users cannot configure. */
final class PositionIntervals {
    private PositionIntervals() {}

    static SegmentLogConfig withPositionInterval(SegmentLogConfig config, Duration interval) {
        return new SegmentLogConfig(
                config.directory(),
                config.segmentBytes(),
                config.maxBytes(),
                config.sync(),
                config.maxRecordBytes(),
                config.maxAppendBytes(),
                config.maxPendingBytes(),
                interval,
                config.verifyBytes());
    }
}
