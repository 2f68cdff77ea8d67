package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;

import dev.sluice.bridge.work.HandlerConfig;
import dev.sluice.bridge.work.WorkConfig;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.work.LaneOrder;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.watch.WorkEventJson;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Settings of the work engine. To add one of the builder, declare a key and bind it in one statement; a setting of a
 * handler is one of {@link HandlerSettingsKeys}.
 */
final class WorkSettings {
    static final KeyGroup GROUP = new KeyGroup("Work");

    private static final Pattern WEIGHTS = Pattern.compile("(\\d{1,9}):(\\d{1,9}):(\\d{1,9}):(\\d{1,9})");
    private static final int DAY_MS = 24 * HOUR_MS;

    static final Key<List<String>> HANDLERS = GROUP.list(
            "work.handlers",
            "",
            "The names of the handlers that this process runs, separated by commas. A name has letters, digits, `_` and"
                    + " `-`. The keys of a handler begin with `work.handlers.NAME.`, see [below](#handlers-of-works)."
                    + " Without a name, the process enqueues and administers works only.");
    static final Key<Path> PLUGINS = GROUP.path(
            "work.plugins.dir",
            "./plugins",
            "The directory of the plug-ins. Each folder in it is a plug-in, with its jars. It is read if"
                    + " `work.handlers` names a handler.");
    static final Key<Boolean> METRICS =
            GROUP.flag("work.metrics.enabled", true, "Whether the metrics count what happens to works.");
    static final Key<Integer> MAX_TYPES = GROUP.integer(
            "work.metrics.max.types",
            100,
            0,
            10_000,
            "The largest number of types of works that the metrics count by name. They count all other types together,"
                    + " as `(other)`.");
    static final Key<Optional<String>> COMPAT = GROUP.optional(
            "compat",
            WorkSettings::checkCompat,
            Secrets::hidden,
            "`workbuffer`: the variables `BUFFER_CONCURRENCY`, `BUFFER_MAX_RETRIES` and so on set the keys that"
                    + " [docs/work.md](work.md#settings-in-the-service) lists, unless the file or a variable of ours"
                    + " sets them.");

    /** A key, and the method of the builder that takes its value. */
    private record Binding<T>(Key<T> key, BiConsumer<WorkBuffer.Builder, T> setter) {
        void apply(Values values, WorkBuffer.Builder builder) {
            setter.accept(builder, values.get(key));
        }
    }

    private static final List<Binding<?>> BINDINGS = new ArrayList<>();

    static {
        bind(
                GROUP.integer("work.concurrency", 10, 1, 10_000, "The largest number of works that run at a time."),
                WorkBuffer.Builder::concurrency);
        bind(
                GROUP.number(
                        "work.max.queue.size",
                        0,
                        0,
                        Long.MAX_VALUE,
                        "The largest number of works of a type that may wait. If more are enqueued, the enqueue is"
                                + " refused. If 0, any number may wait."),
                WorkBuffer.Builder::maxQueueSize);
        bind(
                GROUP.flag(
                        "work.block.when.full",
                        false,
                        "Whether an enqueue of a handler waits for room instead of being refused."),
                WorkBuffer.Builder::blockWhenFull);
        bind(
                GROUP.millis(
                        "work.lease.ms",
                        30_000,
                        1000,
                        DAY_MS,
                        "The time in ms after which another process takes over the works of a process that died."),
                WorkBuffer.Builder::lease);
        bind(
                GROUP.millis(
                        "work.claim.ahead.ms",
                        2,
                        0,
                        60_000,
                        "The time in ms before its expected start at which a work may be claimed. If 0, the engine"
                                + " claims only what can begin at once."),
                WorkBuffer.Builder::claimAhead);
        bind(
                GROUP.millis(
                        "work.close.timeout.ms",
                        15_000,
                        0,
                        HOUR_MS,
                        "The time in ms that a stop waits for handlers before it interrupts them. What does not finish"
                                + " runs again elsewhere, and costs no attempt. The local log is drained meanwhile."),
                WorkBuffer.Builder::closeTimeout);
        bind(
                GROUP.millis(
                        "work.interrupt.grace.ms",
                        5000,
                        0,
                        HOUR_MS,
                        "The time in ms that a handler may take to end after its thread was interrupted."),
                WorkBuffer.Builder::interruptGrace);
        bind(
                GROUP.integer(
                        "work.max.stuck",
                        10,
                        0,
                        10_000,
                        "The largest number of workers that are replaced because their handlers ignore the interrupt."),
                WorkBuffer.Builder::maxStuck);
        bind(
                GROUP.millis(
                        "work.poll.interval.ms",
                        1000,
                        1,
                        HOUR_MS,
                        "The time in ms that the engine waits for a wake-up before it looks by itself."),
                WorkBuffer.Builder::pollInterval);
        bind(
                GROUP.millis(
                        "work.progress.interval.ms",
                        500,
                        1,
                        HOUR_MS,
                        "The shortest time in ms between two transactions that store what handlers report."),
                WorkBuffer.Builder::progressInterval);
        bind(
                GROUP.flag(
                        "work.listen",
                        true,
                        "Whether `./sluice work` has a connection that listens to other processes. If not, it polls."
                                + " Set `false` behind a pooler that does not support `LISTEN`. `./sluice up` listens"
                                + " for its pops anyway."),
                WorkBuffer.Builder::listen);
        bind(
                GROUP.integer(
                        "work.event.buffer",
                        10_000,
                        1,
                        10_000_000,
                        "The largest number of events that wait for each listener. Further events are dropped and"
                                + " counted."),
                WorkBuffer.Builder::eventBuffer);
    }

