package dev.sluice.bridge.cli;

import dev.sluice.bridge.ingest.BufferLayout;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.FailedRecords.Retried;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.IntakeFullException;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.bridge.ingest.MessageTooLargeException;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.buffer.SyncPolicy;
import dev.sluice.queue.NewMessage;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;

/**
 * Requeues to the log of a stopped bridge. It appends as the bridge would: through an {@link Intake}, to the lanes of
 * the directory, always synced. The next start drains these messages after the earlier ones.
 */
final class StoppedLog implements Requeue.Destination {
    private final Path directory;
    private final Lanes lanes;
    private final Intake intake;
    private long taken;

    private StoppedLog(Path directory, Lanes lanes) {
        this.directory = directory;
        this.lanes = lanes;
        this.intake = new Intake(lanes, Duration.ZERO);
    }

    /**
     * Opens the lanes.
     *
     * @throws dev.sluice.buffer.DirectoryLockedException if a bridge has them open
     */
    static StoppedLog open(BufferLayout layout, BufferSettings settings) throws IOException {
        if (layout.problem().isPresent()) {
            throw new CannotOpenException(layout.problem().get() + "; repair it first, or start a bridge");
        }
        int count = layout.lanes().orElse(settings.lanes());
        var lanes = Lanes.open(layout.directory(), count, settings.log().withSync(SyncPolicy.always()));
        return new StoppedLog(layout.directory(), lanes);
    }

    @Override
    public void take(List<NewMessage> messages, List<byte[]> lines) throws IOException, InterruptedException {
        try {
            for (PushResult result :
                    intake.accept(List.copyOf(messages), Durability.BUFFERED).get()) {
                if (result instanceof PushResult.Failed failed) {
                    throw new Requeue.StoppedException(failed.error());
                }
                taken++;
            }
        } catch (ExecutionException e) {
            if (e.getCause() instanceof MessageTooLargeException && messages.size() > 1) {
                for (int i = 0; i < messages.size(); i++) {
                    take(List.of(messages.get(i)), List.of(lines.get(i)));
                }
                return;
            }
            if (e.getCause() instanceof IntakeFullException || e.getCause() instanceof MessageTooLargeException) {
                throw new Requeue.StoppedException(e.getCause().getMessage());
            }
            throw new IOException(e.getCause().getMessage(), e.getCause());
        }
    }

    @Override
    public long taken() {
        return taken;
    }

    @Override
    public Retried retryFailed() throws IOException, InterruptedException {
        try (var failed = FailedRecords.open(directory)) {
            return failed.retryAll(messages -> intake.accept(messages, Durability.BUFFERED));
        }
    }

    @Override
    public void close() throws IOException {
        intake.close();
        lanes.close();
    }
}
