package dev.sluice.bridge.api.schedule;

import static dev.sluice.bridge.http.AdminJson.object;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.schedule.Schedule;
import dev.sluice.bridge.schedule.ScheduleSpec;
import dev.sluice.bridge.schedule.ScheduleTarget;
import dev.sluice.queue.NewMessage;

/** Schedules as clients see them. */
final class ScheduleJson {
    private ScheduleJson() {}

    /**
     * Returns a schedule.
     *
     * @param withMessage whether its payload and its headers are shown
     */
    static ObjectNode of(Schedule schedule, boolean withMessage) {
        ScheduleSpec spec = schedule.spec();
        Schedule.Times times = schedule.times();
        Schedule.Counts counts = schedule.counts();
        String kind = spec.timetable().kind();
        ObjectNode json = object().put("name", spec.name())
                .put("description", spec.description())
                .put("cron", kind.equals("cron") ? spec.timetable().expression() : null)
                .put("zone", kind.equals("cron") ? spec.timetable().zone() : null)
                .put("every", kind.equals("every") ? spec.timetable().expression() : null)
                .put("at", kind.equals("once") ? spec.timetable().expression() : null)
                .put("words", spec.words())
                .put("startsAt", AdminJson.time(spec.startsAt()))
                .put("endsAt", AdminJson.time(spec.endsAt()))
                .put("missed", spec.missed().text());
        target(json, spec.target(), withMessage);
        return json.put("declared", schedule.isFromFile())
                .put("paused", times.pausedAt() != null)
                .put("pausedSince", AdminJson.time(times.pausedAt()))
                .put("nextAt", AdminJson.time(times.nextAt()))
                .put("lastTick", AdminJson.time(times.lastTick()))
                .put("lastFiredAt", AdminJson.time(times.lastFiredAt()))
                .put("fired", counts.fired())
                .put("skipped", counts.skipped())
                .put("failure", counts.failure())
                .put("failedAt", AdminJson.time(counts.failedAt()))
                .put("createdAt", AdminJson.time(times.createdAt()))
                .put("updatedAt", AdminJson.time(times.updatedAt()));
    }

    private static void target(ObjectNode json, ScheduleTarget target, boolean withMessage) {
        json.put("queue", target.queue())
                .put("partition", target.isWork() ? null : target.partition())
                .put("type", target.type())
                .put("key", target.key())
                .put("priority", target.isWork() ? target.lane().text() : null)
                .put("readable", target.isReadable())
                .put("payloadBytes", target.payload().getBytes(UTF_8).length);
        if (withMessage) {
            json.putRawValue("payload", new RawValue(target.payload()));
            ObjectNode headers = json.putObject("headers");
            target.headers().forEach(headers::put);
        }
    }

    /** Returns the message that a run has pushed. */
    static ObjectNode of(NewMessage message) {
        return object().put("messageId", message.id().toString())
                .put("transactionId", message.transactionId())
                .put("queue", message.queue())
                .put("partition", message.partition());
    }
}
