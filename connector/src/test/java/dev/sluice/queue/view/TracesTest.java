package dev.sluice.queue.view;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.PayloadCipher;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Traces are found by message and by name, and are deleted with their message. */
class TracesTest {
    @AutoClose
    private final AdministrationFixture sluice = new AdministrationFixture();

    private final Traces traces = new Traces(sluice.postgres.dataSource(), "sluice", PayloadCipher.NONE);

    @Test
    void areDeletedWithTheirMessageAndTheirPartition() {
        sluice.pushOneByOne(1, 2);
        long partition = sluice.partition("p");
        assertThat(traces.add(partition, "nobody", "g", "info", "1", List.of())).isEmpty();
        traces.add(partition, "t1", "g", "info", "{\"a\": 1.50}", List.of("n", "m"));
        traces.add(partition, "t2", "g", "warn", "2", List.of("n"));
        assertThat(traces.ofMessage(partition, "t1", 0, 100).entries())
                .extracting(Trace::data)
                .containsExactly("{\"a\": 1.50}");
        assertThat(traces.byName("n", 1, 0, null).entries())
                .extracting(found -> found.trace().transactionId() + " " + found.queue() + " "
                        + (found.payload() == null ? null : new String(found.payload(), UTF_8)))
                .containsExactly("t2 q {\"tx\":\"t2\"}");
        assertThat(traces.byName("n", 1, 1, null).entries())
                .extracting(found -> found.trace().names())
                .containsExactly(List.of("m", "n"));
        assertThat(traces.byName("n", 1, 1, null).total()).isEqualTo(2);
        assertThat(traces.names(10, 0, null).entries())
                .extracting(name -> name.name() + name.traces() + name.messages())
                .containsExactly("m11", "n22");
        assertThat(traces.names(1, 1, null).total()).isEqualTo(2);
        sluice.queues.deleteMessage(partition, "t1");
        assertThat(traces.ofMessage(partition, "t1", 0, 100).entries()).isEmpty();
        assertThat(traces.names(10, 0, null).total()).isEqualTo(1);
        sluice.queues.delete("q");
        sluice.retention.sweep();
        assertThat(sluice.one("select count(*) from sluice.traces")).isEqualTo("0");
        assertThat(sluice.one("select count(*) from sluice.deletions")).isEqualTo("0");
    }

    @Test
    void arePrunedByAge() {
        sluice.pushOneByOne(1, 1);
        long partition = sluice.partition("p");
        traces.add(partition, "t1", "g", "info", "1", List.of("n"));
        traces.add(partition, "t1", "g", "info", "2", List.of("n"));
        assertThat(traces.prune(90)).isZero();
        sluice.postgres.execute("update sluice.traces set created_at = now() - interval '91 days' where data = '1'");
        assertThat(traces.prune(90)).isEqualTo(1);
        assertThat(traces.ofMessage(partition, "t1", 0, 100).entries())
                .extracting(Trace::data)
                .containsExactly("2");
    }
}
