package dev.sluice.bridge.api.manage;

import dev.sluice.bridge.drain.BufferDetail;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What the status routes tell. Methods return at once, with what is known now; any thread may call. */
public interface ServiceState {
    /** Returns whether the database answers and takes writes. Follows a fault within 6 s. */
    boolean databaseConnected();

    /** Returns what is wrong with the database, or null if it is connected. */
    @Nullable
    String databaseProblem();

    /** Returns why a push would be refused now, or null when it would be taken. */
    @Nullable
    String pushRefusal();

    /** Returns the state of the local log. */
    Buffer buffer();

    /**
     * Returns all there is to tell about the local log. Reads a little from disk.
     *
     * @throws IOException if that cannot be read
     */
    BufferDetail bufferDetail() throws IOException;

    /**
     * The local log.
     *
     * @param pending messages that are not in the database yet
     * @param failed messages the database refused for what they are
     * @param usedBytes size of the log on disk
     * @param limitBytes size above which pushes are refused
     * @param full whether pushes are refused for that
     * @param oldestAge age of the oldest pending message; zero when there is none
     * @param drain what moves messages on: {@code running}, {@code down} (it tries again), {@code paused} (it is told
     *     to wait), {@code holding} (there is no room for another failed record), {@code source_taken} or
     *     {@code broken} (it has stopped, a person must look); the worst of all lanes
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
