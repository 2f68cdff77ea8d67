package dev.sluice.bridge.api.manage;

import dev.sluice.bridge.drain.BufferDetail;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The state of the service, for the status routes. Methods return at once. Any thread may call. */
public interface ServiceState {
    /** Returns whether the database answers and takes writes. Follows a fault within 6 s. */
    boolean databaseConnected();

    /** Returns what is wrong with the database, or null if it is connected. */
    @Nullable
    String databaseProblem();

    /** Returns why the service refuses pushes now, or null if it accepts them. */
    @Nullable
    String pushRefusal();

    /** Returns the state of the local log. */
    Buffer buffer();

    /**
     * Returns the details of the local log. Reads a little from disk.
     *
     * @throws IOException if the disk cannot be read
     */
    BufferDetail bufferDetail() throws IOException;

    /**
     * The local log.
     *
     * @param pending messages that are not in the database yet
     * @param failed messages that the database refused because of their content
     * @param usedBytes size of the log on disk
     * @param limitBytes size above which pushes are refused
     * @param full whether pushes are refused because of that size
     * @param oldestAge age of the oldest pending message; zero when there is none
     * @param drain the state of the drain, which is the worst state of its lanes: {@code running}, {@code down} (it
     *     retries), {@code paused} (by maintenance), {@code holding} (no room for another failed record),
     *     {@code source_taken} or {@code broken} (it has stopped, and an operator must act)
     */
    record Buffer(
            long pending,
            long failed,
            long usedBytes,
            long limitBytes,
            boolean full,
            Duration oldestAge,
            String drain) {}
}
