package dev.sluice.bridge.api.manage;

import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.buffer.LogStatus;
import dev.sluice.buffer.RecoveryReport;
import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.Optional;

/** Writes the state of a log as JSON. The names are those of the records in {@code dev.sluice.buffer}. */
public final class LogJson {

    private LogJson() {}

    /** Writes {@code {"usedBytes": …, "full": false, …, "counters": {…}}}. */
    static void status(JsonOutput out, LogStatus status) {
        out.object().field("usedBytes", status.usedBytes());
        out.field("limitBytes", status.limitBytes());
        out.field("full", status.full());
        out.field("pendingBytes", status.pendingBytes());
        out.field("segments", status.segments());
        out.field("epoch", status.epoch());
        out.field("committedOffset", status.committedOffset());
        out.field("nextOffset", status.nextOffset());
        out.field("durableOffset", status.durableOffset());
        out.field("uncommittedEntries", status.uncommittedEntries());
        out.name("oldestUncommittedAgeSeconds");
        seconds(out, status.oldestUncommittedAge());
        out.field("failure", status.failure().orElse(null));
        out.name("counters");
        numbers(out, status.counters());
        out.endObject();
    }

    /** Writes a number of seconds with its milliseconds, or null. */
    static void seconds(JsonOutput out, Optional<Duration> duration) {
        out.raw(duration.map(value -> Double.toString(AdminJson.seconds(value.toMillis())))
                .orElse("null"));
    }

    /** Writes a record whose components are all numbers. A new counter appears without a change here. */
    static void numbers(JsonOutput out, Record counters) {
        out.object();
        for (RecordComponent component : counters.getClass().getRecordComponents()) {
            try {
                out.field(component.getName(), ((Number) component.getAccessor().invoke(counters)).longValue());
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException("cannot read " + component, e);
            }
        }
        out.endObject();
    }

    /** Writes {@code {"cleanClose": true, …, "findings": [{"kind": "TORN_TAIL", "file": …, "detail": …}]}}. */
    public static void report(JsonOutput out, RecoveryReport report) {
        out.object().field("cleanClose", report.cleanClose());
        out.field("epoch", report.epoch());
        out.field("segments", report.segments());
        out.field("segmentsVerified", report.segmentsVerified());
        out.field("entries", report.entries());
        out.field("firstOffset", report.firstOffset());
        out.field("nextOffset", report.nextOffset());
        out.field("committedOffset", report.committedOffset());
        out.field("bytesRead", report.bytesRead());
        out.field("cutBytes", report.cutBytes());
        out.field("quarantinedBytes", report.quarantinedBytes());
        out.field("lostEntries", report.lostEntries());
        out.field("tookMs", report.took().toMillis());
        out.array("findings");
        for (RecoveryReport.Finding finding : report.findings()) {
            out.object().field("kind", finding.kind().name());
            out.field("file", finding.file());
            out.field("position", finding.position());
            out.field("bytes", finding.bytes());
            out.field("detail", finding.detail()).endObject();
        }
        out.endArray().endObject();
    }
}
