package dev.sluice.bridge.pop;

import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PopTarget.Across;
import dev.sluice.queue.PopTarget.InQueue;
import dev.sluice.queue.QueueNamespace;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The lanes that are in use, found by what has got something to read: a queue, a partition, or the place of a queue.
 * Guarded by the dispatcher's lock.
 */
final class PopLanes {
    private final Map<PopTarget, PopLane> byTarget = new HashMap<>();
    private final Map<String, Set<PopLane>> byQueue = new HashMap<>();
    private final Map<Across, Set<PopLane>> byPlace = new HashMap<>();

    /** Returns the lane of a target; makes it if there is none. */
    PopLane open(PopTarget target) {
        PopLane known = byTarget.get(target);
        if (known != null) {
            return known;
        }
        var lane = new PopLane(target);
        byTarget.put(target, lane);
        if (target.scope() instanceof InQueue one) {
            byQueue.computeIfAbsent(one.queue(), queue -> new HashSet<>()).add(lane);
        } else if (target.scope() instanceof Across across) {
            byPlace.computeIfAbsent(across, place -> new HashSet<>()).add(lane);
        }
        return lane;
    }

    /** Forgets a lane. */
    void close(PopLane lane) {
        if (!byTarget.remove(lane.target, lane)) {
            return;
        }
        if (lane.target.scope() instanceof InQueue one) {
            remove(byQueue, one.queue(), lane);
        } else if (lane.target.scope() instanceof Across across) {
            remove(byPlace, across, lane);
        }
    }

    private static <K> void remove(Map<K, Set<PopLane>> lanes, K key, PopLane lane) {
        Set<PopLane> siblings = lanes.get(key);
        siblings.remove(lane);
        if (siblings.isEmpty()) {
            lanes.remove(key);
        }
    }

    Collection<PopLane> all() {
        return byTarget.values();
    }

    /**
     * Returns the lanes of a queue that is named in their target.
     *
     * @param partition only those that can be served from this partition; null: all
     */
    List<PopLane> of(String queue, @Nullable String partition) {
        var found = new ArrayList<PopLane>();
        for (PopLane lane : byQueue.getOrDefault(queue, Set.of())) {
            String wanted = ((InQueue) lane.target.scope()).partition();
            if (partition == null || wanted == null || wanted.equals(partition)) {
                found.add(lane);
            }
        }
        return found;
    }

    /** Returns whether any lane reads across queues. */
    boolean anyAcross() {
        return !byPlace.isEmpty();
    }

    /**
     * Returns the lanes that read across queues.
     *
     * @param place only those that read a queue there; null: all
     */
    List<PopLane> across(@Nullable QueueNamespace place) {
        var found = new ArrayList<PopLane>();
        byPlace.forEach((across, lanes) -> {
            if (place == null || across.matches(place)) {
                found.addAll(lanes);
            }
        });
        return found;
    }
}
