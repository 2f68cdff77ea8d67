package dev.sluice.bridge.schedule;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Fires once. */
record OneTime(Instant at) implements Timetable {
    @Override
    public @Nullable Instant after(Instant time) {
        return at.isAfter(time) ? at : null;
    }

    @Override
    public String words() {
        return "once at " + at;
    }
}
