package dev.sluice.bridge.api.manage;

import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.buffer.LogStatus;
import dev.sluice.buffer.RecoveryReport;
import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.Optional;

/** What a log says about itself, as JSON objects. Names are those of the records in {@code dev.sluice.buffer}. */
public final class LogJson {

    private LogJson() {}

    /** Writes {@code {"usedBytes": …, "full": false, …, "counters": {…}}}. */
    static void status(JsonOutput out, LogStatus status) {
        out.raw("{\"usedBytes\":").number(status.usedBytes());
        out.raw(",\"limitBytes\":").number(status.limitBytes());
        out.raw(",\"full\":").bool(status.full());
        out.raw(",\"pendingBytes\":").number(status.pendingBytes());
        out.raw(",\"segments\":").number(status.segments());
        out.raw(",\"epoch\":").number(status.epoch());
        out.raw(",\"committedOffset\":").number(status.committedOffset());
        out.raw(",\"nextOffset\":").number(status.nextOffset());
        out.raw(",\"durableOffset\":").number(status.durableOffset());
        out.raw(",\"uncommittedEntries\":").number(status.uncommittedEntries());
        out.raw(",\"oldestUncommittedAgeSeconds\":");
        seconds(out, status.oldestUncommittedAge());
        out.raw(",\"failure\":").string(status.failure().orElse(null));
        out.raw(",\"counters\":");
        numbers(out, status.counters());
        out.raw("}");
    }

    /** Writes a number of seconds with its milliseconds, or null. */
    static void seconds(JsonOutput out, Optional<Duration> duration) {
        out.raw(duration.map(value -> Double.toString(AdminJson.seconds(value.toMillis())))
                .orElse("null"));
    }

    /** Writes a record whose components are all numbers, so that a counter that is added is seen. */
    static void numbers(JsonOutput out, Record counters) {
        String separator = "{";
        for (RecordComponent component : counters.getClass().getRecordComponents()) {
            try {
                out.raw(separator).raw("\"").raw(component.getName()).raw("\":");
                out.number(((Number) component.getAccessor().invoke(counters)).longValue());
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException("cannot read " + component, e);
            }
            separator = ",";
        }
        out.raw("}");
    }

    /** Writes {@code {"cleanClose": true, …, "findings": [{"kind": "TORN_TAIL", "file": …, "detail": …}]}}. */
    public static void report(JsonOutput out, RecoveryReport report) {
        out.raw("{\"cleanClose\":").bool(report.cleanClose());
        out.raw(",\"epoch\":").number(report.epoch());
        out.raw(",\"segments\":").number(report.segments());
        out.raw(",\"segmentsVerified\":").number(report.segmentsVerified());
        out.raw(",\"entries\":").number(report.entries());
        out.raw(",\"firstOffset\":").number(report.firstOffset());
        out.raw(",\"nextOffset\":").number(report.nextOffset());
        out.raw(",\"committedOffset\":").number(report.committedOffset());
        out.raw(",\"bytesRead\":").number(report.bytesRead());
        out.raw(",\"cutBytes\":").number(report.cutBytes());
        out.raw(",\"quarantinedBytes\":").number(report.quarantinedBytes());
        out.raw(",\"lostEntries\":").number(report.lostEntries());
        out.raw(",\"tookMs\":").number(report.took().toMillis());
        out.raw(",\"findings\":[");
        String separator = "";
        for (RecoveryReport.Finding finding : report.findings()) {
            out.raw(separator).raw("{\"kind\":\"").raw(finding.kind().name());
            out.raw("\",\"file\":").string(finding.file());
            out.raw(",\"position\":").number(finding.position());
            out.raw(",\"bytes\":").number(finding.bytes());
            out.raw(",\"detail\":").string(finding.detail()).raw("}");
            separator = ",";
        }
        out.raw("]}");
    }
}
