package dev.sluice.queue.read;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.AcknowledgeOutcome.NotFound;
import dev.sluice.queue.AcknowledgeOutcome.Unread;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Acknowledgements without a lease: what they find, and how many statements that takes. */
class UnleasedSearchTest extends QueueFixture {
    /** The search for messages, by a part of its text. */
    private static final String SEARCH = "known.transaction_id";

    /** The statements of the last call of {@link #acknowledge}. */
    private final List<String> statements = new ArrayList<>();

    private final Acknowledge acknowledge = new Acknowledge("sluice");

    private List<AcknowledgeOutcome> acknowledge(List<Acknowledgement> acknowledgements) throws SQLException {
        statements.clear();
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            var noting = (Connection) Proxy.newProxyInstance(
                    Connection.class.getClassLoader(),
                    new Class<?>[] {Connection.class},
                    (proxy, method, arguments) -> {
                        if (method.getName().equals("prepareStatement")) {
                            statements.add((String) arguments[0]);
                        }
                        try {
                            return method.invoke(connection, arguments);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    });
            List<AcknowledgeOutcome> outcomes = acknowledge.run(noting, acknowledgements);
            connection.commit();
            return outcomes;
        }
    }

    private long searches() {
        return statements.stream().filter(sql -> sql.contains(SEARCH)).count();
    }

    private static Acknowledgement completed(String group, long partition, String id) {
        return new Acknowledgement(group, partition, id, null, Verdict.COMPLETED, null);
    }

    /** Writes messages t1, t2, … to each of so many partitions, and returns the ids of the partitions. */
    private List<Long> fill(int partitions, int messages) {
        var all = new ArrayList<NewMessage>();
        for (int partition = 1; partition <= partitions; partition++) {
            for (int i = 1; i <= messages; i++) {
                all.add(Messages.message("p" + partition, "t" + i));
            }
        }
        writer.write(all, List.of());
        pop(new PopTarget("q", "p1", PopTarget.DEFAULT_GROUP), 1);
        letTimePass();
        return postgres.query("select id from sluice.partitions order by id").stream()
                .map(Long::valueOf)
                .toList();
    }

    private static List<Acknowledgement> ofEach(List<Long> partitions, String group, int first, int last) {
        return partitions.stream()
                .flatMap(partition ->
                        IntStream.rangeClosed(first, last).mapToObj(i -> completed(group, partition, "t" + i)))
                .toList();
    }

    @Test
    void aThousandOfAHundredPartitionsTakeAsManyStatementsAsOne() throws SQLException {
        List<Long> partitions = fill(100, 300);
        assertThat(acknowledge(List.of(completed(PopTarget.DEFAULT_GROUP, partitions.get(1), "t2"))))
                .allMatch(Acknowledged.class::isInstance);
        List<String> ofOne = List.copyOf(statements);
        assertThat(acknowledge(ofEach(partitions.subList(2, 100), PopTarget.DEFAULT_GROUP, 2, 12)))
                .hasSize(1078)
                .allMatch(Acknowledged.class::isInstance);
        assertThat(statements).isEqualTo(ofOne);
        assertThat(searches())
                .as("one step, because the messages follow the positions")
                .isEqualTo(1);
    }

    @Test
    void aGroupThatNeverPoppedTakesAsManyStatementsForAThousandAsForOne() throws SQLException {
        List<Long> partitions = fill(100, 300);
        assertThat(acknowledge(List.of(completed("nobody", partitions.get(0), "t290"))))
                .containsExactly(new Unread("q", "p1"));
        List<String> ofOne = List.copyOf(statements);
        assertThat(acknowledge(ofEach(partitions.subList(1, 100), "nobody", 290, 300)))
                .hasSize(1089)
                .allMatch(Unread.class::isInstance);
        assertThat(statements).isEqualTo(ofOne);
        assertThat(searches()).isEqualTo(1);
    }

