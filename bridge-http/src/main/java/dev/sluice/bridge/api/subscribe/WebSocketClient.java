package dev.sluice.bridge.api.subscribe;

import dev.sluice.bridge.subscribe.EndReason;
import dev.sluice.bridge.subscribe.Outbox;
import dev.sluice.bridge.subscribe.Subscriber;
import java.time.Duration;
import org.eclipse.jetty.util.IteratingCallback;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.jspecify.annotations.Nullable;

/**
 * Sends the events of a subscriber over a WebSocket, one text message each, without a thread that waits. What the
 * client sends is ignored.
 */
public final class WebSocketClient implements Session.Listener.AutoDemanding, Outbox.Client {
    private final Subscriber subscriber;
    private @Nullable Session session;
    private @Nullable Writer writer;

    /** Makes the end point of a handshake. */
    WebSocketClient(Subscriber subscriber) {
        this.subscriber = subscriber;
    }

    @Override
    public void onWebSocketOpen(Session opened) {
        opened.setIdleTimeout(Duration.ZERO); // The heartbeat notices that a client is gone.
        synchronized (this) {
            session = opened;
            writer = new Writer(opened);
        }
        subscriber.outbox().connect(this);
    }

    @Override
    public void onWebSocketClose(int statusCode, @Nullable String reason, Callback callback) {
        subscriber.leave();
        callback.succeed();
    }

    @Override
    public void onWebSocketError(Throwable cause) {
        subscriber.leave();
    }

    private synchronized @Nullable Writer writer() {
        return writer;
    }

    @Override
    public void wake() {
        Writer open = writer();
        if (open != null) {
            open.iterate();
        }
    }

    @Override
    public boolean isBusy() {
        Writer open = writer();
        return open != null && open.busy;
    }

    @Override
    public void abort() {
        Session open;
        synchronized (this) {
            open = session;
        }
        if (open != null) {
            open.disconnect();
        }
        subscriber.leave();
    }

    private final class Writer extends IteratingCallback {
        private final Session open;
        private volatile boolean busy;

        Writer(Session open) {
            this.open = open;
        }

        @Override
        protected Action process() {
            String text = subscriber.outbox().take();
            if (text == null) {
                return subscriber.outbox().isOver() ? Action.SUCCEEDED : Action.IDLE;
            }
            busy = true;
            open.sendText(text, Callback.from(this::written, this::failed));
            return Action.SCHEDULED;
        }

        private void written() {
            busy = false;
            succeeded();
        }

        @Override
        protected void onCompleteSuccess() {
            EndReason reason = subscriber.outbox().reason();
            if (reason != null) {
                open.close(reason.closeCode(), reason.text(), Callback.NOOP);
            }
        }

        @Override
        protected void onCompleteFailure(Throwable cause) {
            open.disconnect();
            subscriber.leave();
        }
    }
}
