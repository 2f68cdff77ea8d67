package dev.sluice.queue.transact;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.WorkHeaders;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.Ending;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterSession;
import dev.sluice.queue.write.WriterTransaction;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Moves dead letters back into their queues, or into another one. One transaction pushes the message of a letter and
 * removes the letter. The message gets the transaction id {@code dlq:<id of the letter>}, so deduplication catches a
 * second push. It keeps its headers and its time of creation. It goes to the end of its partition, where every group
 * reads it. The letter of a work becomes a work again ({@link WorkReplay}).
 *
 * <p>In another queue the message has a partition of the same name. What the work engine knows of it stays behind. A
 * letter that is encrypted is decrypted and encrypted for the other queue. It is refused if that queue is not
 * encrypted: nothing becomes readable by a redrive.
 *
 * <p>Safe for use by many threads and processes.
 */
public final class Redrive implements AutoCloseable {
    /** Most letters moved by one call. */
    public static final int MAX_LETTERS = 1_000;

    /** Bytes of payloads and headers in one transaction. A letter that exceeds them is moved alone. */
    static final long MAX_BYTES = 16L << 20;

    private static final MessageIds IDS = new MessageIds();

    private final WriterSession session;
    private final Statements statements;
    private final PayloadCipher cipher;
    private final WorkReplay works;
    private final long maxBytes;

    /** Makes an instance with a connection of its own. */
    public Redrive(DataSource dataSource, QueueWriterConfig config) {
        this(dataSource, config, MAX_BYTES);
    }

    /**
     * Makes an instance for a process with little memory.
     *
     * @param maxBytes bytes of payloads and headers in one transaction, instead of 16 MiB
     */
    public Redrive(DataSource dataSource, QueueWriterConfig config, long maxBytes) {
        this.session = new WriterSession(dataSource, config);
        this.statements = Statements.read("redrive.sql", config.schema());
        this.cipher = config.cipher();
        this.works = new WorkReplay(statements, cipher);
        this.maxBytes = maxBytes;
    }

    /** The outcome of the move of one dead letter. */
    public enum Verdict {
        /** The message is in its queue again. */
        MOVED,
        /** The message was in the partition already, or another work stands for it; the letter is removed. */
        DUPLICATE,
        /** The letter does not exist. */
        GONE,
        /** The letter stays, because it cannot be moved. */
        REFUSED
    }

    /**
     * The outcome of a move.
     *
     * @param verdicts one for each id, in the order given
     * @param queues names of the queues that got messages
     * @param messages ids of the messages that the letters have become, by id of the letter
     */
    public record Outcome(List<Verdict> verdicts, Set<String> queues, Map<Long, UUID> messages) {
        public Outcome {
            verdicts = List.copyOf(verdicts);
            queues = Set.copyOf(queues);
            messages = Map.copyOf(messages);
        }
    }

    /**
     * What one transaction has done.
     *
     * @param verdicts by id; of the first of the letters, as many as one transaction moves
     * @param messages ids of the messages that letters have become, by id of the letter
     * @param refusals why letters were refused, by id
     * @param queues names of the queues that got messages
     */
    public record Step(
            TreeMap<Long, Verdict> verdicts, Map<Long, UUID> messages, Map<Long, String> refusals, Set<String> queues) {
        /** Returns how many letters have a verdict. */
        public long count(Verdict verdict) {
            return verdicts.values().stream().filter(verdict::equals).count();
        }
    }

    /** Stores something in the transaction of a step. */
    public interface Addition {
        /** Returns false to roll the transaction back. */
        boolean add(Connection connection, Step step) throws SQLException;
    }

    /**
     * Moves letters in the order of their ids, in one transaction or, if they are large, in several.
     *
     * @param ids ids of dead letters, at most {@value #MAX_LETTERS}
     * @throws QueueException if PostgreSQL failed; nothing is moved, unless a transaction before has committed or the
     *     commit failed. A retry is safe
     */
    public Outcome run(List<Long> ids) {
        if (ids.size() > MAX_LETTERS) {
            throw new IllegalArgumentException("at most " + MAX_LETTERS + " dead letters, were " + ids.size());
        }
        var verdicts = new HashMap<Long, Verdict>();
        var messages = new HashMap<Long, UUID>();
        var queues = new HashSet<String>();
        List<Long> left = ids.stream().sorted().distinct().toList();
        while (!left.isEmpty()) {
            Step step = step(left, null, (connection, done) -> true).orElseThrow();
            verdicts.putAll(step.verdicts());
            messages.putAll(step.messages());
            queues.addAll(step.queues());
            left = left.stream().filter(id -> !verdicts.containsKey(id)).toList();
        }
        return new Outcome(ids.stream().map(verdicts::get).toList(), queues, messages);
    }

    /**
     * Moves the first of the letters in one transaction.
     *
     * @param ids ids of dead letters, ascending, 1 to {@value #MAX_LETTERS}
     * @param target name of the queue that gets the messages; null: each goes back to its own
     * @param addition runs last in the transaction
     * @return what was done; empty if the addition returned false
     * @throws QueueException if PostgreSQL failed; nothing is moved, unless the commit failed. A retry is safe
     */
    public synchronized Optional<Step> step(List<Long> ids, @Nullable String target, Addition addition) {
        return session.run(
                "could not redrive " + ids.size() + " dead letters",
                transaction -> move(transaction, ids, target, addition));
    }

