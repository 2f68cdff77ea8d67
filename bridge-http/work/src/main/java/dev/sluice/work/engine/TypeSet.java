package dev.sluice.work.engine;

import dev.sluice.work.rules.Types;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The types that an engine handles. Types come and go while it runs. Any thread. */
final class TypeSet {
    private volatile List<HandledType> all = List.of();
    private volatile Map<String, HandledType> byQueue = Map.of();

    /** Returns the types, in the order in which they came. What is returned does not change. */
    List<HandledType> all() {
        return all;
    }

    /** Returns the type with a queue; null: it is not handled. */
    @Nullable
    HandledType ofQueue(String queue) {
        return byQueue.get(queue);
    }

    Optional<HandledType> find(String name) {
        return Optional.ofNullable(byQueue.get(Types.queue(name)));
    }

    /**
     * Adds a type.
     *
     * @throws IllegalArgumentException if it has a handler
     */
    synchronized void add(HandledType type) {
        requireNone(type.name());
        var more = new ArrayList<>(all);
        more.add(type);
        set(more);
    }

    /**
     * Checks that a type may be added.
     *
     * @throws IllegalArgumentException if it has a handler
     */
    void requireNone(String name) {
        HandledType there = byQueue.get(Types.queue(name));
        if (there != null) {
            throw new IllegalArgumentException(
                    "type " + name + (there.isLeaving() ? " has a handler that is being removed" : " has a handler"));
        }
    }

    synchronized void remove(HandledType type) {
        var fewer = new ArrayList<>(all);
        fewer.remove(type);
        set(fewer);
    }

    private void set(List<HandledType> types) {
        var queues = new LinkedHashMap<String, HandledType>();
        types.forEach(type -> queues.put(type.queue(), type));
        byQueue = Map.copyOf(queues);
        all = List.copyOf(types);
    }
}
