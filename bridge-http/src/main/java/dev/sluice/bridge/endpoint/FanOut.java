package dev.sluice.bridge.endpoint;

import dev.sluice.bridge.endpoint.FanOutRows.Ready;
import dev.sluice.queue.Message;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.read.Taking;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.write.Ending;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterSession;
import dev.sluice.queue.write.WriterTransaction;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies messages to the endpoints that match: from the groups of endpoints to their queues of works. A transaction
 * serves several groups. If one of them cannot be served, each is served in a transaction of its own, so that it holds
 * up no other. Owned by one thread.
 */
final class FanOut implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(FanOut.class);

    /** Most groups of a transaction. */
    private static final int GROUPS = 16;

    /** Most messages that a transaction takes for a group. */
    private static final int MESSAGES = 500;

    /** Most bytes that a transaction reads for a group. */
    private static final long BYTES = 1 << 20;

    /**
     * The state of a failure to decrypt a message: a data exception. It is not transient, so that the other groups go
     * on.
     */
    private static final String UNREADABLE = "22000";

    private final WriterSession session;
    private final Taking taking;
    private final FanOutRows rows;
    private final EndpointRows endpoints;
    private final PayloadCipher cipher;
    private final long waiting;
    private final Consumer<Set<String>> written;

    /** The partition of this process in the queues of works: two bridges do not wait for each other. */
    private final String partition =
            PriorityLane.NORMAL.partition(ThreadLocalRandom.current().nextInt(PriorityLane.PARTITIONS));

    private final Set<Ready> refused = new HashSet<>();
    private final LongAdder copied = new LongAdder();

    /**
     * Makes a fan-out; its first run opens its connection.
     *
     * @param waiting most works of an endpoint that wait
     * @param written gets the queues that have new works, after the commit
     */
    FanOut(
            DataSource dataSource,
            QueueWriterConfig config,
            FanOutRows rows,
            EndpointRows endpoints,
            long waiting,
            Consumer<Set<String>> written) {
        this.session = new WriterSession(dataSource, config);
        this.taking = new Taking(config.schema(), config.cipher(), BYTES);
        this.rows = rows;
        this.endpoints = endpoints;
        this.cipher = config.cipher();
        this.waiting = waiting;
        this.written = written;
    }

    /** Returns how many works this process has written. Any thread may call. */
    long copied() {
        return copied.sum();
    }

    /**
     * Takes the messages that endpoints have not got, and copies them once.
     *
     * @param active the active endpoints, by their groups
     * @return whether something was taken, so that there may be more
     * @throws QueueException if PostgreSQL failed; what was copied before stays
     */
    boolean run(Map<String, Selection.Matcher> active) {
        if (active.isEmpty()) {
            return false;
        }
        Map<Ready, Long> room = session.run("could not look for messages of endpoints", transaction -> {
            List<Ready> ready = rows.ready(transaction.connection(), active.keySet());
            return Ending.rollBack(ready.isEmpty() ? Map.of() : room(transaction, ready));
        });
        refused.removeIf(each -> !active.containsKey(each.group()));
        List<Ready> late = room.keySet().stream().filter(refused::contains).toList();
        List<Ready> all =
                room.keySet().stream().filter(each -> !late.contains(each)).toList();
        boolean hasTaken = false;
        for (int i = 0; i < all.size(); i += GROUPS) {
            Map<Ready, Long> some = new LinkedHashMap<>();
            all.subList(i, Math.min(all.size(), i + GROUPS)).forEach(each -> some.put(each, room.get(each)));
            hasTaken |= copy(some, active);
        }
        for (Ready each : late) { // Last and alone: what they wait for holds up no other.
            hasTaken |= copy(Map.of(each, room.get(each)), active);
        }
        return hasTaken;
    }

    /** Returns the groups that have room for works, and how many messages may be taken for each. */
    private Map<Ready, Long> room(WriterTransaction transaction, List<Ready> ready) throws SQLException {
        Set<String> queues =
                ready.stream().map(each -> EndpointNames.queue(each.endpoint())).collect(Collectors.toSet());
        Map<String, Long> taken = new HashMap<>(rows.waiting(transaction.connection(), queues));
        Map<Ready, Long> room = new LinkedHashMap<>();
        for (Ready each : ready) {
            String queue = EndpointNames.queue(each.endpoint());
            long left = Math.min(MESSAGES, waiting - taken.getOrDefault(queue, 0L));
            if (left > 0 && reads(each)) {
                room.put(each, left);
                taken.merge(queue, left, Long::sum); // Several queues of an endpoint share its room.
            }
        }
        return room;
    }

    /** Whether this process can read the messages of a group. It cannot decrypt without a key. */
    private boolean reads(Ready ready) {
        return !ready.encrypted() || cipher.hasKey();
    }

    private boolean copy(Map<Ready, Long> room, Map<String, Selection.Matcher> active) {
        try {
            boolean hasTaken = copyTogether(room, active);
            refused.removeAll(room.keySet());
            return hasTaken;
        } catch (RuntimeException e) {
            OneByOne.requireOfOne(e);
            if (room.size() == 1) {
                refuse(room.keySet().iterator().next(), e);
                return false;
            }
            log.debug("Could not copy messages to endpoints together, copying them one by one", e);
        }
        boolean hasTaken = false;
        for (Map.Entry<Ready, Long> each : room.entrySet()) {
            hasTaken |= copy(Map.of(each.getKey(), each.getValue()), active);
        }
        return hasTaken;
    }

    private void refuse(Ready ready, RuntimeException e) {
        if (refused.add(ready)) {
            log.warn(
                    "Could not copy messages to an endpoint; they wait in their queue endpoint={} queue={}",
                    ready.endpoint(),
                    ready.queue(),
                    e);
        }
    }

    /** What a transaction has done. */
    private record Copied(boolean hasTaken, List<NewMessage> works) {}

    private boolean copyTogether(Map<Ready, Long> room, Map<String, Selection.Matcher> active) {
        Copied done;
        try {
            done = session.run("could not copy messages to endpoints", transaction -> copy(transaction, room, active));
        } catch (OutcomeUnknownException e) {
            log.warn(
                    "Messages were copied to endpoints or not; the cursors of the groups tell reason={}",
                    e.getMessage());
            return true; // Either both have changed, the cursors and the queues, or neither.
        }
        if (!done.works().isEmpty()) {
            copied.add(done.works().size());
            written.accept(done.works().stream().map(NewMessage::queue).collect(Collectors.toSet()));
        }
        return done.hasTaken();
    }

    /** Finds the partitions of the works first, because that ends the transaction. */
    private Ending<Copied> copy(
            WriterTransaction transaction, Map<Ready, Long> room, Map<String, Selection.Matcher> active)
            throws SQLException {
        Set<String> ids = room.keySet().stream().map(Ready::endpoint).collect(Collectors.toSet());
        if (!transaction.locate(places(ids))) {
            return Ending.restart();
        }
        Set<String> held = endpoints.holdActive(transaction.connection(), ids);
        boolean hasTaken = false;
        var works = new ArrayList<NewMessage>();
        for (Map.Entry<Ready, Long> each : room.entrySet()) {
            Ready ready = each.getKey();
            Selection.Matcher matcher = active.get(ready.group());
            if (matcher == null || !held.contains(ready.endpoint())) {
                continue;
            }
            int limit = each.getValue().intValue();
            for (Taking.Taken taken :
                    taking.takeRegistered(transaction.connection(), ready.queue(), ready.group(), limit)) {
                hasTaken = true;
                for (Message message : taken.messages()) {
                    requireOpened(ready, message);
                    if (matcher.wants(message)) {
                        works.add(work(ready, message));
                    }
                }
            }
        }
        if (works.isEmpty()) {
            return hasTaken
                    ? Ending.commit(new Copied(true, List.of()))
                    : Ending.rollBack(new Copied(false, List.of()));
        }
        var flush = new Flush(works);
        return transaction.locateCached(flush) && transaction.write(flush)
                ? Ending.commit(new Copied(true, works))
                : Ending.restart();
    }

    private Flush places(Set<String> ids) {
        return new Flush(ids.stream()
                .map(id -> NewMessage.of(new UUID(0, 0), EndpointNames.queue(id), partition, id, new byte[] {'0'}))
                .toList());
    }

    private static void requireOpened(Ready ready, Message message) {
        if (ready.encrypted() && PayloadCipher.isUnopened(message)) {
            throw new QueueException(
                    "queue " + ready.queue() + " has messages that no key in encryption.keys decrypts",
                    UNREADABLE,
                    null);
        }
    }

    /**
     * Makes the work of a message. What was encrypted in its queue is encrypted in that of the works. A message that is
     * a work itself keeps its callbacks and its deadline for itself: they are not those of the delivery.
     */
    private NewMessage work(Ready ready, Message message) {
        UUID id = EndpointNames.work(message.id(), ready.endpoint());
        NewMessage work = NewMessage.builder(
                        id, EndpointNames.queue(ready.endpoint()), partition, id.toString(), message.payload())
                .generatedTransactionId(true) // A group that was moved back delivers again.
                .headers(message.headers().withoutReserved())
                .traceId(message.traceId())
                .producerSub(message.producerSub())
                .build();
        return ready.encrypted() ? cipher.seal(work) : work;
    }

    /** Gives the connection back. The fan-out can be used again. */
    @Override
    public void close() {
        session.close();
    }
}
