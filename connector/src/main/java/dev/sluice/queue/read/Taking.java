package dev.sluice.queue.read;

import dev.sluice.queue.Message;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.read.ReadyCursors.Registered;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Takes messages out of the partitions of a queue for a group that keeps leases of its own, in a transaction of the
 * caller. The cursors move past the messages at once, so a partition is ready for the next taker while the messages are
 * still worked on. The caller stores what it has taken in the same transaction.
 *
 * <p>A partition can be <em>closed</em>: then one message is taken, and the cursor is not ready until {@link #open}. So
 * the messages of the partition are worked on one after the other.
 *
 * <p>No state. Safe for use by many threads.
 */
public final class Taking {
    /**
     * Most rounds in one call. A further round follows only if cursors had nothing but deleted messages, or a lane has
     * more cursors than were locked.
     */
    private static final int MAX_ROUNDS = 10;

    private static final int LANES = PriorityLane.values().length;

    private final Statements statements;
    private final Statements sliceStatements;
    private final ReadyCursors readyCursors;
    private final PayloadCipher cipher;
    private final long maxBytes;

    /**
     * Makes a taking.
     *
     * @param maxBytes most bytes of payloads and headers that one call reads; a first message that is larger is still
     *     read
     */
    public Taking(String schema, PayloadCipher cipher, long maxBytes) {
        this.statements = Statements.read("taking.sql", schema);
        this.sliceStatements = Statements.read("message_slice.sql", schema);
        this.readyCursors = new ReadyCursors(schema);
        this.cipher = cipher;
        this.maxBytes = maxBytes;
    }

    /**
     * Messages that were taken from a partition.
     *
     * @param lane the most urgent lane that waited in the partition
     * @param firstSeq seq of the first message that the cursor moved past; it may be deleted
     * @param lastSeq seq of the last message that was taken. The new position of the cursor may be behind it: messages
     *     that follow and are done are passed too
     * @param closed whether the partition is closed now
     * @param messages those of the messages up to {@code lastSeq} that are to be worked on, in order; not empty.
     *     Payloads and headers are decrypted if the cipher has the key
     */
    public record Taken(
            long queueId,
            long partitionId,
            PriorityLane lane,
            long firstSeq,
            long lastSeq,
            boolean closed,
            List<Message> messages) {}

    /**
     * Decides how many messages are taken of each lane. Lanes are given by their numbers.
     *
     * <p>Each call of {@link #take} asks for the cursors first, and then shares out what they have. If a lane has more
     * cursors than were locked, and there is room left, it asks again.
     */
    public interface Lanes {
        /** Returns how many messages may still be taken. */
        int left();

        /** Returns most cursors that are locked of each lane; null: the most urgent ones, as many as messages. */
        long @Nullable [] cursors();

        /**
         * Returns how many messages are taken of each lane.
         *
         * @param ready how many can be taken of each
         */
        long[] share(Connection connection, long[] ready) throws SQLException;

        /** Notes how many messages were taken: fewer than were shared out, if they are large or deleted. */
        void took(int messages);

        /** Notes that nothing was taken because other transactions hold all ready cursors. */
        default void heldUp() {}
    }

    /** The most urgent lanes first. */
    private static final class Strict implements Lanes {
        private int left;

        Strict(int limit) {
            this.left = limit;
        }

        @Override
        public int left() {
            return left;
        }

        @Override
        public long @Nullable [] cursors() {
            return null;
        }

        @Override
        public long[] share(Connection connection, long[] ready) {
            long[] shares = new long[ready.length];
            long rest = left;
            for (int lane = 0; lane < ready.length; lane++) {
                shares[lane] = Math.min(rest, ready[lane]);
                rest -= shares[lane];
            }
            return shares;
        }

        @Override
        public void took(int messages) {
            left -= messages;
        }
    }

    /** The run of a cursor that one call takes, while it is read. */
    static final class Run {
        final ReadyCursor cursor;
        private final boolean closes;
        private long end;
        final List<Message> messages = new ArrayList<>();

        Run(ReadyCursor cursor, boolean closes, long end) {
            this.cursor = cursor;
            this.closes = closes;
            this.end = end;
        }

        /** Returns the position of the cursor after the run: done messages that follow the run are passed too. */
        long position() {
            return cursor.acked().endOfRunAfter(Math.max(end, cursor.position()));
        }

        boolean isClosed() {
            return closes && !messages.isEmpty();
        }

        Taken taken() {
            return new Taken(
                    cursor.queueId(),
                    cursor.partitionId(),
                    PriorityLane.ofNumber(cursor.lane()),
                    cursor.position() + 1,
                    end,
                    isClosed(),
                    messages);
        }
    }

    /**
     * Takes messages: the most urgent lane first, and in a lane from the partitions that have been ready longest. The
     * first call registers the group at the beginning of the queue.
     *
     * @param limit most messages, 1 or more
     * @param closes tells by the name of a partition whether it is to be closed
     * @return what was taken, by partition; empty if there is nothing to take
     */
    public List<Taken> take(Connection connection, String queue, String group, int limit, Predicate<String> closes)
            throws SQLException {
        return take(connection, queue, group, new Strict(limit), closes);
    }

    /** Takes messages, as many of each lane as {@code lanes} says. See {@link #take}. */
    public List<Taken> take(Connection connection, String queue, String group, Lanes lanes, Predicate<String> closes)
            throws SQLException {
        return take(connection, queue, group, lanes, closes, true);
    }

    /**
     * Takes messages for a group that {@link #register} has registered, and closes no partition. If somebody has
     * deleted the group, nothing is taken.
     *
     * @param limit most messages, 1 or more
     */
    public List<Taken> takeRegistered(Connection connection, String queue, String group, int limit)
            throws SQLException {
        return take(connection, queue, group, new Strict(limit), partition -> false, false);
    }

    private List<Taken> take(
            Connection connection, String queue, String group, Lanes lanes, Predicate<String> closes, boolean registers)
            throws SQLException {
        var target = new PopTarget(queue, null, group);
        var taken = new ArrayList<Taken>();
        boolean mayRegister = registers;
        for (int round = 0; round < MAX_ROUNDS && lanes.left() > 0; round++) {
            long[] limits = lanes.cursors();
            List<ReadyCursor> ready = lock(connection, target, lanes.left(), limits);
            long[] shares = lanes.share(connection, available(ready, closes));
            if (ready.isEmpty()) {
                if (mayRegister) {
                    mayRegister = false;
                    Registered registered = readyCursors.register(connection, target, Subscription.ALL);
                    if (registered.mayRead()) {
                        continue;
                    }
                    if (registered.isHeldUp()) {
                        lanes.heldUp();
                    }
                }
                break;
            }
            mayRegister = false;
            List<Run> runs = runs(ready, shares, closes);
            boolean isCut = read(connection, runs);
            move(connection, runs);
            boolean hasGaps = false;
            for (Run run : runs) {
                hasGaps |= run.messages.isEmpty();
                if (!run.messages.isEmpty()) {
                    taken.add(run.taken());
                    lanes.took(run.messages.size());
                }
            }
            if (isCut || !(hasGaps || mayHaveMore(ready, limits))) {
                break;
            }
        }
        return taken;
    }

    private List<ReadyCursor> lock(Connection connection, PopTarget target, int left, long @Nullable [] limits)
            throws SQLException {
        return limits == null
                ? readyCursors.lock(connection, target, left).cursors()
                : readyCursors.lock(connection, target, limits).cursors();
    }

    /** Returns whether a lane may have ready cursors that were not locked. */
    private static boolean mayHaveMore(List<ReadyCursor> ready, long @Nullable [] limits) {
        long[] locked = new long[LANES];
        ready.forEach(cursor -> locked[cursor.lane()]++);
        for (int lane = 0; limits != null && lane < LANES; lane++) {
            if (locked[lane] >= limits[lane]) {
                return true;
            }
        }
        return false;
    }

    /** Returns how many messages can be taken of each lane. */
    private static long[] available(List<ReadyCursor> ready, Predicate<String> closes) {
        long[] available = new long[LANES];
        for (ReadyCursor cursor : ready) {
            available[cursor.lane()] += available(cursor, closes);
        }
        return available;
    }

    private static long available(ReadyCursor cursor, Predicate<String> closes) {
        return closes.test(cursor.partition()) ? Math.min(1, cursor.available()) : cursor.available();
    }

    /** Registers a group at the beginning of a queue, unless the queue does not exist or has the group. */
    public void register(Connection connection, String queue, String group) throws SQLException {
        register(connection, queue, group, Subscription.ALL);
    }

    /** Registers a group where its subscription says, unless the queue does not exist or has the group. */
    public void register(Connection connection, String queue, String group, Subscription subscription)
            throws SQLException {
        readyCursors.register(connection, new PopTarget(queue, null, group), subscription);
    }

    /**
     * Shares the messages of each lane out to its cursors, in their order. A cursor that may not deliver yet is left as
     * it is.
     */
    private static List<Run> runs(List<ReadyCursor> ready, long[] shares, Predicate<String> closes) {
        var runs = new ArrayList<Run>();
        long[] left = shares.clone();
        for (ReadyCursor cursor : ready) {
            long available = available(cursor, closes);
            if (cursor.heldBackMs() > 0 || (available > 0 && left[cursor.lane()] <= 0)) {
                continue;
            }
            long count = Math.min(available, left[cursor.lane()]);
            long end = count == 0 ? cursor.position() : cursor.acked().endOfMissing(cursor.position(), count);
            runs.add(new Run(cursor, closes.test(cursor.partition()), end));
            left[cursor.lane()] -= count;
        }
        return runs;
    }

    /**
     * Reads the messages of the runs until the bytes are passed. Cuts the run at which they are passed, and removes the
     * runs after it.
     *
     * @return whether a run was cut or removed
     */
    boolean read(Connection connection, List<Run> runs) throws SQLException {
        List<Run> filled =
                runs.stream().filter(run -> run.end > run.cursor.position()).toList();
        if (filled.isEmpty()) {
            return false;
        }
        List<MessageSlice> slices = sliceStatements
                .on(connection, "read")
                .set("partitions", filled, run -> run.cursor.partitionId())
                .set("firsts", filled, run -> run.cursor.position() + 1)
                .set("lasts", filled, run -> run.end)
                .set("max_bytes", maxBytes)
                .set("large_bytes", Message.LARGE_BYTES)
                .list(MessageSlice::of);
        for (MessageSlice slice : slices) {
            Run run = filled.get(slice.run());
            if (slice.isLarge()) {
                slice.readLarge(sliceStatements, connection, run.cursor.partitionId());
            }
            add(run, slice);
        }
        MessageSlice last = slices.isEmpty() ? null : slices.get(slices.size() - 1);
        if (last == null || last.totalBytes() <= maxBytes) {
            return false;
        }
        Run reached = filled.get(last.run());
        reached.end = last.lastSeq();
        runs.subList(runs.indexOf(reached) + 1, runs.size()).clear();
        return true;
    }

    private void add(Run run, MessageSlice slice) {
        ReadyCursor cursor = run.cursor;
        for (int i = 0; i < slice.size(); i++) {
            byte[] payload = slice.payload(i);
            if (payload != null && !cursor.acked().contains(slice.seq(i))) {
                run.messages.add(slice.message(
                        i,
                        cipher.open(cursor.queue(), payload),
                        cipher.open(cursor.queue(), slice.headers(i)),
                        cursor.partitionId(),
                        cursor.partition(),
                        cursor.queue()));
            }
        }
    }

    private void move(Connection connection, List<Run> runs) throws SQLException {
        if (!runs.isEmpty()) {
            statements
                    .on(connection, "move")
                    .set("groups", runs, run -> run.cursor.groupId())
                    .set("partitions", runs, run -> run.cursor.partitionId())
                    .set("positions", runs, Run::position)
                    .setTexts(
                            "acked",
                            runs,
                            run -> run.cursor.acked().after(run.position()).toString())
                    .setBooleans("closed", runs, Run::isClosed)
                    .execute();
        }
    }

    private record Closed(long groupId, long partitionId, long position, String acked) {}

    /** Opens those of the partitions that are closed for the group. */
    public void open(Connection connection, String group, Collection<Long> partitions) throws SQLException {
        if (partitions.isEmpty()) {
            return;
        }
        List<Closed> closed = statements
                .on(connection, "lock-closed")
                .set("group", group)
                .set("partitions", partitions, Long::longValue)
                .list(row -> new Closed(
                        row.getLong("group_id"),
                        row.getLong("partition_id"),
                        row.getLong("position"),
                        row.getString("acked")));
        if (!closed.isEmpty()) {
            statements
                    .on(connection, "move")
                    .set("groups", closed, Closed::groupId)
                    .set("partitions", closed, Closed::partitionId)
                    .set("positions", closed, Closed::position)
                    .setTexts("acked", closed, Closed::acked)
                    .setBooleans("closed", closed, cursor -> false)
                    .execute();
        }
    }
}
