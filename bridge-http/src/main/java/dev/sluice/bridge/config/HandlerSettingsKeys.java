package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;

import dev.sluice.bridge.work.ErrorRules;
import dev.sluice.bridge.work.HandlerConfig;
import dev.sluice.queue.LimitKey;
import dev.sluice.work.Batching;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.RetryPolicy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Keys of a handler. Each name here is the end of {@code work.handlers.NAME.KEY}, which sets it for one handler, and of
 * {@code work.defaults.KEY}, which sets it for all others. To add one, declare it and bind it in one statement. The
 * order of the bindings is that in which their values are set.
 */
final class HandlerSettingsKeys {
    static final KeyGroup GROUP = new KeyGroup("Handlers of works");

    static final String PREFIX = HandlerConfig.PREFIX;
    static final String DEFAULTS = "work.defaults.";
    static final String CONFIG = "config.";

    private static final int YEAR_HOURS = 8760;
    private static final Pattern ERROR_WAITS = Pattern.compile("([^\\s:/]+):([^\\s:]+)");
    private static final Pattern TIME = Pattern.compile("(\\d{1,9})(ms|s|m|h|d)");

    static final Key<Optional<String>> TYPE = GROUP.optional(
            "type",
            "`webhook`, `http`, `queue`, `socket`, `sse` or `log` for a [built-in handler](#built-in-handlers), or the"
                    + " provider of a plug-in that"
                    + " makes the handler, or the class of the handler. Every handler needs one.");
    static final Key<Optional<String>> WORK_TYPE =
            GROUP.optional("work.type", "The type of the works. If not set, it is the name of the handler.");
    static final Key<List<String>> NEVER_ON = GROUP.list(
            "retry.never.on",
            "",
            "Classes of errors, separated by commas. A work that fails with one of them, or with a subclass, becomes a"
                    + " dead letter at once.");

    static final Key<Integer> BATCH_SIZE = GROUP.integer(
            "batch.size",
            HandlerConfig.USUAL_BATCHING.size(),
            1,
            Batching.MAX_SIZE,
            "The largest number of works that a batch handler gets in a call.");
    static final Key<Duration> BATCH_LINGER = GROUP.millis(
            "batch.linger.ms",
            (int) HandlerConfig.USUAL_BATCHING.linger().toMillis(),
            0,
            (int) Batching.MAX_LINGER.toMillis(),
            "The time in ms that the first work of such a call waits for others.");

    static final Key<ErrorWaits> RETRY_ON = GROUP.parsed(
            "retry.on",
            "",
            HandlerSettingsKeys::errorWaits,
            "The waits after errors of a class and its subclasses, as `acme.Busy:5s/1m,java.io.IOException:10s`. The"
                    + " first class that fits counts, behind those of `retry.never.on`. There is one attempt more than"
                    + " there are waits.");
    static final Key<List<String>> BREAKER_IGNORE = GROUP.list(
            "breaker.ignore",
            "",
            "Classes of errors, separated by commas. The circuit breaker does not count runs that fail with one of"
                    + " them, or with a subclass.");

    /** These keys are of one handler only. */
    static final Set<Key<?>> WITHOUT_DEFAULTS = Set.of(TYPE, WORK_TYPE, BATCH_SIZE, BATCH_LINGER);

    /** A key of all handlers has no effect on one that has the other key itself: both say the same in two ways. */
    static final Map<String, String> INSTEAD =
            Map.of("retry.waits", "retry.backoff.ms", "breaker.threshold", "breaker.failure.rate");

    static final String BREAKER = "breaker.";

    /** A key, and how its value changes settings. */
    record Binding<T>(Key<T> key, BiFunction<HandlerSettings, T, HandlerSettings> setter) {
        /** Returns the settings with a value that the key has parsed from {@code text}. */
        HandlerSettings apply(HandlerSettings settings, Key<?> named, String text) {
            named.parse(text); // Its message begins with the whole name.
            return setter.apply(settings, key.parse(text));
        }
    }

    private static final List<Binding<?>> BINDINGS = new ArrayList<>();

