package dev.sluice.bridge;

import dev.sluice.bridge.api.manage.ServiceState;
import dev.sluice.bridge.drain.BufferDetail;
import dev.sluice.bridge.drain.Drain;
import dev.sluice.bridge.drain.DrainStatus;
import dev.sluice.bridge.ingest.Admission;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.bridge.postgres.Availability;
import dev.sluice.buffer.LogStatus;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** The state of the service, gathered from its parts for the routes that show it. */
record BridgeState(
        Availability availability,
        Lanes lanes,
        FailedRecords failed,
        Intake intake,
        Admission admission,
        Drain drain,
        BooleanSupplier stopping)
        implements ServiceState {

    /** After this time a log that failed lets a push through, to find out whether it still fails. */
    private static final Duration RETRY_APPENDS_AFTER = Duration.ofSeconds(5);

    /** The worst first. */
    private static final List<DrainStatus.State> TROUBLES = List.of(
            DrainStatus.State.SOURCE_TAKEN,
            DrainStatus.State.BROKEN,
            DrainStatus.State.HOLDING,
            DrainStatus.State.DOWN,
            DrainStatus.State.PAUSED);

    @Override
    public boolean databaseConnected() {
        return databaseProblem() == null;
    }

    @Override
    public @Nullable String databaseProblem() {
        return availability.problem();
    }

    @Override
    public @Nullable String pushRefusal() {
        if (stopping.getAsBoolean()) {
            return "stopping";
        }
        for (LogStatus status : lanes.status()) {
            if (status.full()) {
                return "the local log is full";
            }
            if (status.appendsFail(RETRY_APPENDS_AFTER)) {
                return "the local log cannot be written";
            }
        }
        return null;
    }

    @Override
    public Buffer buffer() {
        long pending = 0;
        long used = 0;
        long limit = 0;
        boolean full = false;
        Duration oldest = Duration.ZERO;
        for (LogStatus status : lanes.status()) {
            pending += status.uncommittedEntries();
            used += status.usedBytes();
            limit += status.limitBytes();
            full |= status.full();
            Duration age = status.oldestUncommittedAge().orElse(Duration.ZERO);
            oldest = age.compareTo(oldest) > 0 ? age : oldest;
        }
        return new Buffer(pending, failed.count(), used, limit, full, oldest, drainState());
    }

    @Override
    public BufferDetail bufferDetail() throws IOException {
        return BufferDetail.of(lanes, drain, intake, admission, failed);
    }

    private String drainState() {
        List<DrainStatus.State> states =
                drain.status().lanes().stream().map(DrainStatus.Lane::state).toList();
        return TROUBLES.stream()
                .filter(states::contains)
                .findFirst()
                .map(worst -> worst.name().toLowerCase(Locale.ROOT))
                .orElse("running");
    }
}
