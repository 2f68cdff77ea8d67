package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.api.EveryRequest;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.StoppablePostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * After a failover, open sessions stay on a server that has become read-only, while new connections reach the new
 * primary.
 */
class FailoverTest {
    private static final Duration SECONDS = Duration.ofSeconds(10);
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private static StoppablePostgres primary;
    private static StoppablePostgres standby;
    private static FaultyProxy proxy;
    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path first, @TempDir Path second, @TempDir Path data) throws Exception {
        primary = StoppablePostgres.start(first.resolve("data"));
        proxy = new FaultyProxy(primary.url());
        bridge = RunningBridge.start(proxy.url(), data, Map.of("push.stored.timeout.ms", "2000"));
        assertThat(EveryRequest.wrong(bridge)).isEmpty();
        primary.stop();
        standby = primary.standby(second.resolve("data"));
        primary.restart();
        EveryRequest.awaitRight(bridge, PATIENCE);
    }

    @AfterAll
    static void stop() throws Exception {
        bridge.close();
        proxy.close();
        standby.close();
        primary.close();
    }

    @Test
    void everythingWorksWithinSecondsAlthoughItsSessionsStayedOnTheStandby() throws Exception {
        proxy.leadTo(standby.url());
        proxy.cut();
        await().atMost(PATIENCE).until(() -> bridge.get("/health").body().contains("only reads"));
        assertThat(bridge.get("/health").statusCode()).isEqualTo(503);
        proxy.leadTo(primary.url());
        assertThat(EveryRequest.awaitRight(bridge, PATIENCE)).isLessThan(SECONDS);
        assertThatNothingIsLeftOnTheStandby();
        assertThat(bridge.get("/health").statusCode()).isEqualTo(200);
    }

    /** The server keeps answering; only the error 25006 shows the failover. */
    @Test
    void soItDoesWhenTheWatchHasSeenNothing() throws Exception {
        Predicate<String> others = application -> !application.equals("sluice-watch");
        proxy.leadTo(standby.url(), others);
        proxy.cut();
        await().atMost(PATIENCE).until(() -> !standbySessions().equals("0"));
        String wrong = EveryRequest.wrong(bridge);
        assertThat(wrong).isNotEmpty();
        proxy.leadTo(primary.url());
        assertThat(EveryRequest.awaitRight(bridge, PATIENCE)).isLessThan(SECONDS);
        assertThatNothingIsLeftOnTheStandby();
    }

    private static void assertThatNothingIsLeftOnTheStandby() {
        await().atMost(SECONDS)
                .untilAsserted(() -> assertThat(standbySessions()).isEqualTo("0"));
        await().atMost(SECONDS)
                .untilAsserted(() -> assertThat(primary.query(
                                "select count(*) > 0 from pg_stat_activity where application_name = 'sluice-control'"
                                        + " and query ~* 'listen|notify'"))
                        .containsExactly("t"));
    }

    private static String standbySessions() throws Exception {
        return standby.query("select count(*) from pg_stat_activity where application_name like 'sluice%'")
                .get(0);
    }
}
