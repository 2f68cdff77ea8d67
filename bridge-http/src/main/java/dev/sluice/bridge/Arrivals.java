package dev.sluice.bridge;

import java.util.Set;
import java.util.function.Consumer;

/**
 * Spreads the news that queues have messages: to the pops that wait here, to the work engine and the subscribers here,
 * and to other processes. Each of them knows its own messages already. Any thread may call; nothing blocks.
 */
final class Arrivals {
    private final Consumer<String> pops;
    private volatile Consumer<String> work = queue -> {};
    private volatile Consumer<String> subscribers = queue -> {};
    private volatile Consumer<Set<String>> others = queues -> {};

    /** Makes it. {@code pops} gets each queue. */
    Arrivals(Consumer<String> pops) {
        this.pops = pops;
    }

    void toWork(Consumer<String> receiver) {
        work = receiver;
    }

    void toSubscribers(Consumer<String> receiver) {
        subscribers = receiver;
    }

    void toOthers(Consumer<Set<String>> receiver) {
        others = receiver;
    }

    /** This process has written messages. */
    void here(Set<String> queues) {
        queues.forEach(this::heard);
        others.accept(queues);
    }

    /** The work engine of this process has written messages. */
    void ofWorks(Set<String> queues) {
        queues.forEach(pops);
        queues.forEach(subscribers);
        others.accept(queues);
    }

    /** Another process has written messages. */
    void heard(String queue) {
        pops.accept(queue);
        work.accept(queue);
        subscribers.accept(queue);
    }
}
