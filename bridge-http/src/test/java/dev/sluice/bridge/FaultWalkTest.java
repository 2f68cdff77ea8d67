package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.FaultWalk.Answered;
import dev.sluice.bridge.FaultWalk.Fault;
import dev.sluice.bridge.FaultWalk.Health;
import dev.sluice.bridge.FaultWalk.Seen;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** During every fault of the database, every answer is true and comes in time, and all outputs about health agree. */
class FaultWalkTest {
    private static final Duration BOUND = Duration.ofSeconds(10);
    /** Requests that only read, or that have nothing to change. */
    private static final List<String> READING = List.of("list of queues", "dead letters", "seek");

    @Test
    @Timeout(400)
    void everyAnswerIsTrueAndInTimeDuringEveryFault(@TempDir Path directory) throws Exception {
        try (var walk = new FaultWalk(directory)) {
            walk.run();
            System.out.println(FaultTable.of(walk.seen()));
            var softly = new SoftAssertions();
            walk.seen().forEach((fault, seen) -> {
                check(softly, fault, seen.first(), false);
                check(softly, fault, seen.then(), true);
                check(softly, fault, seen);
            });
            softly.assertAll();
            Map<String, Answered> standbyGoes =
                    walk.seen().get(Fault.STANDBY_MISSING).first();
            assertThat(standbyGoes.get("pop, auto-ack").error()).isEqualTo("outcome_unknown");
            assertThat(standbyGoes.get("transaction").error()).isEqualTo("outcome_unknown");
            assertThat(walk.wrongs()).isEmpty();
            // The bridge has read the state of its queues again: it is older than this one.
            await().untilAsserted(
                            () -> assertThat(walk.metrics()).contains("queen_dlq_depth_by_queue{queue=\"leased\"} "));
        }
    }

    private static void check(SoftAssertions softly, Fault fault, Map<String, Answered> answers, boolean isKnown) {
        answers.forEach((kind, answer) -> {
            String what = fault + ", " + kind + ": " + answer;
            softly.assertThat(answer.took()).as(what).isLessThan(BOUND);
            if (!fault.stopsWrites()) {
                softly.assertThat(answer.isSuccess()).as(what).isTrue();
            } else if (kind.equals("push")) {
                softly.assertThat(answer.status()).as(what).isEqualTo(201);
            } else if (kind.startsWith("pop")) {
                checkPop(softly, what, kind, answer, isKnown);
            } else if (isKnown && !READING.contains(kind)) {
                softly.assertThat(answer.status()).as(what).isEqualTo(503);
                softly.assertThat(answer.isUnknown()).as(what).isFalse();
            } else {
                softly.assertThat(answer.status()).as(what).isIn(200, 201, 503);
            }
        });
    }

    private static void checkPop(SoftAssertions softly, String what, String kind, Answered answer, boolean isKnown) {
        if (isKnown) {
            softly.assertThat(answer.status()).as(what).isEqualTo(200);
            softly.assertThat(answer.error()).as(what).isEqualTo("database_unavailable");
        } else {
            softly.assertThat(answer.status()).as(what).isIn(200, 204);
        }
        if (!answer.error().isEmpty()) {
            Duration least = kind.contains("wait") ? Duration.ofMillis(1500) : Duration.ofMillis(100);
            softly.assertThat(answer.took()).as(what).isGreaterThanOrEqualTo(least);
            softly.assertThat(answer.retryAfter()).as(what).isEqualTo("1");
            softly.assertThat(answer.body()).as(what).endsWith(",\"messages\":[]}");
        }
    }

    private static void check(SoftAssertions softly, Fault fault, Seen seen) {
        boolean isWell = !fault.stopsWrites();
        Health health = seen.health();
        String what = fault + ": " + health;
        softly.assertThat(health.health()).as(what).isEqualTo(isWell ? 200 : 503);
        softly.assertThat(health.ready()).as(what).isEqualTo(200);
        softly.assertThat(health.readySays()).as(what).isEqualTo(isWell ? "connected" : "disconnected");
        softly.assertThat(health.live()).as(what).isEqualTo(200);
        softly.assertThat(health.dbHealthy()).as(what).isEqualTo(isWell);
        softly.assertThat(health.drain()).as(what).isEqualTo(isWell ? "running" : "down");
        softly.assertThat(health.gauge()).as(what).isEqualTo(isWell ? "1" : "0");
        softly.assertThat(health.reason().isEmpty()).as(what).isEqualTo(isWell);
        softly.assertThat(seen.noticed()).as(what).isLessThan(FaultWalk.HEALTH_DELAY);
        softly.assertThat(seen.back()).as(what).isLessThan(Duration.ofSeconds(30));
    }
}
