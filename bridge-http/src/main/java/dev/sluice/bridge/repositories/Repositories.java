package dev.sluice.bridge.repositories;

import dev.sluice.bridge.limits.HeapShares;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.admin.ScheduledMessages;
import dev.sluice.queue.letters.DeadLetterJobs;
import dev.sluice.queue.letters.ErrorGroups;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueReader;
import dev.sluice.queue.read.QueueTail;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.transact.Streams;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.QueueOverview;
import dev.sluice.queue.view.ServerStatistics;
import dev.sluice.queue.view.StoredMessages;
import dev.sluice.queue.view.Traces;
import javax.sql.DataSource;

/**
 * One of each repository that endpoints use. Only the wiring and the table of routes see this record; an endpoint gets
 * the repository that it needs. Every call of a repository blocks until PostgreSQL has answered, so it belongs into a
 * {@link DatabaseExecutor}.
 *
 * @param queues queues, their options and their partitions
 * @param queue acknowledges and extends leases
 * @param groups consumer groups
 * @param deadLetters dead letters
 * @param redrive moves dead letters back into their queues
 * @param errorGroups counts dead letters by shape of error
 * @param deadLetterJobs jobs that move or delete dead letters
 * @param scheduled messages that are not due
 * @param overview counts of messages by queue, namespace and task
 * @param messages stored messages
 * @param traces traces of messages
 * @param streams state of stream processors
 * @param ends how far queues reach
 * @param reader reads messages by position
 * @param counters what the bridges have counted, by minute
 * @param server statistics of PostgreSQL
 */
public record Repositories(
        Queues queues,
        Queue queue,
        ConsumerGroups groups,
        DeadLetters deadLetters,
        Redrive redrive,
        ErrorGroups errorGroups,
        DeadLetterJobs deadLetterJobs,
        ScheduledMessages scheduled,
        QueueOverview overview,
        StoredMessages messages,
        Traces traces,
        Streams streams,
        QueueTail ends,
        QueueReader reader,
        MinuteCounters counters,
        ServerStatistics server) {

    /**
     * Makes the repositories. Does not ask the database yet.
     *
     * @param dataSource a pool of its own, so that administration and consumers cannot starve each other
     * @param configured runs after the commit of changed options of a queue
     */
    public static Repositories over(DataSource dataSource, RepositorySettings settings, Runnable configured) {
        String schema = settings.schema();
        var cipher = settings.queue().cipher();
        long deadLetterBytes = HeapShares.transaction(DeadLetters.MAX_PAGE_BYTES);
        var deadLetters = new DeadLetters(dataSource, schema, cipher, deadLetterBytes);
        return new Repositories(
                new Queues(dataSource, schema, cipher, configured),
                Queue.onSharedPool(dataSource, settings.queue()),
                new ConsumerGroups(dataSource, schema),
                deadLetters,
                new Redrive(dataSource, settings.writer(), deadLetterBytes),
                new ErrorGroups(dataSource, schema),
                new DeadLetterJobs(dataSource, schema, deadLetters),
                new ScheduledMessages(
                        dataSource, schema, cipher, HeapShares.transaction(ScheduledMessages.MAX_PAGE_BYTES)),
                new QueueOverview(dataSource, schema),
                new StoredMessages(dataSource, schema, cipher),
                new Traces(dataSource, schema, cipher),
                new Streams(dataSource, schema, cipher, (int) HeapShares.transaction(Streams.MAX_CHARACTERS)),
                new QueueTail(dataSource, schema),
                new QueueReader(dataSource, schema, cipher),
                new MinuteCounters(dataSource, schema),
                new ServerStatistics(dataSource, schema));
    }
}
