package dev.sluice.bridge.notice;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.write.Ending;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterSession;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * Writes notices to the queue {@value #QUEUE}, in one transaction with the change that they tell. Safe for use by many
 * threads, one at a time.
 */
public final class NoticeWriter implements AutoCloseable {
    /** The queue of notices, and of the events of works. */
    public static final String QUEUE = "sluice.events";

    /** The partition of notices. */
    public static final String PARTITION = "notices";

    private final WriterSession session;
    private final Consumer<Set<String>> written;
    private final MessageIds ids = new MessageIds();

    /**
     * Makes a writer; its first transaction opens its connection.
     *
     * @param written gets the queue after the commit
     */
    public NoticeWriter(DataSource dataSource, QueueWriterConfig config, Consumer<Set<String>> written) {
        this.session = new WriterSession(dataSource, config);
        this.written = written;
    }

    /** A change that is told. */
    public interface Change {
        /** Makes the change. Returns what is to be told of it; none: there was nothing to change. */
        List<Notice> on(Connection connection) throws SQLException;
    }

    /**
     * Makes a change and tells it, in one transaction. Gives the connection back.
     *
     * @param what what could not be done, should it fail
     * @return what was told
     * @throws QueueException if PostgreSQL failed; nothing has changed
     * @throws OutcomeUnknownException if it is not known whether the transaction has committed
     */
    public synchronized List<Notice> tell(String what, Change change) {
        try {
            List<Notice> told = session.run(what, transaction -> {
                var place = new Flush(List.of(message(new byte[] {'0'})));
                if (!transaction.locate(place)) {
                    return Ending.restart();
                }
                List<Notice> notices = change.on(transaction.connection());
                if (notices.isEmpty()) {
                    return Ending.commit(notices);
                }
                var flush = new Flush(
                        notices.stream().map(notice -> message(notice.bytes())).toList());
                return transaction.locateCached(flush) && transaction.write(flush)
                        ? Ending.commit(notices)
                        : Ending.restart();
            });
            if (!told.isEmpty()) {
                written.accept(Set.of(QUEUE));
            }
            return told;
        } finally {
            session.close();
        }
    }

    private NewMessage message(byte[] json) {
        UUID id = ids.next();
        return NewMessage.of(id, QUEUE, PARTITION, id.toString(), json);
    }

    @Override
    public synchronized void close() {
        session.close();
    }
}
