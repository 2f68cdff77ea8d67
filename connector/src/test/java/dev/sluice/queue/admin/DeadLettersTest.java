package dev.sluice.queue.admin;

import static dev.sluice.queue.Messages.message;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class DeadLettersTest {
    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final DeadLetters letters = sluice.deadLetters;

    /** Pushes a message with each transaction id and makes it a dead letter, one after the other. */
    private void deadLetter(String group, String partition, String... transactionIds) {
        for (String transactionId : transactionIds) {
            sluice.push(message(partition, transactionId));
            sluice.acknowledge(group, sluice.pop(new PopTarget("q", partition, group), 1), Verdict.DLQ);
        }
    }

    private List<String> ids(DeadLetterFilter filter) {
        List<String> ids = letters.list(filter, 1000, 0, null).letters().stream()
                .map(DeadLetter::transactionId)
                .toList();
        assertThat(letters.count(filter)).isEqualTo(ids.size());
        return ids;
    }

    private static DeadLetterFilter ofQueue(String queue) {
        return new DeadLetterFilter(queue, null, null, null, null, null, null, null);
    }

    @Test
    void holdAllTheMessageHeld() {
        UUID trace = UUID.randomUUID();
        var sent = NewMessage.builder(
                        UUID.randomUUID(),
                        "q",
                        "p",
                        "t1",
                        "{\"a\": 1}".getBytes(java.nio.charset.StandardCharsets.UTF_8))
                .traceId(trace)
                .producerSub("alice")
                .build();
        sluice.push(sent);
        PopResult popped = sluice.pop("g", 1);
        sluice.acknowledge("g", popped, Verdict.DLQ);
        DeadLetter letter =
                letters.list(DeadLetterFilter.ALL, 10, 0, null).letters().get(0);
        assertThat(letter.messageId()).isEqualTo(sent.id());
        assertThat(letter.transactionId()).isEqualTo("t1");
        assertThat(letter.queue()).isEqualTo("q");
        assertThat(letter.partition()).isEqualTo("p");
        assertThat(letter.partitionId()).isEqualTo(sluice.partition("p"));
        assertThat(letter.seq()).isEqualTo(1);
        assertThat(letter.group()).isEqualTo("g");
        assertThat(letter.payload()).asString(UTF_8).isEqualTo("{\"a\": 1}");
        assertThat(letter.error()).isEqualTo("broken");
        assertThat(letter.retries()).isZero();
        assertThat(letter.traceId()).isEqualTo(trace);
        assertThat(letter.producerSub()).isEqualTo("alice");
        assertThat(letter.createdAt()).isEqualTo(popped.messages().get(0).createdAt());
        assertThat(letter.failedAt()).isAfterOrEqualTo(letter.createdAt());
    }

    @Test
    void areListedInPartsNewestFirstWithTheirTotal() {
        deadLetter("g", "p", "t1", "t2", "t3", "t4", "t5");
        var seen = new ArrayList<String>();
        for (int offset = 0; offset < 6; offset += 2) {
            DeadLetters.Page page = letters.list(DeadLetterFilter.ALL, 2, offset, null);
            assertThat(page.total()).isEqualTo(5);
            page.letters().forEach(letter -> seen.add(letter.transactionId()));
        }
        assertThat(seen).containsExactly("t5", "t4", "t3", "t2", "t1");
        assertThat(letters.list(DeadLetterFilter.ALL, 2, 5, null).letters()).isEmpty();
        assertThat(letters.list(DeadLetterFilter.ALL, 2, 5, null).total()).isEqualTo(5);
        assertThat(letters.list(DeadLetterFilter.ALL, 0, 0, null).letters()).isEmpty();
        assertThatThrownBy(() -> letters.list(DeadLetterFilter.ALL, -1, 0, null))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> letters.list(DeadLetterFilter.ALL, 1, -1, null))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void areFilteredByQueueGroupPartitionAndError() {
        deadLetter("g", "p", "t1");
        deadLetter("h", "p", "t2");
        deadLetter("g", "o", "t3");
        sluice.postgres.execute("update sluice.dead_letters set error = '100% Timeout' where transaction_id = 't3'");
        assertThat(ids(ofQueue("q"))).hasSize(3);
        assertThat(ids(ofQueue("none"))).isEmpty();
        assertThat(ids(new DeadLetterFilter(null, "h", null, null, null, null, null, null)))
                .hasSize(1);
        assertThat(ids(new DeadLetterFilter(null, null, "o", null, null, null, null, null)))
                .containsExactly("t3");
        assertThat(ids(new DeadLetterFilter(null, null, null, null, null, "0% timeOUT", null, null)))
                .containsExactly("t3");
        assertThat(ids(new DeadLetterFilter(null, null, null, null, null, "%", null, null)))
                .containsExactly("t3");
        assertThat(ids(new DeadLetterFilter("q", "g", "p", null, null, "brok", null, null)))
                .containsExactly("t1");
    }

    @Test
    void areFilteredByTheTimeTheyFailed() {
        deadLetter("g", "p", "t1", "t2", "t3");
        List<DeadLetter> all = letters.list(DeadLetterFilter.ALL, 10, 0, null).letters();
        Instant second = all.get(1).failedAt();
        assertThat(ids(new DeadLetterFilter(null, null, null, second, null, null, null, null)))
                .containsExactly("t3", "t2");
        assertThat(ids(new DeadLetterFilter(null, null, null, null, second, null, null, null)))
                .containsExactly("t1");
    }

    @Test
    void arePurgedById() {
        deadLetter("g", "p", "t1", "t2", "t3");
        List<DeadLetter> all = letters.list(DeadLetterFilter.ALL, 10, 0, null).letters();
        assertThat(letters.purge(List.of(all.get(0).id(), all.get(2).id(), 999_999L)))
                .isEqualTo(2);
        assertThat(letters.purge(List.of())).isZero();
        assertThat(ids(DeadLetterFilter.ALL)).containsExactly("t2");
    }

    @Test
    void arePurgedByFilterHoweverManyThereAre() {
        deadLetter("g", "p", "t1", "t2");
        deadLetter("h", "p", "t3");
        sluice.postgres.execute("""
                insert into sluice.dead_letters
                  (queue_id, partition_id, partition_name, seq, group_name, message_id, transaction_id, payload, error,
                   retries, created_at)
                select queue_id, partition_id, partition_name, seq, group_name, message_id, transaction_id, payload, error,
                       retries, created_at
                from sluice.dead_letters, generate_series(1, 1500) where group_name = 'g'
                """);
        long others = letters.count(new DeadLetterFilter(null, "h", null, null, null, null, null, null));
        assertThat(letters.purge(new DeadLetterFilter("q", "g", null, null, null, null, null, null)))
                .isEqualTo(3002);
        assertThat(letters.count(DeadLetterFilter.ALL)).isEqualTo(others);
        assertThat(letters.purge(DeadLetterFilter.ALL)).isEqualTo(others);
        assertThat(letters.purge(DeadLetterFilter.ALL)).isZero();
    }

    @Test
    void areDeletedByTheirAgeIfRetentionIsSetUpSo() {
        deadLetter("g", "p", "t1", "t2", "t3");
        sluice.postgres.execute("update sluice.dead_letters set failed_at = now() - interval '30 days'"
                + " where transaction_id <> 't3'");
        assertThat(sluice.retention.sweep().deadLetters()).isZero();
        assertThat(ids(DeadLetterFilter.ALL)).hasSize(3);
        var retention = new Retention(
                sluice.postgres.dataSource(),
                "sluice",
                Retention.IDLE_PARTITIONS,
                Duration.ofDays(29),
                (queue, aged, completed, waited) -> {});
        assertThat(retention.sweep().deadLetters()).isEqualTo(2);
        assertThat(ids(DeadLetterFilter.ALL)).containsExactly("t3");
    }
}