    static {
        bind(
                GROUP.integer(
                        "concurrency",
                        0,
                        0,
                        10_000,
                        "The largest number of works of the type that run at a time. If 0, as many as"
                                + " `work.concurrency`."),
                HandlerSettings::concurrency);
        bind(
                GROUP.longMillis(
                        "timeout.ms",
                        300_000,
                        1,
                        HandlerSettings.MAX_TIMEOUT.toMillis(),
                        "The time in ms that a run may take. After it, the thread of the handler is interrupted."),
                HandlerSettings::timeout);
        bind(
                GROUP.millis(
                        "retry.backoff.ms",
                        1000,
                        0,
                        HOUR_MS,
                        "The wait in ms after the first failure. It doubles with" + " each further one."),
                (settings, first) ->
                        retry(settings, policy -> policy.exponential(first, longer(first, policy.longest()))));
        bind(
                GROUP.longMillis(
                        "retry.backoff.max.ms",
                        HOUR_MS,
                        0,
                        (long) YEAR_HOURS * HOUR_MS,
                        "The longest wait in ms between two attempts, without jitter."),
                (settings, longest) -> retry(settings, policy -> policy.exponential(policy.first(), longest)));
        bind(
                GROUP.parsed(
                        "retry.waits",
                        "",
                        HandlerSettingsKeys::waits,
                        "The waits between attempts instead of the backoff, as `0s,5s,5m,30m,2h`, with the units `ms`,"
                                + " `s`, `m`, `h` and `d`. There is one attempt more than there are waits, unless"
                                + " `retry.max.attempts` is set."),
                (settings, waits) -> waits.list().isEmpty()
                        ? settings
                        : settings.retry(RetryPolicy.ofWaits(waits.list().toArray(new Duration[0]))));
        bind(
                GROUP.integer(
                        "retry.max.attempts",
                        RetryPolicy.DEFAULT.maxAttempts(),
                        1,
                        1_000_000,
                        "How often the handler may fail. Then the work becomes a dead letter."),
                (settings, attempts) -> retry(settings, policy -> policy.maxAttempts(attempts)));
        bind(
                GROUP.parsed(
                        "retry.jitter",
                        String.valueOf(RetryPolicy.DEFAULT.jitter()),
                        HandlerSettingsKeys::fraction,
                        "The part of a wait, 0 to 1, that is added to it at random at most."),
                (settings, jitter) -> retry(settings, policy -> policy.jitter(jitter)));
        bind(
                GROUP.flag(
                        "retry.defer",
                        false,
                        "Whether other works of a key pass while one of them waits for its retry."),
                (settings, defers) -> defers ? settings.deferRetries() : settings);
        bind(
                GROUP.integer(
                        "max.crashes",
                        HandlerSettings.DEFAULT.maxCrashes(),
                        1,
                        1_000_000,
                        "The number of processes that may die while a work is begun. Then it becomes a dead letter."),
                HandlerSettings::maxCrashes);
        bind(
                GROUP.longMillis(
                        "max.age.ms",
                        0,
                        0,
                        (long) YEAR_HOURS * HOUR_MS,
                        "The time in ms after its enqueue in which a work may begin for the first time. Later it"
                                + " becomes a dead letter. If 0, there is no limit."),
                (settings, age) -> settings.maxAge(age.isZero() ? null : age));
        bind(
                GROUP.flag("keep.results", false, "Whether results are kept with idempotency keys."),
                (settings, keeps) -> keeps ? settings.keepResults() : settings);
        bind(
                GROUP.longMillis(
                        "idempotency.window.ms",
                        HandlerSettings.DEFAULT.idempotencyWindow().toMillis(),
                        0,
                        (long) YEAR_HOURS * HOUR_MS,
                        "The time in ms for which an idempotency key stays taken after its work finished."),
                HandlerSettings::idempotencyWindow);
    }

    static {
        bind(
                GROUP.optional(
                        "limit.key",
                        LimitKey::parse,
                        Secrets::hidden,
                        "Where the limit key of a work is, such as its tenant: a JSON pointer into the payload,"
                                + " `/tenant`, or `header:NAME`. Pushes have it too."),
                (settings, place) -> place.isEmpty() ? settings : settings.limitKey(place.get()));
        bindLimit("limit.", "of the type", settings -> settings.limits().ofType(), HandlerSettings::limit);
        bindLimit(
                "limit.each.",
                "of each limit key",
                settings -> settings.limits().ofEachKey(),
                HandlerSettings::limitOfEachKey);
        bind(
                GROUP.integer(
                        "limit.each.weight",
                        1,
                        1,
                        Limit.MAX_WEIGHT,
                        "The share of each limit key, beside works without a limit key, whose share is 1."),
                (settings, weight) ->
                        settings.limitOfEachKey(settings.limits().ofEachKey().weight(weight)));
    }

