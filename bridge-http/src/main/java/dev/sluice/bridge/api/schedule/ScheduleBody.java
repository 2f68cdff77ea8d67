package dev.sluice.bridge.api.schedule;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.schedule.Missed;
import dev.sluice.bridge.schedule.ScheduleSpec;
import dev.sluice.bridge.schedule.ScheduleTarget;
import dev.sluice.bridge.schedule.Timetable;
import dev.sluice.queue.PriorityLane;
import java.time.Instant;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a client says of a schedule. A field that is unknown is refused, because a misspelt one would have no effect.
 * Immutable.
 */
final class ScheduleBody {
    private static final Set<String> TIMES = Set.of("cron", "zone", "every", "at", "startsAt", "endsAt");
    private static final Set<String> TARGET =
            Set.of("queue", "partition", "type", "key", "priority", "payload", "headers");
    private static final Set<String> OTHERS = Set.of("name", "description", "missed");
    private static final String UTC = "UTC";

    private final JsonRequest json;

    private ScheduleBody(JsonRequest json) {
        this.json = json;
    }

    static ScheduleBody of(JsonRequest json) {
        for (Iterator<String> names = json.fields().fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!TIMES.contains(name) && !TARGET.contains(name) && !OTHERS.contains(name)) {
                throw badRequest("unknown field " + name);
            }
        }
        return new ScheduleBody(json);
    }

    /** Returns a new schedule. */
    ScheduleSpec create(Instant now) {
        Timetable.Text timetable = timetable(null);
        if (timetable == null) {
            throw badRequest("one of cron, every and at is required");
        }
        Instant startsAt = json.time("startsAt");
        String missed = json.text("missed");
        String description = json.text("description");
        return new ScheduleSpec(
                json.requiredText("name"),
                description == null ? "" : description,
                timetable,
                startsAt == null ? now : startsAt,
                json.time("endsAt"),
                missed == null ? Missed.ONCE : Missed.of(missed),
                target(null));
    }

    /** Returns what there is, with the fields of the body. */
    ScheduleSpec applyTo(ScheduleSpec before) {
        String name = json.text("name");
        if (name != null && !name.equals(before.name())) {
            throw badRequest("name cannot be changed");
        }
        Timetable.Text timetable = timetable(before.timetable());
        Instant startsAt = json.time("startsAt");
        String missed = json.text("missed");
        String description = json.text("description");
        return new ScheduleSpec(
                before.name(),
                description == null ? before.description() : description,
                timetable == null ? before.timetable() : timetable,
                startsAt == null ? before.startsAt() : startsAt,
                json.fields().has("endsAt") ? json.time("endsAt") : before.endsAt(),
                missed == null ? before.missed() : Missed.of(missed),
                target(before.target()));
    }

    /** Returns the timetable of the body; null: the body says nothing of it. */
    private Timetable.@Nullable Text timetable(Timetable.@Nullable Text before) {
        String cron = json.text("cron");
        String every = json.text("every");
        String at = json.text("at");
        String zone = json.text("zone");
        if (Stream.of("cron", "every", "at")
                        .filter(name -> json.text(name) != null)
                        .count()
                > 1) {
            throw badRequest("only one of cron, every and at may be set");
        }
        boolean wasCron = before != null && before.kind().equals("cron");
        if (zone != null && cron == null && !(wasCron && every == null && at == null)) {
            throw badRequest("zone is that of cron");
        }
        if (cron != null) {
            return new Timetable.Text("cron", cron, zone != null ? zone : wasCron ? before.zone() : UTC);
        }
        if (every != null) {
            return new Timetable.Text("every", every, UTC);
        }
        if (at != null) {
            return new Timetable.Text("once", at, UTC);
        }
        return zone == null || before == null ? null : new Timetable.Text("cron", before.expression(), zone);
    }

    private ScheduleTarget target(@Nullable ScheduleTarget before) {
        String payload = payload(before);
        Map<String, String> headers = headers(before);
        String queue = json.text("queue");
        String type = json.text("type");
        if (queue != null && type != null) {
            throw badRequest("only one of queue and type may be set");
        }
        boolean isWork = type != null || (queue == null && before != null && before.isWork());
        if (isWork) {
            if (json.text("partition") != null) {
                throw badRequest("partition is that of a queue; a work has a key");
            }
            String priority = json.text("priority");
            boolean wasWork = before != null && before.isWork();
            PriorityLane lane = priority != null
                    ? PriorityLane.of("priority", priority)
                    : wasWork ? before.lane() : PriorityLane.NORMAL;
            String key = json.fields().has("key") ? json.text("key") : wasWork ? before.key() : null;
            return ScheduleTarget.work(
                    type != null ? type : String.valueOf(before == null ? null : before.type()),
                    key,
                    lane,
                    payload,
                    headers);
        }
        if (json.text("key") != null || json.text("priority") != null) {
            throw badRequest("key and priority are those of a work: set type, or leave them out");
        }
        if (queue == null && before == null) {
            throw badRequest("one of queue and type is required");
        }
        boolean wasQueue = before != null && !before.isWork();
        String partition =
                json.fields().has("partition") ? json.text("partition") : wasQueue ? before.partition() : null;
        return ScheduleTarget.queue(
                queue != null ? queue : String.valueOf(before == null ? null : before.queue()),
                partition,
                payload,
                headers);
    }

    private String payload(@Nullable ScheduleTarget before) {
        if (!json.fields().has("payload")) {
            return before == null ? "null" : before.payload();
        }
        return json.fields().get("payload").toString();
    }

    private Map<String, String> headers(@Nullable ScheduleTarget before) {
        JsonNode value = json.value("headers");
        if (value == null) {
            return before == null || json.fields().has("headers") ? Map.of() : before.headers();
        }
        if (!value.isObject()) {
            throw badRequest("headers must be an object of strings");
        }
        var headers = new TreeMap<String, String>();
        value.properties().forEach(each -> {
            if (!each.getValue().isTextual()) {
                throw badRequest("headers must be an object of strings");
            }
            headers.put(each.getKey(), each.getValue().textValue());
        });
        return headers;
    }
}
