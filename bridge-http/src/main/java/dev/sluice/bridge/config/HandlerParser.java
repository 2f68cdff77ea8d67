package dev.sluice.bridge.config;

import dev.sluice.bridge.work.ErrorRules;
import dev.sluice.bridge.work.HandlerConfig;
import dev.sluice.bridge.work.builtin.Builtin;
import dev.sluice.work.Batching;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.rules.Types;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Parses the keys of handlers: {@code work.handlers.NAME.…} and {@code work.defaults.…}. */
final class HandlerParser {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,99}");
    private static final Pattern CONFIG_KEY = Pattern.compile("\\S{1,255}");

    private final Map<String, String> found;
    private final Consumer<String> problems;

    /** Makes a parser of these values, which tells {@code problems} each problem. */
    HandlerParser(Map<String, String> found, Consumer<String> problems) {
        this.found = found;
        this.problems = problems;
    }

    /** Returns whether a key is for this parser. */
    static boolean owns(String key) {
        return key.startsWith(HandlerSettingsKeys.PREFIX) || key.startsWith(HandlerSettingsKeys.DEFAULTS);
    }

    /** Returns the handlers that are valid. */
    List<HandlerConfig> parse() {
        List<String> names = names();
        found.keySet().stream().filter(HandlerParser::owns).forEach(key -> checkKey(key, names));
        var handlers = new ArrayList<HandlerConfig>();
        var byWorkType = new HashMap<String, String>();
        for (String name : names) {
            HandlerConfig handler = handler(name);
            if (handler != null) {
                String other = byWorkType.putIfAbsent(handler.workType(), name);
                if (other != null) {
                    problems.accept("the handlers " + other + " and " + name + " have the same work.type "
                            + handler.workType());
                }
                handlers.add(handler);
            }
        }
        return handlers;
    }

    private List<String> names() {
        String key = WorkSettings.HANDLERS.name();
        String text = found.getOrDefault(key, "");
        var names = new ArrayList<String>();
        var variables = new HashSet<String>();
        for (String name : text.isBlank() ? List.<String>of() : WorkSettings.HANDLERS.parse(text)) {
            if (!NAME.matcher(name).matches()) {
                problems.accept(key + " must have names of letters, digits, _ and -, was " + text);
            } else if (!variables.add(HandlerVariables.of(name))) {
                problems.accept(key + " has two names with the same variables in the environment ("
                        + HandlerVariables.of(name) + "…): " + text);
            } else {
                names.add(name);
            }
        }
        return names;
    }

    private void checkKey(String key, List<String> names) {
        if (key.startsWith(HandlerSettingsKeys.DEFAULTS)) {
            if (defaults().noneMatch(key::equals)) {
                problems.accept(BridgeKeys.unknown(key, defaults()));
            }
            return;
        }
        String rest = key.substring(HandlerSettingsKeys.PREFIX.length());
        int dot = rest.indexOf('.');
        String name = dot < 0 ? rest : rest.substring(0, dot);
        if (!names.contains(name)) {
            problems.accept(key + " has no use: " + WorkSettings.HANDLERS.name() + " does not name " + name);
            return;
        }
        String beginning = HandlerSettingsKeys.PREFIX + name + ".";
        String end = dot < 0 ? "" : rest.substring(dot + 1);
        if (end.startsWith(HandlerSettingsKeys.CONFIG)) {
            if (!CONFIG_KEY
                    .matcher(end.substring(HandlerSettingsKeys.CONFIG.length()))
                    .matches()) {
                problems.accept(key + " must go on with the name of a setting of the handler");
            }
            return;
        }
        if (HandlerSettingsKeys.GROUP.keys().stream()
                .noneMatch(known -> known.name().equals(end))) {
            problems.accept(BridgeKeys.unknown(
                    key, HandlerSettingsKeys.GROUP.keys().stream().map(known -> beginning + known.name())));
        }
    }

    private static Stream<String> defaults() {
        return HandlerSettingsKeys.GROUP.keys().stream()
                .filter(key -> !HandlerSettingsKeys.WITHOUT_DEFAULTS.contains(key))
                .map(key -> HandlerSettingsKeys.DEFAULTS + key.name());
    }

    private @Nullable HandlerConfig handler(String name) {
        String beginning = HandlerSettingsKeys.PREFIX + name + ".";
        Optional<String> type = value(name, HandlerSettingsKeys.TYPE);
        String workType = value(name, HandlerSettingsKeys.WORK_TYPE).orElse(name);
        if (type.isEmpty()) {
            problems.accept(beginning + HandlerSettingsKeys.TYPE.name() + " must be set: the provider or the class of"
                    + " the handler");
            return null;
        }
        HandlerSettings settings;
        Batching batching;
        Builtin builtin;
        Map<String, String> config = config(name);
        try {
            Types.check(workType);
            settings = settings(name, BuiltinSettings.settings(type.get()));
            batching = batching(name);
            builtin = BuiltinSettings.make(type.get(), beginning, config);
            value(name, HandlerSettingsKeys.RETRY_ON).ifPresent(named(name, HandlerSettingsKeys.RETRY_ON)::parse);
        } catch (IllegalArgumentException e) {
            String problem = String.valueOf(e.getMessage());
            problems.accept(problem.startsWith("work.") ? problem : "handler " + name + ": " + problem);
            return null;
        }
        if (settings.breaker() == null) {
            refuseBreakerKeys(beginning);
        }
        List<String> neverOn = value(name, HandlerSettingsKeys.NEVER_ON)
                .map(HandlerSettingsKeys.NEVER_ON::parse)
                .orElse(List.of());
        var errors = new ErrorRules(
                value(name, HandlerSettingsKeys.RETRY_ON)
                        .map(HandlerSettingsKeys.RETRY_ON::parse)
                        .map(HandlerSettingsKeys.ErrorWaits::list)
                        .orElse(List.of()),
                value(name, HandlerSettingsKeys.BREAKER_IGNORE)
                        .map(HandlerSettingsKeys.BREAKER_IGNORE::parse)
                        .orElse(List.of()));
        return new HandlerConfig(name, workType, type.get(), settings, batching, neverOn, config, errors, builtin);
    }

    /** Returns what the handler itself gets. */
    private Map<String, String> config(String name) {
        var config = new TreeMap<String, String>();
        String ofConfig = HandlerSettingsKeys.PREFIX + name + "." + HandlerSettingsKeys.CONFIG;
        found.forEach((key, value) -> {
            if (key.startsWith(ofConfig)) {
                config.put(key.substring(ofConfig.length()), value);
            }
        });
        return config;
    }

    /** Refuses what a handler without a circuit breaker says of it. */
    private void refuseBreakerKeys(String beginning) {
        for (Key<?> key : HandlerSettingsKeys.GROUP.keys()) {
            String text = found.getOrDefault(beginning + key.name(), "");
            if (key.name().startsWith(HandlerSettingsKeys.BREAKER)
                    && !text.isBlank()
                    && !text.strip().equals(key.defaultText())) {
                problems.accept(beginning + key.name() + " has no use: the handler has no circuit breaker, because none"
                        + " of breaker.failure.rate, breaker.threshold and breaker.slow.ms is set");
            }
        }
    }

    /** Returns how works are handed to a batch handler; null if the handler does not say it. */
    private @Nullable Batching batching(String name) {
        String size = HandlerSettingsKeys.PREFIX + name + "." + HandlerSettingsKeys.BATCH_SIZE.name();
        String linger = HandlerSettingsKeys.PREFIX + name + "." + HandlerSettingsKeys.BATCH_LINGER.name();
        if (found.getOrDefault(size, "").isBlank()
                && found.getOrDefault(linger, "").isBlank()) {
            return null;
        }
        return new Batching(
                given(HandlerSettingsKeys.BATCH_SIZE.named(size)),
                given(HandlerSettingsKeys.BATCH_LINGER.named(linger)));
    }

    private <T> T given(Key<T> key) {
        String text = found.getOrDefault(key.name(), "");
        return text.isBlank() ? key.byDefault() : key.parse(text);
    }

    /** Returns what is set for a handler, or for all handlers. */
    private Optional<String> value(String name, Key<?> key) {
        return Stream.of(HandlerSettingsKeys.PREFIX + name + ".", HandlerSettingsKeys.DEFAULTS)
                .map(beginning -> found.get(beginning + key.name()))
                .filter(text -> text != null && !text.isBlank())
                .findFirst();
    }

    private HandlerSettings settings(String name, HandlerSettings usual) {
        HandlerSettings settings = usual;
        for (HandlerSettingsKeys.Binding<?> binding : HandlerSettingsKeys.bindings()) {
            Key<?> key = binding.key();
            Optional<String> text = value(name, key);
            String instead = HandlerSettingsKeys.INSTEAD.get(key.name());
            boolean isReplaced = instead != null && isOwn(name, instead) && !isOwn(name, key.name());
            if (text.isPresent() && !isReplaced) {
                settings = binding.apply(settings, named(name, key), text.get());
            }
        }
        return settings;
    }

    /** Returns whether a handler has a key itself. */
    private boolean isOwn(String name, String key) {
        return !found.getOrDefault(HandlerSettingsKeys.PREFIX + name + "." + key, "")
                .isBlank();
    }

    /** Returns a key with its whole name: that of the handler, or of all handlers. */
    private <T> Key<T> named(String name, Key<T> key) {
        return key.named(
                (isOwn(name, key.name()) ? HandlerSettingsKeys.PREFIX + name + "." : HandlerSettingsKeys.DEFAULTS)
                        + key.name());
    }
}
