package dev.sluice.bridge.http;

import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.IteratingCallback;
import org.jspecify.annotations.Nullable;

/** Writes a body whose end is not known, when the client reads, without a thread that waits. Any thread may call. */
public final class StreamWriter {
    /** What is written. Any thread may call, one at a time. */
    public interface Source {
        /** Returns the next bytes; null: none wait. */
        @Nullable
        ByteBuffer next();

        /** Returns whether nothing comes any more. */
        boolean isOver();

        /** Called once if the client has disconnected. */
        void lost();
    }

    private final Writer writer;
    private final CompletableFuture<@Nullable Void> ended = new CompletableFuture<>();

    /** Makes it. Writes nothing before the first {@link #wake}. */
    public StreamWriter(Response response, Source source) {
        writer = new Writer(response, source);
    }

    /** Writes what waits, unless it does so already. */
    public void wake() {
        writer.iterate();
    }

    /** Returns whether the client has not read yet what was written last. */
    public boolean isBusy() {
        return writer.busy;
    }

    /** Ends the connection. */
    public void abort(Throwable reason) {
        writer.abort(reason);
    }

    /** Completes when the stream has ended; fails if the client has disconnected. */
    public CompletableFuture<@Nullable Void> ended() {
        return ended;
    }

    private final class Writer extends IteratingCallback {
        private final Response response;
        private final Source source;
        private volatile boolean busy;

        Writer(Response response, Source source) {
            this.response = response;
            this.source = source;
        }

        @Override
        protected Action process() {
            ByteBuffer bytes = source.next();
            if (bytes == null) {
                return source.isOver() ? Action.SUCCEEDED : Action.IDLE;
            }
            busy = true;
            response.write(false, bytes, Callback.from(this::written, this::failed));
            return Action.SCHEDULED;
        }

        private void written() {
            busy = false;
            succeeded();
        }

        @Override
        protected void onCompleteSuccess() {
            ended.complete(null);
        }

        @Override
        protected void onCompleteFailure(Throwable cause) {
            source.lost();
            ended.completeExceptionally(cause);
        }
    }
}