    static {
        bind(
                GROUP.integer(
                        "breaker.failure.rate",
                        0,
                        0,
                        100,
                        "The circuit breaker opens if so many percent of the last `breaker.window` runs have failed. If"
                                + " this key, `breaker.threshold` and `breaker.slow.ms` are 0, there is no breaker."),
                (settings, rate) -> rate == 0
                        ? settings
                        : settings.breaker(BreakerSettings.DEFAULT.failures(
                                rate, BreakerSettings.DEFAULT.window(), BreakerSettings.DEFAULT.minimumCalls())));
        bind(
                GROUP.longMillis(
                        "breaker.slow.ms",
                        0,
                        0,
                        HandlerSettings.MAX_TIMEOUT.toMillis(),
                        "The time in ms beyond which a run is slow. If 0, no run is. If only this key is set,"
                                + " `breaker.failure.rate` is 50."),
                (settings, time) -> time.isZero()
                        ? settings
                        : settings.breaker((settings.breaker() == null ? BreakerSettings.DEFAULT : settings.breaker())
                                .slow(BreakerSettings.DEFAULT.slowRate(), time)));
        bind(
                GROUP.integer(
                        "breaker.slow.rate",
                        BreakerSettings.DEFAULT.slowRate(),
                        1,
                        100,
                        "The circuit breaker also opens if so many percent of the last `breaker.window` runs were"
                                + " slow."),
                (settings, rate) -> breaker(
                        settings,
                        breaker -> breaker.slowerThan() == null ? breaker : breaker.slow(rate, breaker.slowerThan())));
        bind(
                GROUP.integer(
                        "breaker.window",
                        BreakerSettings.DEFAULT.window(),
                        1,
                        BreakerSettings.MAX_CALLS,
                        "How many of the last runs the circuit breaker looks at. With `breaker.threshold`, as many as"
                                + " that says."),
                (settings, window) -> breaker(
                        settings,
                        breaker -> breaker.failures(
                                breaker.failureRate(), window, Math.min(breaker.minimumCalls(), window))));
        bind(
                GROUP.integer(
                        "breaker.minimum.calls",
                        BreakerSettings.DEFAULT.minimumCalls(),
                        1,
                        BreakerSettings.MAX_CALLS,
                        "How many runs there must be before the circuit breaker opens, at most `breaker.window`. If not"
                                + " set and `breaker.window` is less, as many as that."),
                (settings, calls) ->
                        breaker(settings, breaker -> breaker.failures(breaker.failureRate(), breaker.window(), calls)));
    }

    static {
        bind(
                GROUP.integer(
                        "breaker.threshold",
                        0,
                        0,
                        BreakerSettings.MAX_CALLS,
                        "How many runs fail one after the other until the circuit breaker opens. If 0, the breaker goes"
                                + " by `breaker.failure.rate`."),
                (settings, failures) -> failures == 0
                        ? settings
                        : settings.breaker((settings.breaker() == null ? BreakerSettings.DEFAULT : settings.breaker())
                                .failures(100, failures, failures)));
        bind(
                GROUP.longMillis(
                        "breaker.open.ms",
                        BreakerSettings.DEFAULT.openFor().toMillis(),
                        1,
                        BreakerSettings.MAX_OPEN.toMillis(),
                        "The time in ms for which an open breaker lets no work of the type run."),
                (settings, time) -> breaker(settings, breaker -> breaker.openFor(time)));
        bind(
                GROUP.integer(
                        "breaker.half.open.calls",
                        BreakerSettings.DEFAULT.halfOpenCalls(),
                        1,
                        BreakerSettings.MAX_CALLS,
                        "How many runs decide after that time whether the breaker closes."),
                (settings, calls) -> breaker(settings, breaker -> breaker.halfOpenCalls(calls)));
    }

    private static HandlerSettings breaker(HandlerSettings settings, UnaryOperator<BreakerSettings> change) {
        return settings.breaker() == null ? settings : settings.breaker(change.apply(settings.breaker()));
    }

