package dev.sluice.bridge.api.work;

import dev.sluice.bridge.api.work.EventStream.EventFrames;
import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.system.Threads;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkListener;
import dev.sluice.work.watch.WorkEventJson;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Gives the events of the works here to the streams of clients. Listens to the engine from the first client until some
 * time after the last one, and keeps the newest events, so that a client that connects again misses nothing.
 *
 * <p>The id of an event is a name that is new each time the hub begins to listen, a hyphen, and a number that counts up
 * from 1. A client that names an event that is not kept any more is told so.
 */
final class EventHub implements AutoCloseable {
    /** How often a stream without events gets a line, so that a client that is gone is noticed. */
    private static final Duration BEAT = Duration.ofSeconds(15);

    /** How long after its last client the hub goes on listening. */
    private static final Duration LINGER = Duration.ofMinutes(1);

    /** How long a client should wait before it connects again. */
    private static final Duration RETRY = Duration.ofSeconds(2);

    /**
     * Bounds.
     *
     * @param clients most streams at a time ({@code http.max.event.streams})
     * @param room most events that wait for a client, and that are kept ({@code http.event.stream.buffer})
     */
    record Limits(int clients, int room) {}

    /** An event that is kept for clients that connect again. */
    private static final class Kept {
        private final long number;
        private final String type;
        private final byte[] frame;

        Kept(long number, String type, byte[] frame) {
            this.number = number;
            this.type = type;
            this.frame = frame;
        }
    }

    private final Limits limits;
    private final Set<EventStream> streams = new CopyOnWriteArraySet<>(); // A write may end its stream at once.
    private final ArrayDeque<Kept> kept = new ArrayDeque<>();
    private final ScheduledThreadPoolExecutor clock = Threads.clock("sluice-event-streams");
    private @Nullable WorkBuffer heard;
    private WorkListener.@Nullable Listening listening;
    private @Nullable ScheduledFuture<?> beats;
    private String name = "";
    private long last;
    private long lost;
    private long idleSinceNanos;
    private boolean closed;

    EventHub(Limits limits) {
        this.limits = limits;
    }

    /**
     * Opens a stream. The caller starts it, and calls {@link #leave} when it has ended.
     *
     * @param types of the events; empty: all
     * @param lastId id of the last event that the client has got; null: it begins
     * @throws OverloadedException if there are as many streams as there may be, or the service stops
     */
    synchronized EventStream open(WorkBuffer buffer, Set<String> types, @Nullable String lastId) {
        if (closed) {
            throw new OverloadedException("The service is stopping");
        }
        if (streams.size() >= limits.clients()) {
            streams.forEach(EventStream::beat); // Those whose clients are gone end soon.
            throw new OverloadedException("There are " + streams.size() + " streams of events, at most "
                    + limits.clients() + " are possible (http.max.event.streams)");
        }
        listen(buffer);
        var stream = new EventStream(types, limits.room() + 2); // And the two lines of the beginning.
        stream.add(EventFrames.hello(RETRY.toMillis()));
        if (lastId != null) {
            resume(stream, lastId);
        }
        streams.add(stream);
        return stream;
    }

    private void resume(EventStream stream, String lastId) {
        long from = number(lastId);
        long oldest = kept.isEmpty() ? last + 1 : kept.getFirst().number;
        if (from < oldest - 1 || from > last) {
            stream.add(EventFrames.gap("resumed too late"));
            return;
        }
        for (Kept event : kept) {
            if (event.number > from && stream.wants(event.type)) {
                stream.add(event.frame);
            }
        }
    }

    /** Returns the number in the id of an event of this name; -1 for any other text. */
    private long number(String id) {
        int hyphen = id.lastIndexOf('-');
        if (hyphen < 0 || !id.substring(0, hyphen).equals(name)) {
            return -1;
        }
        try {
            return Long.parseLong(id.substring(hyphen + 1));
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    private void listen(WorkBuffer buffer) {
        if (buffer.equals(heard)) {
            return;
        }
        stopListening();
        name = Long.toHexString(ThreadLocalRandom.current().nextLong());
        last = 0;
        lost = 0;
        heard = buffer;
        listening = buffer.listen(this::on);
        beats = clock.scheduleWithFixedDelay(this::beat, BEAT.toMillis(), BEAT.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void stopListening() {
        if (listening != null) {
            listening.close();
            listening = null;
        }
        if (beats != null) {
            beats.cancel(false);
            beats = null;
        }
        heard = null;
        kept.clear();
    }

    private synchronized void on(WorkEvent event) {
        if (listening != null && listening.dropped() > lost) { // The engine was faster than this thread.
            lost = listening.dropped();
            streams.forEach(stream -> stream.add(EventFrames.gap("busy")));
        }
        String id = name + "-" + ++last;
        byte[] frame = EventFrames.event(id, WorkEventJson.name(event.kind()), WorkEventJson.of(event));
        if (kept.size() >= limits.room()) {
            kept.removeFirst();
        }
        kept.add(new Kept(last, event.type(), frame));
        for (EventStream stream : streams) {
            if (stream.wants(event.type())) {
                stream.add(frame);
            }
        }
    }

    private synchronized void beat() {
        streams.forEach(EventStream::beat);
        if (streams.isEmpty() && System.nanoTime() - idleSinceNanos >= LINGER.toNanos()) {
            stopListening();
        }
    }

    /** Forgets a stream that has ended. A further call has no effect. */
    synchronized void leave(EventStream stream) {
        if (streams.remove(stream) && streams.isEmpty()) {
            idleSinceNanos = System.nanoTime();
        }
    }

    /** Ends all streams. */
    @Override
    public void close() {
        List<EventStream> open;
        synchronized (this) {
            closed = true;
            stopListening();
            open = new ArrayList<>(streams);
        }
        open.forEach(EventStream::close);
        clock.shutdownNow();
    }
}
