package dev.sluice.bridge.api.manage;

import dev.sluice.bridge.drain.BufferDetail;
import dev.sluice.bridge.drain.DrainStatus;
import dev.sluice.bridge.json.JsonOutput;
import java.util.Locale;

/** Writes the parts of {@link BufferDetail} as JSON. */
final class BufferDetailJson {
    private BufferDetailJson() {}

    /** {@code {"name": "2/0", "logId": "…", "takesMessages": true, "drain": {…}, "log": {…}, "recovery": {…}}}. */
    static void lane(JsonOutput out, BufferDetail.LaneDetail lane) {
        DrainStatus.Lane drain = lane.drain();
        out.object().field("name", drain.name());
        out.field("logId", drain.logId());
        out.field("takesMessages", lane.takesMessages());
        out.object("drain").field("state", drain.state().name().toLowerCase(Locale.ROOT));
        out.field("messages", drain.messages());
        out.field("duplicates", drain.duplicates());
        out.field("batches", drain.batches());
        out.field("skipped", drain.skipped());
        out.field("refused", drain.refused());
        out.field("failures", drain.failures());
        out.field("outages", drain.outages());
        out.field("taskRestarts", drain.taskRestarts());
        out.field("lastError", drain.lastError().orElse(null));
        out.endObject().name("log");
        LogJson.status(out, lane.log());
        out.name("recovery");
        LogJson.report(out, lane.recovery());
        out.endObject();
    }

    /** {@code {"count": 3, "hasRoom": true, "oldest": "…", "log": {…}, "recovery": {…}}}. */
    static void failed(JsonOutput out, BufferDetail.FailedDetail failed) {
        out.object().field("count", failed.count());
        out.field("hasRoom", failed.hasRoom());
        out.field("oldest", failed.oldest().map(Object::toString).orElse(null));
        out.name("log");
        LogJson.status(out, failed.log());
        out.name("recovery");
        LogJson.report(out, failed.recovery());
        out.endObject();
    }
}