    @Test
    void anAbsentMessageEndsTheSearchAfterItsLastStep() throws SQLException {
        List<Long> partitions = fill(2, 300);
        assertThat(acknowledge(List.of(
                        completed(PopTarget.DEFAULT_GROUP, partitions.get(0), "none"),
                        completed(PopTarget.DEFAULT_GROUP, partitions.get(1), "t300"),
                        completed("nobody", partitions.get(1), "none"))))
                .satisfiesExactly(
                        first -> assertThat(first).isInstanceOf(NotFound.class),
                        second -> assertThat(second).isInstanceOf(Acknowledged.class),
                        third -> assertThat(third).isInstanceOf(NotFound.class));
        assertThat(searches()).isLessThanOrEqualTo(8);
    }

    @Test
    void anIdOfAnotherPartitionIsNotFound() throws SQLException {
        List<Long> partitions = fill(2, 10);
        writer.write(List.of(Messages.message("p1", "only-here")), List.of());
        assertThat(acknowledge(List.of(
                        completed(PopTarget.DEFAULT_GROUP, partitions.get(0), "only-here"),
                        completed(PopTarget.DEFAULT_GROUP, partitions.get(1), "only-here"))))
                .satisfiesExactly(
                        first -> assertThat(first).isInstanceOf(Acknowledged.class),
                        second -> assertThat(second).isInstanceOf(NotFound.class));
    }

    /** Compares the message that an acknowledgement of an id takes with a reading of the whole partition. */
    @Test
    void ofSeveralMessagesWithOneIdTheNextThatIsNotDoneIsTaken() throws SQLException {
        int messages = 4_000;
        int position = 1_500;
        var random = new SplittableRandom(5);
        List<String> ids = IntStream.range(0, messages)
                .mapToObj(i -> "r" + random.nextInt(messages / 3))
                .toList();
        try (var duplicates =
                new QueueWriter(postgres.dataSource(), new QueueWriterConfig("sluice", Duration.ZERO, 1))) {
            duplicates.write(ids.stream().map(id -> Messages.message("p", id)).toList(), List.of());
        }
        long partition = pop(ANY, 1).messages().get(0).partitionId();
        List<Long> acked = LongStream.rangeClosed(position + 2, messages)
                .filter(seq -> random.nextInt(3) > 0)
                .boxed()
                .toList();
        String ackedText = "{"
                + String.join(
                        ",",
                        acked.stream()
                                .map(seq -> "[" + seq + "," + (seq + 1) + ")")
                                .toList())
                + "}";
        for (int i = 0; i < 150; i++) {
            postgres.execute("update sluice.cursors set position = " + position + ", acked = '" + ackedText
                    + "', lease_id = null, lease_end = null, available_at = now()");
            String id = "r" + random.nextInt(messages / 3);
            AcknowledgeOutcome outcome = acknowledge(List.of(completed(PopTarget.DEFAULT_GROUP, partition, id)))
                    .get(0);
            List<Long> ofId = LongStream.rangeClosed(1, messages)
                    .filter(seq -> ids.get((int) seq - 1).equals(id))
                    .boxed()
                    .toList();
            assertThat(outcome).as(id).isInstanceOf(ofId.isEmpty() ? NotFound.class : Acknowledged.class);
            List<Long> open = ofId.stream()
                    .filter(seq -> seq > position && !acked.contains(seq))
                    .toList();
            String newlyDone = postgres.query("select coalesce(string_agg(seq::text, ','), '') from generate_series("
                            + (position + 1) + "::bigint, " + messages
                            + ") seq, sluice.cursors c where (seq <= c.position"
                            + " or seq <@ c.acked) and not seq <@ '" + ackedText + "'::int8multirange")
                    .get(0);
            assertThat(newlyDone).as(id).isEqualTo(open.isEmpty() ? "" : String.valueOf(open.get(0)));
        }
    }
}
