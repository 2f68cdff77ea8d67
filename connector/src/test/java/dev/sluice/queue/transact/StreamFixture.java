package dev.sluice.queue.transact;

import static dev.sluice.queue.Messages.message;

import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.transact.StreamCycle.Change;
import dev.sluice.queue.write.QueueWriterConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;

/** A database, a registered query and the steps of a stream processor for each test. */
abstract class StreamFixture {
    static final String GROUP = "streams.sum";

    @AutoClose
    final AdministrationFixture fixture = new AdministrationFixture();

    Streams streams;
    TransactionExecutor cycles;
    long query;

    @BeforeEach
    void open() {
        fixture.postgres.withoutSyncs();
        streams = new Streams(fixture.postgres.dataSource(), "sluice", PayloadCipher.NONE);
        cycles = executor();
        query = streams.register("sum", "q", null, "h1", false).id();
    }

    @AfterEach
    void close() {
        cycles.close();
    }

    TransactionExecutor executor() {
        return new TransactionExecutor(fixture.postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    }

    static Change put(String key, String value) {
        return new Change(key, value, null);
    }

    static Acknowledgement upTo(PopResult popped, String transactionId, Verdict verdict) {
        return new Acknowledgement(
                GROUP, popped.messages().get(0).partitionId(), transactionId, popped.leaseId(), verdict, "why");
    }

    StreamCycle.Outcome cycle(
            List<Change> changes, List<NewMessage> messages, @Nullable Acknowledgement upTo, boolean releases) {
        return cycles.run(new StreamCycle(query, fixture.partition("p"), changes, messages, upTo, releases));
    }

    StreamCycle.Outcome cycle(String sum, PopResult popped, String transactionId, boolean releases) {
        return cycle(
                List.of(put("sum", sum)),
                List.of(message("sink", "p", "s-" + transactionId, sum)),
                upTo(popped, transactionId, Verdict.COMPLETED),
                releases);
    }

    List<String> state() {
        return fixture.postgres.query("select key || '=' || value from sluice.stream_state order by key");
    }

    List<String> sink() {
        return fixture.postgres.query("select payload from sluice.messages where queue = 'sink' order by seq");
    }

    String cursor() {
        return fixture.one("select c.position || '/' || (c.lease_id is not null)::text from sluice.cursors c"
                + " join sluice.consumer_groups g on g.id = c.group_id where g.name = '" + GROUP + "'");
    }

    void expireLeases() {
        fixture.postgres.execute( // In the order in which the workers lock them.
                "with held as (select ctid from sluice.cursors where lease_id is not null"
                        + " order by group_id, partition_id for update) update sluice.cursors c set available_at ="
                        + " now() -"
                        + " interval '1 second' from held where c.ctid = held.ctid");
    }
}
