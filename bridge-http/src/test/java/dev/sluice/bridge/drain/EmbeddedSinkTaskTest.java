package dev.sluice.bridge.drain;

import static dev.sluice.bridge.drain.PositionIntervals.withPositionInterval;
import static dev.sluice.bridge.ingest.IngestFixture.copy;

import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.IngestFixture;
import dev.sluice.bridge.ingest.IngestFixture.Setup;
import dev.sluice.bridge.ingest.MessageCodec;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.connect.sink.QueueSinkTask;
import dev.sluice.connect.sink.SinkTaskContract;
import dev.sluice.queue.NewMessage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;

/** The contract of the sink task under the driver of the bridge: records and positions are those of the local log. */
class EmbeddedSinkTaskTest extends SinkTaskContract {
    /** The longest time until a position is durable. */
    private static final Duration POSITION_INTERVAL = Duration.ofMillis(50);

    @TempDir
    private Path directory;

    @Override
    protected Host host(String url, Map<String, String> properties) throws IOException {
        var task = new HashMap<>(properties);
        task.put(QueueSinkConfig.CONNECTION_URL, url);
        task.put(QueueSinkConfig.CONNECTION_USER, "postgres");
        return new OverLog(directory, task);
    }

    private static final class OverLog implements Host {
        private final Path directories;
        private final Map<String, String> task;
        private final byte[] firstPosition;
        private IngestFixture ingest;
        private int lives;
        private boolean isOpen;

        OverLog(Path directories, Map<String, String> task) throws IOException {
            this.directories = directories;
            this.task = task;
            this.ingest = open();
            this.firstPosition = Files.readAllBytes(positionFile());
        }

        private Path directory() {
            return directories.resolve("life-" + lives);
        }

        private Path positionFile() {
            return directory().resolve("generation-1/lane-0/position");
        }

        private IngestFixture open() {
            isOpen = true;
            SegmentLogConfig log = withPositionInterval(SegmentLogConfig.defaults(directory()), POSITION_INTERVAL);
            Setup setup = Setup.at(directory()).withLog(log).withTask(task);
            return new IngestFixture(setup, QueueSinkTask::new);
        }

        @Override
        public void send(List<NewMessage> messages) {
            ingest.pushed(Durability.BUFFERED, messages.toArray(NewMessage[]::new));
        }

        @Override
        public void start() {
            if (!isOpen) {
                ingest = open();
            }
            ingest.start();
        }

        /**
         * Leaves the directory as a kill would: a clean stop deletes committed entries, so that the drain could not
         * repeat them.
         */
        @Override
        public void stop() throws IOException {
            Path killed = directory();
            lives++;
            copy(killed, directory());
            isOpen = false;
            ingest.close();
        }

        @Override
        public void handOver() {
            ingest.close();
            ingest = open().start();
        }

        @Override
        public void rewind() throws IOException {
            Files.write(positionFile(), firstPosition);
        }

        @Override
        public long position() throws IOException {
            return ByteBuffer.wrap(Files.readAllBytes(positionFile())).getLong(40);
        }

        @Override
        public List<String> reported() throws IOException {
            return ingest.failed.entries().list(-1, 10).stream()
                    .map(FailedRecord::payload)
                    .map(MessageCodec::decode)
                    .map(NewMessage::transactionId)
                    .toList();
        }

        @Override
        public void close() {
            if (isOpen) {
                ingest.close();
            }
        }
    }
}
