package dev.sluice.queue.admin;

import dev.sluice.queue.Subscription;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A consumer group on one queue, and what it has left there.
 *
 * @param name name of the group
 * @param queue name of the queue
 * @param subscription where the group started, or is to start again
 * @param createdAt when the group was registered: its first pop
 * @param partitions how many partitions the queue has
 * @param partitionsWithLag in how many of them the group has something left
 * @param lag messages it has not done with, leased ones included
 * @param hasRead whether it is beyond the first message in any partition; a group that began at the newest one is
 * @param oldestUnreadAt when the oldest of them was written; null when there is none
 * @param timeLag how long ago that was, by the database's clock; zero when there is none
 */
public record GroupInfo(
        String name,
        String queue,
        Subscription subscription,
        Instant createdAt,
        long partitions,
        long partitionsWithLag,
        long lag,
        boolean hasRead,
        @Nullable Instant oldestUnreadAt,
        Duration timeLag) {}
