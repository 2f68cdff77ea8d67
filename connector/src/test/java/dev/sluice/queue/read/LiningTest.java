package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.Message;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.read.Lining.FromLines;
import dev.sluice.queue.read.Lining.Parked;
import dev.sluice.queue.read.Lining.Share;
import dev.sluice.queue.sql.Transactions;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Parked cursors give messages only to those who name their partitions. */
class LiningTest {
    private static final String GROUP = "takers";

    @AutoClose
    final AdministrationFixture sluice = new AdministrationFixture();

    private final Taking taking = new Taking("sluice", PayloadCipher.NONE, 1 << 20);
    private final Lining lining = new Lining("sluice", taking);
    private Transactions transactions;

    @BeforeEach
    void open() {
        transactions = Transactions.byIndex(sluice.postgres.dataSource());
        sluice.push(message("p", "1"));
        transactions.run("register", connection -> lining.park(connection, "q", GROUP, 1));
    }

    private List<Parked> park() {
        return transactions.run("park", connection -> lining.park(connection, "q", GROUP, 10));
    }

    private FromLines take(long partition, int most, boolean closes) {
        return transactions.run(
                "take",
                connection -> lining.take(connection, GROUP, List.of(new Share(partition, most)), name -> closes));
    }

    private void unpark(long partition) {
        transactions.run("unpark", connection -> {
            lining.unpark(connection, GROUP, Set.of(partition));
            return true;
        });
    }

    private void openAgain(long partition) {
        transactions.run("open", connection -> {
            taking.open(connection, GROUP, Set.of(partition));
            return true;
        });
    }

    private static List<String> ids(FromLines from) {
        return from.taken().stream()
                .flatMap(each -> each.messages().stream())
                .map(Message::transactionId)
                .toList();
    }

    @Test
    void aParkedCursorIsNotReadyAndNoPushMakesItReady() {
        List<Parked> parked = park();
        assertThat(parked).hasSize(1);
        assertThat(parked.get(0).partition()).isEqualTo("p");
        assertThat(park()).isEmpty();
        sluice.push(message("p", "2"));
        assertThat(park()).isEmpty();
        openAgain(parked.get(0).partitionId());
        assertThat(park()).as("it is not closed, so nothing opens it").isEmpty();
        long partition = parked.get(0).partitionId();
        FromLines first = take(partition, 1, false);
        assertThat(ids(first)).containsExactly("1");
        assertThat(first.parked()).containsExactly(partition);
        FromLines second = take(partition, 5, false);
        assertThat(ids(second)).containsExactly("2");
        assertThat(second.parked()).isEmpty();
        assertThat(second.locked()).containsExactly(partition);
        sluice.push(message("p", "3"));
        assertThat(park()).as("it had become idle").hasSize(1);
        unpark(partition);
        assertThat(park()).hasSize(1);
    }

    @Test
    void aClosedCursorGivesNothingUntilItIsOpened() {
        long partition = park().get(0).partitionId();
        sluice.push(message("p", "2"));
        FromLines first = take(partition, 5, true);
        assertThat(ids(first)).containsExactly("1");
        assertThat(first.taken().get(0).closed()).isTrue();
        assertThat(first.parked()).isEmpty();
        assertThat(take(partition, 5, true).locked()).isEmpty();
        unpark(partition);
        assertThat(park()).isEmpty();
        openAgain(partition);
        assertThat(park()).hasSize(1);
        assertThat(ids(take(partition, 5, true))).containsExactly("2");
    }

    @Test
    void aCursorThatMayNotDeliverYetIsReadyAgain() {
        long partition = park().get(0).partitionId();
        sluice.configure(QueueOptions.DEFAULTS.toBuilder().delayedProcessing(Duration.ofHours(1)));
        FromLines none = take(partition, 5, false);
        assertThat(none.taken()).isEmpty();
        assertThat(none.parked()).isEmpty();
        assertThat(none.locked()).containsExactly(partition);
        assertThat(park()).hasSize(1);
    }

    @Test
    void deletedMessagesArePassed() {
        sluice.push(message("p", "2"));
        sluice.postgres.execute(
                "update sluice.segments set has_deletions = true, payloads[1] = null" + " where first_seq = 1");
        long partition = park().get(0).partitionId();
        FromLines first = take(partition, 1, false);
        assertThat(first.taken()).isEmpty();
        assertThat(first.parked()).containsExactly(partition);
        assertThat(ids(take(partition, 1, false))).containsExactly("2");
    }
}