    /** Binds the keys of a limit on all engines together. */
    private static void bindLimit(
            String prefix,
            String what,
            Function<HandlerSettings, Limit> get,
            BiFunction<HandlerSettings, Limit, HandlerSettings> set) {
        bind(
                GROUP.integer(
                        prefix + "concurrency",
                        0,
                        0,
                        1_000_000,
                        "The largest number of works " + what + " that run at a time in all processes. If 0, any"
                                + " number."),
                (settings, most) -> set.apply(settings, get.apply(settings).concurrency(most)));
        bind(
                GROUP.parsed(
                        prefix + "rate",
                        "",
                        Rate::parse,
                        "How many works " + what + " begin in a period in all processes, as `10/1s` or `500/1m`."),
                (settings, rate) -> set.apply(settings, get.apply(settings).rate(rate.count(), rate.period())));
        bind(
                GROUP.integer(
                        prefix + "burst",
                        0,
                        0,
                        1_000_000,
                        "How many works " + what + " begin at once after a time without works. If 0, as many as in a"
                                + " period."),
                (settings, burst) -> burst == 0
                        ? settings
                        : set.apply(settings, get.apply(settings).burst(burst)));
    }

    /** A number of works in a period. */
    record Rate(int count, Duration period, String text) {
        private static final Pattern RATE = Pattern.compile("([1-9]\\d{0,8})/(.+)");

        static Rate parse(String text) {
            Matcher rate = RATE.matcher(text);
            if (text.isEmpty()) {
                return new Rate(0, Limit.NONE.period(), text);
            }
            if (!rate.matches()) {
                throw new IllegalArgumentException(
                        "must be a number of works and a period, such as 10/1s, was " + text);
            }
            return new Rate(
                    Integer.parseInt(rate.group(1)), waits(rate.group(2)).list().get(0), text);
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /** Waits between attempts. */
    record Waits(List<Duration> list, String text) {
        @Override
        public String toString() {
            return text;
        }
    }

    /** Waits by class of error. */
    record ErrorWaits(List<ErrorRules.Retry> list, String text) {
        @Override
        public String toString() {
            return text;
        }
    }

    private HandlerSettingsKeys() {}

    private static <T> void bind(Key<T> key, BiFunction<HandlerSettings, T, HandlerSettings> setter) {
        BINDINGS.add(new Binding<>(key, setter));
    }

    static List<Binding<?>> bindings() {
        return BINDINGS;
    }

    private static HandlerSettings retry(HandlerSettings settings, Function<RetryPolicy, RetryPolicy> change) {
        return settings.retry(change.apply(settings.retry()));
    }

    private static Duration longer(Duration a, Duration b) {
        return a.compareTo(b) > 0 ? a : b;
    }

    private static Waits waits(String text) {
        var waits = new ArrayList<Duration>();
        for (String wait : text.isEmpty() ? new String[0] : text.split(",", -1)) {
            Matcher time = TIME.matcher(wait.strip());
            if (!time.matches()) {
                throw new IllegalArgumentException("must be times with units, such as 0s,500ms,5m,2h,1d, was " + text);
            }
            waits.add(of(Long.parseLong(time.group(1)), time.group(2)));
        }
        return new Waits(List.copyOf(waits), text);
    }

    private static ErrorWaits errorWaits(String text) {
        var rules = new ArrayList<ErrorRules.Retry>();
        for (String each : text.isEmpty() ? new String[0] : text.split(",", -1)) {
            Matcher rule = ERROR_WAITS.matcher(each.strip());
            if (!rule.matches()) {
                throw new IllegalArgumentException(
                        "must be classes of errors with their waits, such as java.io.IOException:5s/1m, was " + text);
            }
            Duration[] waits = waits(rule.group(2).replace('/', ',')).list().toArray(new Duration[0]);
            rules.add(new ErrorRules.Retry(rule.group(1), RetryPolicy.ofWaits(waits)));
        }
        return new ErrorWaits(List.copyOf(rules), text);
    }

    private static Duration of(long number, String unit) {
        return switch (unit) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> Duration.ofDays(number);
        };
    }

    private static Double fraction(String text) {
        try {
            double value = Double.parseDouble(text);
            if (value >= 0 && value <= 1) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("must be a number from 0 to 1, was " + text, e);
        }
        throw new IllegalArgumentException("must be a number from 0 to 1, was " + text);
    }
}
