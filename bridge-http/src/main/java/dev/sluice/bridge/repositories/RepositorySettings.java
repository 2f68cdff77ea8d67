package dev.sluice.bridge.repositories;

import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.write.QueueWriterConfig;

/**
 * How much the endpoints may do at a time.
 *
 * @param writers requests at a time that change something, each with a connection of the first pool
 * @param readers requests at a time that only read, each with a connection of the first pool
 * @param listMax most rows of a list in one answer
 * @param transactions transactions at a time, each with a connection of the second pool
 * @param directPushes direct pushes at a time, each with a connection of the second pool
 * @param queue settings of the queue
 * @param writer settings of each writer
 */
public record RepositorySettings(
        int writers,
        int readers,
        int listMax,
        int transactions,
        int directPushes,
        QueueConfig queue,
        QueueWriterConfig writer) {

    /** Returns the name of the schema. */
    public String schema() {
        return queue.schema();
    }
}
