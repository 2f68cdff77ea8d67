package dev.sluice.queue.transact;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
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
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import javax.sql.DataSource;

/**
 * Moves dead letters back into their queues. One transaction pushes the message of a letter and removes the letter. The
 * message gets the transaction id {@code dlq:<id of the letter>}, so deduplication catches a second push. It keeps its
 * headers and its time of creation. It goes to the end of its partition, where every group reads it.
 *
 * <p>Safe for use by many threads and processes.
 */
public final class Redrive implements AutoCloseable {
    /** Most letters moved in one transaction. */
    public static final int MAX_LETTERS = 1_000;

    private static final MessageIds IDS = new MessageIds();

    private final WriterSession session;
    private final Statements statements;

    /** Makes an instance with a connection of its own. */
    public Redrive(DataSource dataSource, QueueWriterConfig config) {
        this.session = new WriterSession(dataSource, config);
        this.statements = Statements.read("redrive.sql", config.schema());
    }

    /** The outcome of the move of one dead letter. */
    public enum Verdict {
        /** The message is in its queue again. */
        MOVED,
        /** The message was in the partition already; the letter is removed. */
        DUPLICATE,
        /** The letter does not exist. */
        GONE
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
     * Moves letters in the order of their ids, and commits.
     *
     * @param ids ids of dead letters, at most {@value #MAX_LETTERS}
     * @throws QueueException if PostgreSQL failed; nothing is moved, unless the commit failed. A retry is safe
     */
    public synchronized Outcome run(List<Long> ids) {
        if (ids.size() > MAX_LETTERS) {
            throw new IllegalArgumentException("at most " + MAX_LETTERS + " dead letters, were " + ids.size());
        }
        return session.run("could not redrive " + ids.size() + " dead letters", transaction -> move(transaction, ids));
    }

    /** Pushes and removes the letters that exist. */
    private Ending<Outcome> move(WriterTransaction transaction, List<Long> ids) throws SQLException {
        Connection open = transaction.connection();
        var letters = new ArrayList<Long>();
        // Locating may end the transaction and with it the locks on the letters, so they are taken twice.
        boolean unused = transaction.locate(new Flush(take(open, ids, letters)));
        List<NewMessage> messages = take(open, ids, letters);
        var flush = new Flush(messages);
        if (letters.isEmpty()) {
            return Ending.rollBack(outcome(ids, letters, messages, flush));
        }
        if (!transaction.locateCached(flush) || !transaction.write(flush)) {
            return Ending.restart();
        }
        remove(open, letters);
        return Ending.commit(outcome(ids, letters, messages, flush));
    }

    private static Outcome outcome(List<Long> ids, List<Long> letters, List<NewMessage> pushed, Flush flush) {
        List<PushOutcome> outcomes = flush.outcomes();
        Map<Long, Verdict> verdicts = new HashMap<>();
        Map<Long, UUID> messages = new HashMap<>();
        for (int i = 0; i < letters.size(); i++) {
            long letter = letters.get(i);
            if (outcomes.get(i) instanceof PushOutcome.Duplicate duplicate) {
                verdicts.put(letter, Verdict.DUPLICATE);
                messages.put(letter, duplicate.id());
            } else {
                verdicts.put(letter, Verdict.MOVED);
                messages.put(letter, pushed.get(i).id());
            }
        }
        return new Outcome(
                ids.stream().map(id -> verdicts.getOrDefault(id, Verdict.GONE)).toList(), flush.queues(), messages);
    }

    /** Locks the letters and returns their messages. Puts the ids of the letters that exist into {@code taken}. */
    private List<NewMessage> take(Connection open, List<Long> ids, List<Long> taken) throws SQLException {
        taken.clear();
        return statements
                .on(open, "take-dead-letters")
                .set("ids", ids, Long::longValue)
                .list(row -> {
                    long id = row.getLong("id");
                    taken.add(id);
                    return NewMessage.builder(
                                    IDS.next(),
                                    row.getString("queue"),
                                    row.getString("partition_name"),
                                    "dlq:" + id,
                                    row.getBytes("payload"))
                            .traceId(row.getObject("trace_id", UUID.class))
                            .producerSub(row.getString("producer_sub"))
                            .headers(MessageHeaders.ofStored(row.getString("headers")))
                            .origin(new Origin(row.getTimestamp("created_at").toInstant(), null))
                            .build();
                });
    }

    private void remove(Connection open, List<Long> letters) throws SQLException {
        statements
                .on(open, "remove-dead-letters")
                .set("ids", letters, Long::longValue)
                .execute();
    }

    /** Gives the connection back to the data source. This can be used again. */
    @Override
    public synchronized void close() {
        session.close();
    }
}
