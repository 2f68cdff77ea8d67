package dev.sluice.queue.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.TestPostgres;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WakeUpsTest {
    private final Set<String> heardByA = new ConcurrentSkipListSet<>();
    private final Set<String> heardByB = new ConcurrentSkipListSet<>();

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private WakeUps a;
    private WakeUps b;

    @BeforeEach
    void open() {
        a = new WakeUps(postgres.dataSource(), "sluice", heardByA::add);
        b = new WakeUps(postgres.dataSource(), "sluice", heardByB::add);
        a.start();
        b.start();
        awaitListeners(2);
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
    }

    private void awaitListeners(int count) {
        await().until(() -> postgres.query(
                        "select count(*) from pg_stat_activity where query like 'listen %' and datname = current_database()")
                .equals(List.of(String.valueOf(count))));
    }

    @Test
    void reachOtherProcessesAndNotTheSender() {
        a.tell(List.of("orders", "Ünicode \" 'quoted'"));
        await().until(() -> heardByB.size() == 2);
        assertThat(heardByB).containsExactlyInAnyOrder("orders", "Ünicode \" 'quoted'");
        assertThat(heardByA).isEmpty();
    }

    @Test
    void withManyLongNamesGoOutInSeveralPayloads() {
        var names = new ArrayList<String>();
        for (int i = 0; i < 100; i++) {
            names.add("漢".repeat(250) + i);
        }
        a.tell(names);
        await().until(() -> heardByB.size() == 100);
    }

    /** Names of sixteen characters: every character of the basic plane that PostgreSQL can store, and some beyond. */
    @Test
    void reachOtherProcessesWhateverTheCharactersOfTheName() {
        var names = new LinkedHashSet<String>();
        var name = new StringBuilder();
        for (int c = 1; c <= Character.MAX_CODE_POINT; c += c < 0x3000 ? 1 : 0x101) {
            if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
                name.appendCodePoint(c);
            }
            if (name.length() >= 16) {
                names.add(name.toString());
                name.setLength(0);
            }
        }
        names.addAll(List.of(
                "\n", "a\nb", "\r", "a\r\nb", "\u2028", "\u0085", "%", "%0", "%000a", "%zzzz", " ", " a ", "a\tb"));
        a.tell(names);
        await().until(() -> heardByB.size() >= names.size());
        assertThat(heardByB).containsExactlyInAnyOrderElementsOf(names);
    }

    @Test
    void reachOtherProcessesWithTheLongestNames() {
        String longest = "\uD83D\uDE00".repeat(WireName.MAX_QUEUE_NAME);
        a.tell(List.of(longest, longest + "x", ""));
        a.tell(List.of("after"));
        await().until(() -> heardByB.contains("after"));
        assertThat(heardByB).containsExactlyInAnyOrder(longest, "", "after");
    }

    @Test
    void reachOtherProcessesInASchemaWithTheLongestName() {
        String schema = "s".repeat(63);
        var heard = new ConcurrentSkipListSet<String>();
        try (var c = new WakeUps(postgres.dataSource(), schema, heard::add);
                var d = new WakeUps(postgres.dataSource(), schema, queue -> {})) {
            c.start();
            d.start();
            awaitListeners(4);
            d.tell(List.of("orders"));
            await().until(() -> heard.contains("orders"));
        }
        assertThat(Notifications.channelOf(schema)).isNotEqualTo(Notifications.channelOf("s".repeat(62)));
        assertThat(Notifications.channelOf("sluice")).isEqualTo("sluice.sluice");
    }

    @Test
    void arriveAgainAfterTheConnectionBroke() {
        postgres.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %' and datname = current_database()");
        await().until(() -> {
            b.tell(List.of("later"));
            return heardByA.contains("later");
        });
    }

    @Test
    void goOutAtOnceOnAConnectionThatTheCallerHas() {
        var heard = new ConcurrentSkipListSet<String>();
        try (var tables = TestPostgres.withSchema();
                var session = new WriterSession(tables.dataSource(), QueueWriterConfig.DEFAULTS);
                var listener = new WakeUps(tables.dataSource(), "sluice", heard::add);
                var threadless = new WakeUps(tables.dataSource(), "sluice", queue -> {})) {
            listener.start();
            await().until(() -> tables.query("select count(*) from pg_stat_activity where query like 'listen %'"
                            + " and datname = current_database()")
                    .equals(List.of("1")));
            threadless.sendFirst(session); // Nothing was told.
            threadless.tell(List.of("first"));
            threadless.sendFirst(session);
            await().until(() -> heard.contains("first"));
        }
    }

    @Test
    void ofAWriterReachProcessesThatWaitForTheEmptyName() {
        var heard = new ConcurrentSkipListSet<String>();
        try (var tables = TestPostgres.withSchema();
                var writer = new QueueWriter(tables.dataSource(), QueueWriterConfig.DEFAULTS);
                var listener = new WakeUps(tables.dataSource(), "sluice", heard::add)) {
            listener.start();
            var wakeUps = new WriterWakeUps(writer, "sluice");
            var message = NewMessage.of(UUID.randomUUID(), "", "p", "t", new byte[] {'1'});
            await().until(() -> {
                wakeUps.written(List.of(message), List.of(new PushOutcome.Queued(message.id(), 1, 1)));
                return heard.contains("");
            });
        }
    }
}
