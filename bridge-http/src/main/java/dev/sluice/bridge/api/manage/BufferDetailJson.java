package dev.sluice.bridge.api.manage;

import dev.sluice.bridge.drain.BufferDetail;
import dev.sluice.bridge.drain.DrainStatus;
import dev.sluice.bridge.json.JsonOutput;
import java.util.Locale;

/** The parts of {@link BufferDetail} as JSON objects. */
final class BufferDetailJson {
    private BufferDetailJson() {}

    /** {@code {"name": "2/0", "logId": "…", "takesMessages": true, "drain": {…}, "log": {…}, "recovery": {…}}}. */
    static void lane(JsonOutput out, BufferDetail.LaneDetail lane) {
        DrainStatus.Lane drain = lane.drain();
        out.raw("{\"name\":").string(drain.name());
        out.raw(",\"logId\":").string(drain.logId());
        out.raw(",\"takesMessages\":").bool(lane.takesMessages());
        out.raw(",\"drain\":{\"state\":\"").raw(drain.state().name().toLowerCase(Locale.ROOT));
        out.raw("\",\"messages\":").number(drain.messages());
        out.raw(",\"duplicates\":").number(drain.duplicates());
        out.raw(",\"batches\":").number(drain.batches());
        out.raw(",\"skipped\":").number(drain.skipped());
        out.raw(",\"refused\":").number(drain.refused());
        out.raw(",\"failures\":").number(drain.failures());
        out.raw(",\"outages\":").number(drain.outages());
        out.raw(",\"taskRestarts\":").number(drain.taskRestarts());
        out.raw(",\"lastError\":").string(drain.lastError().orElse(null));
        out.raw("},\"log\":");
        LogJson.status(out, lane.log());
        out.raw(",\"recovery\":");
        LogJson.report(out, lane.recovery());
        out.raw("}");
    }

    /** {@code {"count": 3, "hasRoom": true, "oldest": "…", "log": {…}, "recovery": {…}}}. */
    static void failed(JsonOutput out, BufferDetail.FailedDetail failed) {
        out.raw("{\"count\":").number(failed.count());
        out.raw(",\"hasRoom\":").bool(failed.hasRoom());
        out.raw(",\"oldest\":").string(failed.oldest().map(Object::toString).orElse(null));
        out.raw(",\"log\":");
        LogJson.status(out, failed.log());
        out.raw(",\"recovery\":");
        LogJson.report(out, failed.recovery());
        out.raw("}");
    }
}
