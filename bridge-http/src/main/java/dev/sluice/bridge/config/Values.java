package dev.sluice.bridge.config;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The value of every key, given or default. Immutable. */
final class Values {
    private final Map<String, Object> values = new TreeMap<>();
    private final Set<String> given;

    /**
     * Takes values.
     *
     * @param given values by key, each of the type of its {@link Key}; other keys have their default
     */
    Values(Map<String, Object> given) {
        this.given = Set.copyOf(given.keySet());
        BridgeKeys.all().forEach(key -> values.put(key.name(), given.getOrDefault(key.name(), key.byDefault())));
    }

    /** Returns the value of a key. */
    @SuppressWarnings("unchecked") // The parser of the key, or its default, made the value.
    <T> T get(Key<T> key) {
        return (T) values.get(key.name());
    }

    /** Returns whether a source of the configuration has the key. */
    boolean isGiven(Key<?> key) {
        return given.contains(key.name());
    }

    /** Returns the same values but for one key. */
    <T> Values with(Key<T> key, T value) {
        var changed = new TreeMap<>(values);
        changed.keySet().retainAll(given);
        changed.put(key.name(), value);
        return new Values(changed);
    }

    /** Returns each key with its value as text, without secrets, sorted by key. */
    Map<String, String> shown() {
        var shown = new TreeMap<String, String>();
        BridgeKeys.all().forEach(key -> shown.put(key.name(), key.show(get(key))));
        return shown;
    }
}