    static {
        bind(
                GROUP.parsed(
                        "work.lanes",
                        "8:4:2:1",
                        WorkSettings::lanes,
                        "How claims are divided among the lanes `critical`, `high`, `normal` and `low` of a type: their"
                                + " weights, or `strict`, with which a lane gets nothing while a more urgent one has"
                                + " works."),
                (builder, lanes) -> builder.lanes(lanes.order()));
        bind(
                GROUP.parsed(
                        "work.event.queue",
                        "",
                        WorkSettings::kinds,
                        "The kinds of events that are messages of the queue `sluice.events`, separated by commas:"
                                + " `dead-lettered,completed`. If empty, there are none."),
                (builder, kinds) -> {
                    if (!kinds.isEmpty()) {
                        builder.eventQueue(kinds);
                    }
                });
    }

    private WorkSettings() {}

    /** An order of lanes, which shows itself as the configuration has it. */
    private record Lanes(LaneOrder order, String text) {
        @Override
        public String toString() {
            return text;
        }
    }

    private static Lanes lanes(String text) {
        if (text.equals("strict")) {
            return new Lanes(LaneOrder.STRICT, text);
        }
        Matcher weights = WEIGHTS.matcher(text);
        if (!weights.matches()) {
            throw new IllegalArgumentException("must be strict, or four weights such as 8:4:2:1, was " + text);
        }
        return new Lanes(
                LaneOrder.weighted(
                        Integer.parseInt(weights.group(1)),
                        Integer.parseInt(weights.group(2)),
                        Integer.parseInt(weights.group(3)),
                        Integer.parseInt(weights.group(4))),
                text);
    }

    private static Set<WorkEvent.Kind> kinds(String text) {
        var kinds = new Kinds();
        for (String kind : text.isEmpty() ? new String[0] : text.split(",", -1)) {
            Arrays.stream(WorkEvent.Kind.values())
                    .filter(each -> WorkEventJson.name(each).equals(kind.strip()))
                    .findFirst()
                    .ifPresentOrElse(kinds::add, () -> {
                        throw new IllegalArgumentException("must have some of "
                                + Arrays.stream(WorkEvent.Kind.values())
                                        .map(WorkEventJson::name)
                                        .collect(Collectors.joining(", "))
                                + ", was " + text);
                    });
        }
        return kinds;
    }

    /** Kinds of events, which show themselves as the configuration has them. */
    private static final class Kinds extends LinkedHashSet<WorkEvent.Kind> {
        private static final long serialVersionUID = 1L;

        @Override
        public String toString() {
            return stream().map(WorkEventJson::name).collect(Collectors.joining(","));
        }
    }

    private static <T> void bind(Key<T> key, BiConsumer<WorkBuffer.Builder, T> setter) {
        BINDINGS.add(new Binding<>(key, setter));
    }

    private static void checkCompat(String text) {
        if (!text.equals(Aliases.WORK_BUFFER)) {
            throw new IllegalArgumentException("must be " + Aliases.WORK_BUFFER + ", was " + text);
        }
    }

    static WorkConfig of(Values values, PayloadCipher cipher, List<HandlerConfig> handlers) {
        return new WorkConfig(
                values.get(PostgresSettings.SCHEMA),
                false,
                cipher,
                builder -> BINDINGS.forEach(binding -> binding.apply(values, builder)),
                handlers,
                values.get(PLUGINS),
                values.get(METRICS),
                values.get(MAX_TYPES));
    }
}
