package dev.sluice.bridge.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Enqueued;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the work engine promises, wherever it runs. A process runs {@link ProbeHandler} for the type {@code probe}, with
 * 8 workers, three attempts 10 and 20 ms apart, and a timeout of 1.5 s. This test enqueues from outside.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class WorkContract {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    static Path directory;

    Path notes;
    TestPostgres postgres;
    WorkBuffer client;
    private Process process;

    /** Starts a process with an engine on the database. Its handler notes its runs in the file. */
    abstract Process start() throws IOException;

    @BeforeAll
    void startAll() throws IOException {
        notes = directory.resolve("notes");
        postgres = TestPostgres.withSchema().withoutSyncs();
        client = WorkBuffer.builder(postgres.dataSource()).start();
        process = start();
    }

    @BeforeEach
    void restart() throws IOException {
        if (!process.isAlive()) {
            process = start();
        }
    }

    @AfterAll
    void stopAll() throws InterruptedException {
        stop();
        client.close();
        postgres.close();
    }

    private void stop() throws InterruptedException {
        process.destroy();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("stops").isTrue();
    }

    private static void until(Callable<Boolean> condition) {
        await().atMost(PATIENCE).pollInterval(Duration.ofMillis(20)).until(condition);
    }

    private void untilNothingIsLeft() {
        until(() -> client.waiting("probe") == 0
                && postgres.query("select (select count(*) from sluice.work_claims) +"
                                + " (select count(*) from sluice.work_items)")
                        .equals(List.of("0")));
    }

    /** Returns the notes of works whose payload has this text: {@code begin ID ATTEMPT CRASHES PAYLOAD}. */
    private List<String> notes(String what, String part) throws IOException {
        return Files.exists(notes)
                ? Files.readAllLines(notes).stream()
                        .filter(line -> line.startsWith(what + " ") && line.contains(part))
                        .toList()
                : List.of();
    }

    private List<String> deadLetters(Enqueued work) {
        return postgres.query("select error from sluice.dead_letters where message_id = '"
                + work.id().value() + "'");
    }

    private static Work probe(String name, String does) {
        return Work.of("probe", "{\"name\":\"" + name + "\",\"do\":\"" + does + "\"}");
    }

    @Test
    void aWorkIsHandledOnceAndLeavesNothing() throws Exception {
        client.enqueue(
                IntStream.range(0, 50).mapToObj(i -> probe("once-" + i, "run")).toList());
        until(() -> notes("end", "once-").size() == 50);
        untilNothingIsLeft();
        assertThat(notes("begin", "once-")).hasSize(50).doesNotHaveDuplicates();
    }

    @Test
    void worksWithoutAKeyWaitForNoOther() throws Exception {
        client.enqueue(probe("alone-hangs", "hang"));
        client.enqueue(probe("alone-fails", "fail"));
        client.enqueue(
                IntStream.range(0, 98).mapToObj(i -> probe("alone-" + i, "run")).toList());
        until(() -> notes("end", "alone-").size() == 98);
        untilNothingIsLeft();
        assertThat(notes("begin", "\"run\"").stream().filter(line -> line.contains("alone-")))
                .hasSize(98);
    }

    @Test
    void worksOfAKeyRunOneAtATimeAndInOrder() throws Exception {
        var works = new ArrayList<Work>();
        for (int i = 0; i < 20; i++) {
            works.add(probe("keyed-" + (char) ('a' + i), i == 5 ? "fail-once" : "run")
                    .key("same"));
        }
        client.enqueue(works);
        until(() -> notes("end", "keyed-").size() == 20);
        List<String> names = Files.readAllLines(notes).stream()
                .filter(line -> line.contains("keyed-"))
                .map(line -> line.replaceAll("^(\\w+) .*keyed-(.).*", "$1 $2"))
                .toList();
        var expected = new ArrayList<String>();
        for (int i = 0; i < 20; i++) {
            String name = String.valueOf((char) ('a' + i));
            if (i == 5) {
                expected.add("begin " + name);
            }
            expected.add("begin " + name);
            expected.add("end " + name);
        }
        assertThat(names).isEqualTo(expected);
    }

    @Test
    void aWorkThatFailsBecomesADeadLetterAfterItsAttempts() throws Exception {
        Enqueued work = client.enqueue(probe("fails", "fail"));
        until(() -> !deadLetters(work).isEmpty());
        assertThat(deadLetters(work))
                .singleElement()
                .asString()
                .startsWith("failed 3 times:")
                .contains("told to fail");
        assertThat(notes("begin", "\"fails\"").stream().map(line -> line.split(" ", -1)[2]))
                .containsExactly("1", "2", "3");
    }

    @Test
    void aWorkThatIsNotValidOrIsToldToBecomesADeadLetterAtOnce() throws Exception {
        Enqueued invalid = client.enqueue(probe("invalid", "invalid"));
        Enqueued dead = client.enqueue(probe("told", "dead"));
        until(() -> deadLetters(invalid).size() == 1 && deadLetters(dead).size() == 1);
        assertThat(deadLetters(invalid)).singleElement().asString().startsWith("invalid: ");
        assertThat(deadLetters(dead)).containsExactly("told to");
        assertThat(notes("begin", "\"told\"")).hasSize(1);
    }

    @Test
    void aHandlerThatHangsIsInterruptedAtItsTimeout() throws Exception {
        Enqueued work = client.enqueue(probe("hangs", "hang"));
        until(() -> !deadLetters(work).isEmpty());
        assertThat(deadLetters(work)).singleElement().asString().contains("the handler ran longer than PT1.5S");
        assertThat(notes("begin", "\"hangs\"")).hasSize(3);
    }

    @Test
    void aSnoozeCostsNoAttempt() throws Exception {
        client.enqueue(probe("snoozes", "snooze"));
        until(() -> notes("end", "\"snoozes\"").size() == 2);
        assertThat(notes("begin", "\"snoozes\"").stream().map(line -> line.split(" ", -1)[2]))
                .containsExactly("1", "1");
    }

    @Test
    void anIdempotencyKeyGivesTheFirstWorkAndItsResult() throws Exception {
        Work work = probe("same", "run").idempotencyKey("key");
        Enqueued first = client.enqueue(work);
        until(() -> client.enqueue(work).isFinished());
        assertThat(client.enqueue(work).id()).isEqualTo(first.id());
        assertThat(client.enqueue(work).result()).isEqualTo("{\"done\":true}");
        assertThat(notes("begin", "\"same\"")).hasSize(1);
    }

    @Test
    void aPausedTypeWaits() throws Exception {
        client.pause("probe");
        until(
                () -> { // The engine has eight workers, and claims what comes until it has heard of the pause.
                    client.enqueue(probe("pauses", "run"));
                    return client.waiting("probe") >= 20;
                });
        client.resume("probe");
        untilNothingIsLeft();
        assertThat(notes("end", "\"pauses\"")).hasSizeGreaterThanOrEqualTo(20);
    }

    @Test
    void aStopInTheMiddleCostsNoAttempt() throws Exception {
        client.enqueue(IntStream.range(0, 30)
                .mapToObj(i -> probe("stops-" + i, "slow"))
                .toList());
        until(() -> notes("end", "stops-").size() >= 5);
        stop();
        assertThat(postgres.query("select count(*) from sluice.work_claims")).containsExactly("0");
        assertThat(postgres.query("select count(*) from sluice.work_items where attempts > 0 or crashes > 0"))
                .containsExactly("0");
        process = start();
        until(() -> notes("end", "stops-").stream()
                        .map(line -> line.split(" ", -1)[1])
                        .distinct()
                        .count()
                == 30);
        untilNothingIsLeft();
        assertThat(notes("begin", "stops-").stream().map(line -> line.split(" ", -1)[2] + line.split(" ", -1)[3]))
                .containsOnly("10");
    }

    @Test
    void aWorkThatKillsItsProcessRunsAgainWithACrash() throws Exception {
        client.enqueue(probe("dies", "die"));
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("was killed").isTrue();
        process = start();
        until(() -> notes("end", "\"dies\"").size() == 1);
        assertThat(notes("begin", "\"dies\"").stream()
                        .map(line -> line.split(" ", -1)[2] + " " + line.split(" ", -1)[3]))
                .containsExactly("1 0", "1 1");
    }
}
