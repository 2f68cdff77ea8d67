package dev.sluice.bridge.drain;

import dev.sluice.bridge.ingest.Admission;
import dev.sluice.bridge.ingest.AdmissionStatus;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.IntakeStatus;
import dev.sluice.bridge.ingest.Lane;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.buffer.LogStatus;
import dev.sluice.buffer.RecoveryReport;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The state of a running buffer at about one moment.
 *
 * @param lanes its lanes, earlier generations first
 * @param intake counts of pushes
 * @param admission counts of refused pushes
 * @param failed the failed records
 */
public record BufferDetail(
        List<LaneDetail> lanes, IntakeStatus intake, AdmissionStatus admission, FailedDetail failed) {

    /** Copies the list. */
    public BufferDetail {
        lanes = List.copyOf(lanes);
    }

    /**
     * A lane.
     *
     * @param takesMessages whether new messages go here; otherwise it belongs to an earlier generation
     * @param log state of its log
     * @param recovery what opening the log found
     * @param drain state of its drain
     */
    public record LaneDetail(boolean takesMessages, LogStatus log, RecoveryReport recovery, DrainStatus.Lane drain) {}

    /**
     * The failed records.
     *
     * @param count how many
     * @param hasRoom whether there is room for another; otherwise a lane holds at the next refused record
     * @param oldest when the oldest failed; empty if there is none
     * @param log state of their log
     * @param recovery what opening it found
     */
    public record FailedDetail(
            int count, boolean hasRoom, Optional<Instant> oldest, LogStatus log, RecoveryReport recovery) {}

    /**
     * Collects the state of all parts. Reads one failed record from disk.
     *
     * @throws IOException if the record cannot be read
     */
    public static BufferDetail of(Lanes lanes, Drain drain, Intake intake, Admission admission, FailedRecords failed)
            throws IOException {
        Map<String, DrainStatus.Lane> drains = new HashMap<>();
        drain.status().lanes().forEach(lane -> drains.put(lane.name(), lane));
        var details = new ArrayList<LaneDetail>();
        for (Lane lane : Stream.concat(lanes.earlier().stream(), lanes.current().stream())
                .toList()) {
            DrainStatus.Lane state = drains.get(lane.name());
            if (state != null) { // Otherwise the lane is being set aside.
                details.add(new LaneDetail(
                        lanes.current().contains(lane),
                        lane.segments().status(),
                        lane.segments().recovery(),
                        state));
            }
        }
        Optional<Instant> oldest = failed.entries().list(-1, 1).stream()
                .map(FailedRecord::failedAt)
                .findFirst();
        var failedDetail = new FailedDetail(
                failed.count(),
                failed.hasRoom(),
                oldest,
                failed.entries().status(),
                failed.entries().recovery());
        return new BufferDetail(details, intake.status(), admission.status(), failedDetail);
    }
}
