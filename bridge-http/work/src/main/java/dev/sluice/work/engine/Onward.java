package dev.sluice.work.engine;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueException;
import dev.sluice.work.Callbacks;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkId;
import dev.sluice.work.base.Room;
import dev.sluice.work.callback.CallbackHeaders;
import dev.sluice.work.callback.CallbackMessage;
import dev.sluice.work.callback.CallbackMessage.Ending;
import dev.sluice.work.rules.JsonText;
import dev.sluice.work.rules.Types;
import dev.sluice.work.run.Run;
import dev.sluice.work.run.Verdict;
import dev.sluice.work.store.TypeRows;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What works write when they end: the messages that their handlers forward, and callbacks. They are put into the outbox
 * in the transaction that stores how the works ended, and the enqueuer moves them to their queues. So they exist if and
 * only if that is stored.
 */
final class Onward {
    private final Tables tables;
    private final EngineSettings settings;
    private final Enqueuer enqueuer;
    private final Room room;
    private final MessageIds ids = new MessageIds();

    Onward(Tables tables, EngineSettings settings, Enqueuer enqueuer, Room room) {
        this.tables = tables;
        this.settings = settings;
        this.enqueuer = enqueuer;
        this.room = room;
    }

    /** Asks for scheduled messages to be moved to their queues. */
    void releaseDue() {
        enqueuer.releaseDue();
    }

    /** A message, and the lane of its partition; null: that of the priority of its queue. */
    private record Outgoing(NewMessage message, @Nullable PriorityLane lane) {}

    /**
     * Messages of works, ready to be stored.
     *
     * @param refused why the messages of works cannot be written: those works have failed
     */
    record Messages(Map<Begun, List<Outgoing>> of, Map<Begun, RuntimeException> refused) {
        private static final Messages NONE = new Messages(Map.of(), Map.of());
    }

    /** Makes the messages of works. Costs nothing if there are none. */
    Messages of(Collection<Ended> ended) {
        Map<Begun, List<Outgoing>> of = null;
        var refused = new HashMap<Begun, RuntimeException>();
        for (Ended each : ended) {
            List<Outcome.Forward> forwards =
                    each.verdict() instanceof Verdict.Finish finish ? finish.forwards() : List.of();
            CallbackMessage callback = callback(each);
            if (forwards.isEmpty() && callback == null) {
                continue;
            }
            of = of == null ? new HashMap<>() : of;
            try {
                takeRoom(forwards);
                of.put(each.begun(), messages(each.begun(), forwards, callback));
            } catch (RuntimeException e) {
                if (e instanceof QueueException failure && !failure.isAboutData()) {
                    throw e;
                }
                refused.put(each.begun(), e);
            }
        }
        return of == null ? Messages.NONE : sealed(of, refused);
    }

    private void takeRoom(List<Outcome.Forward> forwards) {
        var works = new HashMap<String, Integer>();
        forwards.stream()
                .filter(each -> Types.isQueue(each.queue()))
                .forEach(each -> works.merge(Types.ofQueue(each.queue()), 1, Integer::sum));
        works.forEach(room::takeAtOnce);
    }

    private List<Outgoing> messages(Begun begun, List<Outcome.Forward> forwards, @Nullable CallbackMessage callback) {
        var messages = new ArrayList<Outgoing>(forwards.size() + 1);
        for (int i = 0; i < forwards.size(); i++) {
            Outcome.Forward each = forwards.get(i);
            messages.add(new Outgoing(
                    message(each.queue(), each.partition(), begun.id() + ":" + i, each.payload(), each.headers()),
                    null));
        }
        if (callback != null) {
            // A work that is put back from the dead letters may fail for good once more, at another place.
            String suffix = callback.ending() == Ending.COMPLETED
                    ? ":result"
                    : ":failure:" + begun.place().partitionId() + "-"
                            + begun.place().seq();
            messages.add(outgoing(callback, begun.id() + suffix));
        }
        return messages;
    }

    private Outgoing outgoing(CallbackMessage callback, String transactionId) {
        String target = String.valueOf(callback.target());
        String json = callback.json();
        if (Callbacks.isUrl(target)) {
            Work webhook = Work.of(Callbacks.WEBHOOK, json).metadata(Callbacks.URL, target);
            return new Outgoing(enqueuer.message(webhook), webhook.priority());
        }
        return new Outgoing(message(target, NewMessage.DEFAULT_PARTITION, transactionId, json, Map.of()), null);
    }

