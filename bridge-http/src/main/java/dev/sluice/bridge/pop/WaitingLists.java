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
 * The waiting lists in use, found by where messages arrived: a queue, a partition, or a queue's namespace and task.
 * Guarded by the waiting room's lock.
 */
final class WaitingLists {
    private final Map<PopTarget, WaitingList> byTarget = new HashMap<>();
    private final Map<String, Set<WaitingList>> byQueue = new HashMap<>();
    private final Map<Across, Set<WaitingList>> byScope = new HashMap<>();

    /** Returns the list of a target, and makes it if there is none. */
    WaitingList open(PopTarget target) {
        WaitingList known = byTarget.get(target);
        if (known != null) {
            return known;
        }
        var list = new WaitingList(target);
        byTarget.put(target, list);
        if (target.scope() instanceof InQueue one) {
            byQueue.computeIfAbsent(one.queue(), queue -> new HashSet<>()).add(list);
        } else if (target.scope() instanceof Across across) {
            byScope.computeIfAbsent(across, scope -> new HashSet<>()).add(list);
        }
        return list;
    }

    /** Removes a list. */
    void remove(WaitingList list) {
        if (!byTarget.remove(list.target, list)) {
            return;
        }
        if (list.target.scope() instanceof InQueue one) {
            remove(byQueue, one.queue(), list);
        } else if (list.target.scope() instanceof Across across) {
            remove(byScope, across, list);
        }
    }

    private static <K> void remove(Map<K, Set<WaitingList>> lists, K key, WaitingList list) {
        Set<WaitingList> siblings = lists.get(key);
        siblings.remove(list);
        if (siblings.isEmpty()) {
            lists.remove(key);
        }
    }

    Collection<WaitingList> all() {
        return byTarget.values();
    }

    /**
     * Returns the lists whose target names this queue.
     *
     * @param partition only lists that this partition can serve; null: all
     */
    List<WaitingList> of(String queue, @Nullable String partition) {
        var found = new ArrayList<WaitingList>();
        for (WaitingList list : byQueue.getOrDefault(queue, Set.of())) {
            String wanted = ((InQueue) list.target.scope()).partition();
            if (partition == null || wanted == null || wanted.equals(partition)) {
                found.add(list);
            }
        }
        return found;
    }

    /** Returns whether any target reads across queues. */
    boolean anyAcross() {
        return !byScope.isEmpty();
    }

    /**
     * Returns the lists whose target reads across queues.
     *
     * @param namespace only lists that read queues of this namespace and task; null: all
     */
    List<WaitingList> across(@Nullable QueueNamespace namespace) {
        var found = new ArrayList<WaitingList>();
        byScope.forEach((across, lists) -> {
            if (namespace == null || across.matches(namespace)) {
                found.addAll(lists);
            }
        });
        return found;
    }
}
