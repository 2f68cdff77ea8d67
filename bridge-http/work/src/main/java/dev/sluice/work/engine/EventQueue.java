package dev.sluice.work.engine;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkEvent.Kind;
import dev.sluice.work.base.WorkThreads;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.LentConnections;
import dev.sluice.work.store.TypeRows;
import dev.sluice.work.watch.WorkEventJson;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes events as messages of the queue {@value Types#EVENTS}: those that have come while the last ones were written,
 * in one transaction. Each type has a partition of its own, so the events of a work stay in order.
 *
 * <p>An event is delivered at most once. It is lost if it finds no room, or if the process ends before it is written.
 * Events that found no room are counted, and the next transaction says how many in a message of its own. While
 * PostgreSQL does not answer, the events of the last transaction are kept, and written again under the same ids.
 */
final class EventQueue {
    private static final Logger log = LoggerFactory.getLogger(EventQueue.class);

    private static final int BATCH = 1_000;

    /** Wakes the thread when the queue is closed. */
    private static final WorkEvent END = new WorkEvent(Kind.RESUMED, "", null, 0, null);

    /** How long the thread keeps its connection without events. */
    private static final long IDLE_MS = 1_000;

    private static final long PAUSE_MS = 200;

    private final Tables tables;
    private final QueueWriter writer;
    private final Set<Kind> kinds;
    private final ArrayBlockingQueue<WorkEvent> waiting;
    private final Consumer<Set<String>> written;
    private final MessageIds ids = new MessageIds();
    private final AtomicLong dropped = new AtomicLong();
    private final Thread thread = WorkThreads.daemon("sluice-work-event-queue", this::run);
    private volatile boolean closed;
    private volatile boolean abandoned;
    private long toldDropped;
    private boolean failing;

    /**
     * Makes a queue that {@link #start} starts.
     *
     * @param kinds what is delivered
     * @param written gets the queue after events were written to it
     */
    EventQueue(
            DataSource dataSource,
            Tables tables,
            EngineSettings settings,
            Set<Kind> kinds,
            Consumer<Set<String>> written) {
        this.tables = tables;
        this.kinds = Set.copyOf(kinds);
        this.waiting = new ArrayBlockingQueue<>(settings.eventBuffer());
        this.written = written;
        QueueWriterConfig defaults = QueueWriterConfig.DEFAULTS;
        this.writer = new QueueWriter(
                new LentConnections(dataSource),
                new QueueWriterConfig(
                        settings.schema(), defaults.dedupWindow(), defaults.dedupMaxIds(), settings.cipher()));
    }

    void start() {
        thread.start();
    }

    /** Takes an event if it is to be delivered and there is room. Any thread; never waits. */
    void offer(WorkEvent event) {
        if (kinds.contains(event.kind()) && !waiting.offer(event)) {
            dropped.incrementAndGet();
        }
    }

    /** Returns how many events were dropped. */
    long dropped() {
        return dropped.get();
    }

    private void run() {
        List<WorkEvent> taken = List.of();
        List<NewMessage> unwritten = List.of();
        long told = 0;
        while (!abandoned && !(closed && waiting.isEmpty() && taken.isEmpty() && unwritten.isEmpty())) {
            try {
                if (unwritten.isEmpty()) {
                    taken = taken.isEmpty() ? next() : taken; // They are kept while PostgreSQL does not answer.
                    told = dropped.get();
                    unwritten = taken.isEmpty() ? List.of() : messages(taken, told - toldDropped);
                }
                if (unwritten.isEmpty()) {
                    writer.close(); // Gives the connection back.
                    continue;
                }
                writer.write(unwritten, List.of());
                unwritten = List.of();
                taken = List.of();
                toldDropped = told;
                written.accept(Set.of(Types.EVENTS));
                recovered();
            } catch (QueueException e) {
                if (!e.isTransient()) {
                    dropped.addAndGet(taken.size());
                    unwritten = List.of();
                    taken = List.of();
                }
                failed(e);
            } catch (InterruptedException e) {
                abandoned = true;
            } catch (RuntimeException | Error e) { // The thread must not die: no event would be delivered any more.
                dropped.addAndGet(taken.size());
                unwritten = List.of();
                taken = List.of();
                failed(e);
            }
        }
        waiting.remove(END);
        dropped.addAndGet(taken.size() + (long) waiting.size());
        writer.close();
    }

    /** Waits for events and takes as many as one transaction has room for; none if none comes for a while. */
    private List<WorkEvent> next() throws InterruptedException {
        var events = new ArrayList<WorkEvent>();
        WorkEvent first = waiting.poll(closed ? 0 : IDLE_MS, TimeUnit.MILLISECONDS);
        if (first != null) {
            events.add(first);
            waiting.drainTo(events, BATCH - 1);
            events.remove(END);
        }
        return events;
    }

    private List<NewMessage> messages(List<WorkEvent> events, long newlyDropped) {
        Set<String> sealed = sealedTypes(events);
        var messages = new ArrayList<NewMessage>(events.size() + 1);
        if (newlyDropped > 0) {
            messages.add(message(NewMessage.DEFAULT_PARTITION, WorkEventJson.dropped(newlyDropped)));
        }
        for (WorkEvent event : events) {
            WorkEvent told = sealed.contains(event.type())
                    ? new WorkEvent(event.kind(), event.type(), event.id(), event.attempt(), null)
                    : event;
            messages.add(message(event.type(), WorkEventJson.of(told)));
        }
        return messages;
    }

    private NewMessage message(String partition, String json) {
        var id = ids.next();
        return NewMessage.of(id, Types.EVENTS, partition, id.toString(), json.getBytes(StandardCharsets.UTF_8));
    }

    /** Returns the types whose details must not be written: their queues are encrypted, and that of events is not. */
    private Set<String> sealedTypes(List<WorkEvent> events) {
        var queues = new HashSet<String>();
        events.forEach(event -> queues.add(Types.queue(event.type())));
        queues.add(Types.EVENTS);
        return tables.transactions().run("could not read which queues are encrypted", connection -> {
            Set<String> encrypted = tables.types().load(connection, queues).stream()
                    .filter(TypeRows.State::isEncrypted)
                    .map(TypeRows.State::queue)
                    .collect(Collectors.toSet());
            return encrypted.contains(Types.EVENTS)
                    ? Set.<String>of()
                    : encrypted.stream().map(Types::ofQueue).collect(Collectors.toSet());
        });
    }

    private void failed(Throwable e) {
        if (!failing) {
            failing = true;
            log.warn("Could not write events of works to their queue; trying again queue={}", Types.EVENTS, e);
        }
        try {
            Thread.sleep(PAUSE_MS);
        } catch (InterruptedException interrupted) {
            abandoned = true;
        }
    }

    private void recovered() {
        if (failing) {
            failing = false;
            log.info("Events of works are written to their queue again dropped={}", dropped.get());
        }
    }

    /** Writes what waits, within a time. What is left then is dropped. */
    void close(Duration timeout) throws InterruptedException {
        closed = true;
        waiting.offer(END); // Wakes the thread; if there is no room, it does not sleep.
        thread.join(Math.max(1, timeout.toMillis()));
        if (thread.isAlive()) {
            abandoned = true;
            thread.interrupt();
            thread.join(Math.max(1, timeout.toMillis()));
        }
        if (dropped.get() > 0) {
            log.warn("Events of works were dropped and are not in their queue dropped={}", dropped.get());
        }
    }

    /** Makes a queue if something is to be delivered. */
    static @Nullable EventQueue of(
            DataSource dataSource,
            Tables tables,
            EngineSettings settings,
            Set<Kind> kinds,
            Consumer<Set<String>> written) {
        return kinds.isEmpty() ? null : new EventQueue(dataSource, tables, settings, kinds, written);
    }
}
