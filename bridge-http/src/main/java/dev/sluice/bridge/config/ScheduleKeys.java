package dev.sluice.bridge.config;

import dev.sluice.bridge.schedule.ScheduleConfig;
import dev.sluice.queue.PayloadCipher;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Keys of schedules: those of all, and those of each, which are the ends of {@code schedules.NAME.KEY}. */
final class ScheduleKeys {
    static final String PREFIX = "schedules.";

    static final KeyGroup GROUP = new KeyGroup("Schedules");

    private static final int MAX_SCHEDULES = 1_000_000;
    private static final int MAX_MISSED = 1_000;

    static final Key<List<String>> NAMES = GROUP.list(
            "schedules",
            "",
            "The names of the [schedules](schedules.md) that the configuration declares, separated by"
                    + " commas. A name has"
                    + " letters, digits, `_` and `-`. The keys of a schedule begin with `schedules.NAME.`, see"
                    + " [below](#keys-of-a-schedule). Schedules that it does not name any more are deleted at the next"
                    + " start. Schedules that were made over HTTP stay.");
    static final Key<Integer> MOST = GROUP.integer(
            "scheduling.max",
            100_000,
            0,
            MAX_SCHEDULES,
            "The largest number of schedules. If there are as many, none can be made over HTTP.");
    static final Key<Duration> GRACE = GROUP.millis(
            "scheduling.grace.ms",
            60_000,
            0,
            KeyGroup.HOUR_MS,
            "The time in ms for which a tick is due before it counts as missed.");
    static final Key<Integer> MOST_MISSED = GROUP.integer(
            "scheduling.missed.max",
            100,
            1,
            MAX_MISSED,
            "The largest number of missed ticks of a schedule that are fired at once, if its policy is `all`.");
    static final Key<Duration> POLL_INTERVAL = GROUP.millis(
            "scheduling.poll.interval.ms",
            1000,
            10,
            KeyGroup.HOUR_MS,
            "The time in ms for which a bridge may not see what another one has changed. Ticks do not wait for it.");

    static final KeyGroup OF_EACH = new KeyGroup("Keys of a schedule");

    static final Key<Optional<String>> CRON = OF_EACH.optional(
            "cron",
            "When it fires: minute, hour, day of month, month and day of week, as `30 8 * * 1-5`, or"
                    + " `@hourly`, `@daily`,"
                    + " `@weekly`, `@monthly` or `@yearly`.");
    static final Key<String> ZONE = OF_EACH.text("zone", "UTC", "The time zone of `cron`, as `Europe/Berlin`.");
    static final Key<Optional<String>> EVERY =
            OF_EACH.optional("every", "The time between two firings, as `PT15M`. The shortest is a second.");
    static final Key<Optional<String>> AT = OF_EACH.optional("at", "When it fires once, as `2030-01-31T08:00:00Z`.");
    static final Key<Optional<String>> STARTS_AT = OF_EACH.optional(
            "starts.at",
            "It does not fire before, and `every` counts from here. If not set, it is the first start"
                    + " with the schedule.");
    static final Key<Optional<String>> ENDS_AT = OF_EACH.optional("ends.at", "It does not fire after.");
    static final Key<String> MISSED = OF_EACH.choice(
            "missed",
            "once",
            List.of("skip", "once", "all"),
            "What happens to ticks that no bridge could fire in time.");
    static final Key<Optional<String>> QUEUE = OF_EACH.optional("queue", "The queue that gets the message.");
    static final Key<Optional<String>> PARTITION =
            OF_EACH.optional("partition", "The partition of the queue. If not set, it is the default one.");
    static final Key<Optional<String>> TYPE =
            OF_EACH.optional("type", "The type of work that is enqueued, instead of `queue`.");
    static final Key<Optional<String>> KEY = OF_EACH.optional("key", "The key of the work.");
    static final Key<String> PRIORITY = OF_EACH.choice(
            "priority", "normal", List.of("critical", "high", "normal", "low"), "The priority of the work.");
    static final Key<String> PAYLOAD = OF_EACH.text("payload", "null", "The payload, JSON.");
    static final Key<String> DESCRIPTION = OF_EACH.text("description", "", "What it is for.");

    private ScheduleKeys() {}

    static ScheduleConfig of(Values values, PayloadCipher cipher, List<ScheduleConfig.Declared> declared) {
        return new ScheduleConfig(
                values.get(PostgresSettings.SCHEMA),
                cipher,
                values.get(GRACE),
                values.get(MOST_MISSED),
                values.get(MOST),
                values.get(POLL_INTERVAL),
                declared);
    }
}
