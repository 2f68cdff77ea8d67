package dev.sluice.bridge.config;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.work.HandlerConfig;
import dev.sluice.work.Batching;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkLimits;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;

/** A program, a file and the environment can set the same. */
class WorkKeysTest {
    /** The keys of each property of the settings of a handler. */
    private static final Map<Class<?>, Map<String, List<String>>> OF_HANDLERS = Map.of(
            HandlerSettings.class,
            Map.of(
                    "concurrency", List.of("concurrency"),
                    "timeout", List.of("timeout.ms"),
                    "retry", List.of(),
                    "maxCrashes", List.of("max.crashes"),
                    "defersRetries", List.of("retry.defer"),
                    "maxAge", List.of("max.age.ms"),
                    "keepsResults", List.of("keep.results"),
                    "idempotencyWindow", List.of("idempotency.window.ms"),
                    "limits", List.of(),
                    "breaker", List.of("breaker.threshold")),
            RetryPolicy.class,
            Map.of(
                    "maxAttempts", List.of("retry.max.attempts"),
                    "first", List.of("retry.backoff.ms"),
                    "longest", List.of("retry.backoff.max.ms"),
                    "jitter", List.of("retry.jitter"),
                    "waits", List.of("retry.waits"),
                    "rules", List.of("retry.never.on", "retry.on")),
            WorkLimits.class,
            Map.of("key", List.of("limit.key"), "ofType", List.of(), "ofEachKey", List.of()),
            Limit.class,
            Map.of(
                    "concurrency", List.of("limit.concurrency", "limit.each.concurrency"),
                    "rate", List.of("limit.rate", "limit.each.rate"),
                    "period", List.of("limit.rate", "limit.each.rate"),
                    "burst", List.of("limit.burst", "limit.each.burst"),
                    "weight", List.of("limit.each.weight")),
            BreakerSettings.class,
            Map.of(
                    "failureRate", List.of("breaker.failure.rate"),
                    "window", List.of("breaker.window"),
                    "minimumCalls", List.of("breaker.minimum.calls"),
                    "slowRate", List.of("breaker.slow.rate"),
                    "slowerThan", List.of("breaker.slow.ms"),
                    "openFor", List.of("breaker.open.ms"),
                    "halfOpenCalls", List.of("breaker.half.open.calls"),
                    "ignored", List.of("breaker.ignore")),
            Batching.class,
            Map.of("size", List.of("batch.size"), "linger", List.of("batch.linger.ms")));

    /** The key of each method of the builder. */
    private static final Map<String, String> OF_BUILDER = Map.ofEntries(
            Map.entry("concurrency", "work.concurrency"),
            Map.entry("maxQueueSize", "work.max.queue.size"),
            Map.entry("blockWhenFull", "work.block.when.full"),
            Map.entry("lease", "work.lease.ms"),
            Map.entry("claimAhead", "work.claim.ahead.ms"),
            Map.entry("closeTimeout", "work.close.timeout.ms"),
            Map.entry("interruptGrace", "work.interrupt.grace.ms"),
            Map.entry("maxStuck", "work.max.stuck"),
            Map.entry("pollInterval", "work.poll.interval.ms"),
            Map.entry("progressInterval", "work.progress.interval.ms"),
            Map.entry("listen", "work.listen"),
            Map.entry("eventBuffer", "work.event.buffer"),
            Map.entry("eventQueue", "work.event.queue"),
            Map.entry("lanes", "work.lanes"));

    /** What the service gives the builder itself, by other keys or as objects. */
    private static final Set<String> OF_PROGRAMS = Set.of(
            "schema",
            "applySchema",
            "cipher",
            "handler",
            "asyncHandler",
            "batchHandler",
            "listener",
            "meter",
            "wakeUps");

    /** Keys of the service around the engine. */
    private static final Set<String> OF_SERVICE =
            Set.of("work.handlers", "work.plugins.dir", "work.metrics.enabled", "work.metrics.max.types", "compat");

    /** Values that are not the defaults, for keys that are no numbers. */
    private static final Map<String, String> VALUES = Map.of(
            "retry.waits", "3s,4s",
            "retry.jitter", "0.75",
            "retry.never.on", "java.io.IOException",
            "retry.on", "java.io.IOException:3s",
            "limit.key", "/tenant",
            "breaker.slow.rate", "70",
            "breaker.ignore", "java.io.IOException",
            "work.lanes", "strict",
            "work.event.queue", "completed");

    private static final String HANDLER = "work.handlers.a.";

    @TempDir
    Path directory;

    private static String valueOf(Key<?> key) {
        String value = VALUES.get(key.name());
        if (value != null) {
            return value;
        }
        if (key.type().equals("boolean")) {
            return String.valueOf(!Boolean.parseBoolean(key.defaultText()));
        }
        return key.name().endsWith("rate") && key.type().equals("string")
                ? "7/3s"
                : Long.toString(Long.parseLong(key.defaultText()) + 1);
    }

