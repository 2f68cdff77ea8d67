package dev.sluice.bridge.api.subscribe;

import dev.sluice.bridge.http.StreamWriter;
import dev.sluice.bridge.subscribe.Outbox;
import dev.sluice.bridge.subscribe.Subscriber;
import java.io.EOFException;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.server.Response;
import org.jspecify.annotations.Nullable;

/** Sends the events of a subscriber as server-sent events. */
final class SseClient implements Outbox.Client {
    private final StreamWriter writer;

    private SseClient(StreamWriter writer) {
        this.writer = writer;
    }

    /** Begins to send. Completes when the stream has ended; fails if the client disconnects. */
    static CompletableFuture<@Nullable Void> start(Subscriber subscriber, Response response) {
        var writer = new StreamWriter(response, subscriber.outbox());
        subscriber.outbox().connect(new SseClient(writer));
        return writer.ended().whenComplete((done, failure) -> subscriber.leave());
    }

    @Override
    public void wake() {
        writer.wake();
    }

    @Override
    public boolean isBusy() {
        return writer.isBusy();
    }

    @Override
    public void abort() {
        writer.abort(new EOFException("the client does not read"));
    }
}