    private NewMessage message(
            String queue, String partition, String transactionId, String json, Map<String, String> headers) {
        return NewMessage.builder(ids.next(), queue, partition, transactionId, json.getBytes(StandardCharsets.UTF_8))
                .headers(headers.isEmpty() ? MessageHeaders.NONE : MessageHeaders.ofStored(JsonText.object(headers)))
                .build();
    }

    /** Returns what the callback of a work is told; null: nothing, or the work runs again. */
    private static @Nullable CallbackMessage callback(Ended each) {
        Begun begun = each.begun();
        Callbacks callbacks = begun.callbacks();
        if (callbacks.equals(Callbacks.NONE) || each.verdict() instanceof Verdict.Again) {
            return null;
        }
        int before = begun.history().attempts();
        CallbackMessage callback;
        if (each.verdict() instanceof Verdict.Finish finish) {
            callback = finish.isCancelled()
                    ? new CallbackMessage(begun.id(), begun.work(), Ending.CANCELLED, before, null, null)
                    : new CallbackMessage(
                            begun.id(), begun.work(), Ending.COMPLETED, before + 1, finish.result(), null);
        } else {
            Verdict.Bury bury = (Verdict.Bury) each.verdict();
            callback = new CallbackMessage(
                    begun.id(),
                    begun.work(),
                    Ending.DEAD_LETTERED,
                    before + (bury.failure() == null ? 0 : 1),
                    null,
                    bury.reason());
        }
        return callback.target() == null ? null : callback;
    }

    /** Returns the messages, encrypted if their queues are. */
    private Messages sealed(Map<Begun, List<Outgoing>> of, Map<Begun, RuntimeException> refused) {
        Set<String> queues = new HashSet<>();
        of.values().forEach(each -> each.forEach(one -> queues.add(one.message().queue())));
        if (queues.isEmpty()) {
            return new Messages(of, refused);
        }
        Set<String> encrypted = tables.transactions()
                .run("could not read the queues of messages", connection -> encrypted(connection, queues));
        var sealed = new HashMap<Begun, List<Outgoing>>();
        of.forEach((begun, messages) -> {
            try {
                sealed.put(
                        begun,
                        messages.stream().map(each -> sealed(each, encrypted)).toList());
            } catch (RuntimeException e) {
                refused.put(begun, e);
            }
        });
        return new Messages(sealed, refused);
    }

    private Outgoing sealed(Outgoing each, Set<String> encrypted) {
        NewMessage message = each.message();
        if (!encrypted.contains(message.queue())) {
            return each;
        }
        settings.cipher().requireKey(message.queue());
        return new Outgoing(settings.cipher().seal(message), each.lane());
    }

    /** Stores the messages of those works whose endings the transaction stores. */
    void store(Connection connection, Messages messages, List<Ended> held) throws SQLException {
        if (messages.of().isEmpty()) {
            return;
        }
        for (Ended each : held) {
            for (Outgoing one : messages.of().getOrDefault(each.begun(), List.of())) {
                tables.outbox().add(connection, one.message(), one.lane(), null);
            }
        }
    }

    /** Stores what is told of a work that was cancelled while it waited. */
    void cancelled(Connection connection, String type, WorkId id, MessageHeaders headers, int attempts)
            throws SQLException {
        Callbacks callbacks = CallbackHeaders.of(headers);
        if (callbacks.failTo() == null) {
            return;
        }
        Work work = Work.of(type, "null")
                .idempotencyKey(headers.get(Begun.KEY_HEADER))
                .callbacks(callbacks);
        for (Map.Entry<String, String> each : Run.metadata(headers).entrySet()) {
            work = work.metadata(each.getKey(), each.getValue());
        }
        var callback = new CallbackMessage(id, work, Ending.CANCELLED, attempts, null, null);
        Outgoing outgoing = outgoing(callback, id + ":failure:cancelled");
        Set<String> encrypted = encrypted(connection, Set.of(outgoing.message().queue()));
        Outgoing sealed = sealed(outgoing, encrypted);
        tables.outbox().add(connection, sealed.message(), sealed.lane(), null);
    }

    private Set<String> encrypted(Connection connection, Set<String> queues) throws SQLException {
        return tables.types().load(connection, queues).stream()
                .filter(TypeRows.State::isEncrypted)
                .map(TypeRows.State::queue)
                .collect(Collectors.toSet());
    }

    /** Moves what was stored to its queues soon. */
    void stored(Messages messages) {
        if (!messages.of().isEmpty()) {
            enqueuer.watchOutbox();
        }
    }
}
