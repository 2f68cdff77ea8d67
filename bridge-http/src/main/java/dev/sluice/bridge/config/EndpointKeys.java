package dev.sluice.bridge.config;

import dev.sluice.bridge.endpoint.EndpointConfig;
import dev.sluice.bridge.endpoint.EndpointConfig.Kept;
import dev.sluice.bridge.endpoint.EndpointConfig.Limits;
import dev.sluice.bridge.endpoint.EndpointConfig.Which;
import dev.sluice.bridge.notice.NoticeConfig;
import dev.sluice.queue.PayloadCipher;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/** Settings of endpoints and notices. */
final class EndpointKeys {
    static final KeyGroup GROUP = new KeyGroup("Endpoints and notices");

    private static final int MAX_ENDPOINTS = 100_000;
    private static final int MAX_ENTRIES = 10_000;
    private static final int MAX_HEADERS = 50;
    private static final int MAX_SECRETS = 100;
    private static final int MAX_WAITING = 10_000_000;
    private static final int MAX_DAYS = 3_650;
    private static final long YEAR_MS = Duration.ofDays(366).toMillis();

    static final Key<Integer> ENDPOINTS =
            GROUP.integer("endpoints.max", 1_000, 0, MAX_ENDPOINTS, "The largest number of endpoints.");
    static final Key<Integer> QUEUES = GROUP.integer(
            "endpoints.max.queues",
            100,
            1,
            MAX_ENTRIES,
            "The largest number of names and patterns of queues of an endpoint.");
    static final Key<Integer> EVENT_TYPES = GROUP.integer(
            "endpoints.max.event.types",
            100,
            0,
            MAX_ENTRIES,
            "The largest number of types and patterns of events of an endpoint.");
    static final Key<Integer> HEADERS = GROUP.integer(
            "endpoints.max.headers", MAX_HEADERS, 0, MAX_HEADERS, "The largest number of headers of an endpoint.");
    static final Key<Integer> SECRETS = GROUP.integer(
            "endpoints.max.secrets",
            5,
            1,
            MAX_SECRETS,
            "The largest number of secrets of an endpoint that have not expired.");
    static final Key<Integer> WAITING = GROUP.integer(
            "endpoints.max.waiting",
            1_000,
            1,
            MAX_WAITING,
            "The largest number of deliveries of an endpoint that wait for their first attempt."
                    + " Further messages stay in"
                    + " their queues.");
    static final Key<Duration> DISABLE_AFTER = GROUP.longMillis(
            "endpoints.disable.after.ms",
            Duration.ofHours(120).toMillis(),
            0,
            YEAR_MS,
            "The time in ms after which an endpoint is disabled if all of its attempts fail. If 0, an endpoint that"
                    + " fails is not disabled.");
    static final Key<Duration> POLL_INTERVAL = GROUP.millis(
            "endpoints.poll.interval.ms",
            1000,
            1,
            KeyGroup.HOUR_MS,
            "The time in ms that the fan-out waits for a wake-up before it looks by itself.");
    static final Key<String> ATTEMPTS = GROUP.choice(
            "endpoints.attempts",
            "all",
            List.of("all", "failed", "none"),
            "Which attempts of deliveries are kept for `/api/v1/endpoints/{id}/attempts`.");
    static final Key<Integer> ATTEMPT_DAYS =
            GROUP.integer("endpoints.attempts.days", 7, 1, MAX_DAYS, "The number of days for which attempts are kept.");
    static final Key<Integer> MAX_ATTEMPTS = GROUP.integer(
            "endpoints.attempts.max",
            10_000,
            1,
            MAX_WAITING,
            "The largest number of attempts of an endpoint that are kept.");
    static final Key<Integer> DEAD_LETTERS = GROUP.integer(
            "notices.dead.letters",
            100,
            0,
            MAX_WAITING,
            "If a queue has more dead letters, a [notice](endpoints.md#notices) says so. If 0, none does.");
    static final Key<Duration> BACKLOG = GROUP.longMillis(
            "notices.backlog.age.ms",
            KeyGroup.HOUR_MS,
            0,
            YEAR_MS,
            "If the oldest message that a consumer group has not read has this age in ms, a notice says so. If 0, none"
                    + " does.");
    static final Key<Boolean> BREAKERS = GROUP.flag(
            "notices.breakers", true, "Whether a notice says that a circuit breaker of a type of works has opened.");
    static final Key<Duration> INTERVAL = GROUP.millis(
            "notices.interval.ms",
            60_000,
            100,
            KeyGroup.HOUR_MS,
            "The time in ms between two checks of the thresholds. Of all bridges, one checks.");

    private EndpointKeys() {}

    static EndpointConfig endpoints(Values values, PayloadCipher cipher) {
        return new EndpointConfig(
                values.get(PostgresSettings.SCHEMA),
                cipher,
                new Limits(
                        values.get(ENDPOINTS),
                        values.get(QUEUES),
                        values.get(EVENT_TYPES),
                        values.get(HEADERS),
                        values.get(SECRETS)),
                values.get(WAITING),
                values.get(DISABLE_AFTER),
                values.get(POLL_INTERVAL),
                new Kept(
                        Which.valueOf(values.get(ATTEMPTS).toUpperCase(Locale.ROOT)),
                        values.get(ATTEMPT_DAYS),
                        values.get(MAX_ATTEMPTS)));
    }

    static NoticeConfig notices(Values values) {
        return new NoticeConfig(
                values.get(PostgresSettings.SCHEMA),
                values.get(DEAD_LETTERS),
                values.get(BACKLOG),
                values.get(BREAKERS),
                values.get(INTERVAL));
    }
}