    /** Returns the other keys without which a key has no effect. */
    private static Map<String, String> around(String key) {
        var keys = new HashMap<>(Map.of("work.handlers", "a", HANDLER + "type", "acme.A"));
        if (key.startsWith("breaker.")
                && !Set.of("breaker.failure.rate", "breaker.threshold").contains(key)) {
            keys.put(HANDLER + "breaker.failure.rate", "10");
        }
        if (key.equals("breaker.slow.rate")) {
            keys.put(HANDLER + "breaker.slow.ms", "100");
        }
        if (key.endsWith(".burst")) {
            keys.put(HANDLER + key.replace("burst", "rate"), "7/3s");
        }
        return keys;
    }

    private static HandlerConfig handler(BridgeConfig config) {
        return config.work().handlers().get(0);
    }

    private BridgeConfig environment(Map<String, String> keys) throws Exception {
        Path file = Files.writeString(directory.resolve("empty.properties"), "");
        var variables = new HashMap<String, String>();
        keys.forEach((key, value) ->
                variables.put("SLUICE_" + key.toUpperCase(Locale.ROOT).replace('.', '_'), value));
        return BridgeConfig.parse(ConfigSources.find(file, variables));
    }

    @Test
    void everyPropertyOfAHandlerHasAKeyThatChangesIt() throws Exception {
        var used = new TreeSet<String>();
        OF_HANDLERS.forEach((type, keys) -> {
            for (RecordComponent component : type.getRecordComponents()) {
                assertThat(keys).as("keys of " + type.getSimpleName()).containsKey(component.getName());
            }
            keys.values().forEach(used::addAll);
        });
        assertThat(used).as("docs/work.md says so").hasSize(33);
        for (Key<?> key : HandlerSettingsKeys.GROUP.keys()) {
            if (key.name().equals("type") || key.name().equals("work.type")) {
                continue;
            }
            assertThat(used.remove(key.name())).as(key.name()).isTrue();
            Map<String, String> without = around(key.name());
            var with = new HashMap<>(without);
            with.put(HANDLER + key.name(), valueOf(key));
            HandlerConfig set = handler(BridgeConfig.parse(with));
            assertThat(set).as(key.name()).isNotEqualTo(handler(BridgeConfig.parse(without)));
            assertThat(handler(environment(with))).as(key.name()).isEqualTo(set);
            if (!HandlerSettingsKeys.WITHOUT_DEFAULTS.contains(key)) {
                with.remove(HANDLER + key.name());
                with.put("work.defaults." + key.name(), valueOf(key));
                assertThat(handler(BridgeConfig.parse(with))).as(key.name()).isEqualTo(set);
            }
        }
        assertThat(used).as("keys that do not exist").isEmpty();
    }

    @Test
    void everyMethodOfTheBuilderHasAKeyThatCallsIt() throws Exception {
        var methods = new TreeSet<String>();
        for (Method method : WorkBuffer.Builder.class.getDeclaredMethods()) {
            if (Modifier.isPublic(method.getModifiers())
                    && method.getReturnType().equals(WorkBuffer.Builder.class)) {
                methods.add(method.getName());
            }
        }
        var known = new TreeSet<>(OF_BUILDER.keySet());
        known.addAll(OF_PROGRAMS);
        assertThat(methods).isEqualTo(known);
        var names = new ArrayList<String>();
        for (Key<?> key : WorkSettings.GROUP.keys()) {
            names.add(key.name());
            if (OF_BUILDER.containsValue(key.name())) {
                Map<String, String> with = Map.of(key.name(), valueOf(key));
                Map<String, Object> set = built(BridgeConfig.parse(with));
                assertThat(set).as(key.name()).isNotEqualTo(built(BridgeConfig.parse(Map.of())));
                assertThat(built(environment(with))).as(key.name()).isEqualTo(set);
            }
        }
        var expected = new ArrayList<>(OF_BUILDER.values());
        expected.addAll(OF_SERVICE);
        assertThat(names).containsExactlyInAnyOrderElementsOf(expected);
    }

    /** Returns the fields of a builder that the service has set up. */
    private static Map<String, Object> built(BridgeConfig config) throws IllegalAccessException, ConfigException {
        WorkBuffer.Builder builder = WorkBuffer.builder(new PGSimpleDataSource());
        config.work().settings().accept(builder);
        var fields = new TreeMap<String, Object>();
        for (Field field : WorkBuffer.Builder.class.getDeclaredFields()) {
            field.setAccessible(true);
            fields.put(field.getName(), String.valueOf(field.get(builder)));
        }
        fields.remove("dataSource");
        fields.remove("nanos");
        return fields;
    }
}