    private Ending<Optional<Step>> move(
            WriterTransaction transaction, List<Long> ids, @Nullable String target, Addition addition)
            throws SQLException {
        Connection open = transaction.connection();
        List<Long> some = firstOf(open, ids);
        // Locating may end the transaction and with it the locks on the letters, so they are taken twice.
        List<NewMessage> places = take(open, some).stream()
                .map(letter -> staysIn(letter, target)
                        ? letter.again(MessageHeaders.NONE, letter.workLane())
                        : letter.message(IDS.next(), target, letter.payload(), MessageHeaders.NONE))
                .toList();
        boolean unused = transaction.locate(new Flush(places));
        var plan = new RedrivePlan();
        plan(open, take(open, some), target, plan);
        var flush = new Flush(plan.messages());
        if (!plan.moved().isEmpty() && (!transaction.locateCached(flush) || !transaction.write(flush))) {
            return Ending.restart();
        }
        if (!plan.works().isEmpty()) {
            works.keepReports(open, plan.works());
        }
        var removed = new ArrayList<>(plan.moved());
        removed.addAll(plan.repeated().keySet());
        remove(open, removed);
        Step step = step(some, plan, flush);
        return addition.add(open, step) ? Ending.commit(Optional.of(step)) : Ending.rollBack(Optional.empty());
    }

    private static boolean staysIn(TakenLetter letter, @Nullable String target) {
        return target == null || target.equals(letter.queue());
    }

    private List<Long> firstOf(Connection open, List<Long> ids) throws SQLException {
        Optional<Long> end = ids.size() == 1
                ? Optional.empty()
                : statements
                        .on(open, "beyond-size")
                        .set("ids", ids, Long::longValue)
                        .set("max_bytes", maxBytes)
                        .first(row -> row.getLong("id"));
        return end.isEmpty() ? ids : ids.stream().filter(id -> id < end.get()).toList();
    }

    /** Locks the letters, and returns those that exist. */
    private List<TakenLetter> take(Connection open, List<Long> ids) throws SQLException {
        return statements
                .on(open, "take-dead-letters")
                .set("ids", ids, Long::longValue)
                .list(TakenLetter::of);
    }

    private void plan(Connection open, List<TakenLetter> letters, @Nullable String target, RedrivePlan plan)
            throws SQLException {
        var again = new ArrayList<TakenLetter>();
        var moving = new ArrayList<TakenLetter>();
        for (TakenLetter letter : letters) {
            boolean stays = staysIn(letter, target);
            if (stays && letter.workLane() != null) {
                again.add(letter);
            } else if (stays) {
                plan.move(letter, letter.message(IDS.next(), letter.queue(), letter.payload(), letter.headers()));
            } else {
                moving.add(letter);
            }
        }
        works.plan(open, again, plan);
        if (target != null && !moving.isEmpty()) {
            planInto(open, moving, target, plan);
        }
    }

    private void planInto(Connection open, List<TakenLetter> letters, String target, RedrivePlan plan)
            throws SQLException {
        Optional<Boolean> isEncrypted =
                statements.on(open, "target").set("queue", target).first(row -> row.getBoolean("encryption_enabled"));
        for (TakenLetter letter : letters) {
            byte[] payload = cipher.open(letter.queue(), letter.payload());
            MessageHeaders headers = cipher.open(letter.queue(), letter.headers());
            boolean isSecret =
                    letter.ofEncryptedQueue() || payload != letter.payload() || !headers.equals(letter.headers());
            if (isEncrypted.isEmpty()) {
                plan.refuse(letter, "queue " + target + " does not exist");
            } else if (cipher.cannotOpen(letter.queue(), payload) || cipher.cannotOpen(letter.queue(), headers)) {
                plan.refuse(letter, RedrivePlan.NO_KEY);
            } else if (isSecret && !isEncrypted.get()) {
                plan.refuse(letter, "it is encrypted, and queue " + target + " is not");
            } else {
                plan.move(letter, letter.message(IDS.next(), target, payload, withoutWork(headers)));
            }
        }
    }

    private static MessageHeaders withoutWork(MessageHeaders headers) {
        return headers.isEmpty()
                ? headers
                : headers.with(WorkHeaders.KEY, null)
                        .with(WorkHeaders.DEADLINE, null)
                        .with(WorkHeaders.PRIORITY, null)
                        .with(WorkHeaders.REPLAYED, null);
    }

    private static Step step(List<Long> ids, RedrivePlan plan, Flush flush) {
        var verdicts = new TreeMap<Long, Verdict>();
        ids.forEach(id -> verdicts.put(id, Verdict.GONE));
        verdicts.putAll(plan.verdicts());
        Map<Long, UUID> messages = new HashMap<>(plan.repeated());
        List<Long> moved = plan.moved();
        List<PushOutcome> outcomes = moved.isEmpty() ? List.of() : flush.outcomes();
        for (int i = 0; i < moved.size(); i++) {
            if (outcomes.get(i) instanceof PushOutcome.Duplicate duplicate) {
                verdicts.put(moved.get(i), Verdict.DUPLICATE);
                messages.put(moved.get(i), duplicate.id());
            } else {
                verdicts.put(moved.get(i), Verdict.MOVED);
                messages.put(moved.get(i), plan.messages().get(i).id());
            }
        }
        return new Step(verdicts, messages, plan.refused(), flush.queues());
    }

    private void remove(Connection open, List<Long> letters) throws SQLException {
        if (!letters.isEmpty()) {
            statements
                    .on(open, "remove-dead-letters")
                    .set("ids", letters, Long::longValue)
                    .execute();
        }
    }

    /** Gives the connection back to the data source. This can be used again. */
    @Override
    public synchronized void close() {
        session.close();
    }
}
