package dev.sluice.bridge.endpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.endpoint.Delivery.Outcome;
import dev.sluice.bridge.endpoint.Endpoint.State;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Attempts are kept, and an endpoint that fails for long or wants no more is disabled, with a notice. */
class DisablingTest extends EndpointFixture {
    private static void attempt(Running bridge, String id, Outcome outcome) {
        bridge.delivery().observer.ended(id, FakeDelivery.ended(outcome, UUID.randomUUID()));
    }

    private static Endpoint.Condition condition(Running bridge, String id) {
        return bridge.registry().find(id).orElseThrow().condition();
    }

    private static List<String> eventsOf(String id) {
        return events().stream().filter(each -> each.contains("\"" + id + "\"")).toList();
    }

    /** Moves the failures of an endpoint into the past. */
    private static void age(String id, String firstFailure, String lastFailure) {
        postgres.execute("update sluice.endpoints set failing_since = now() - interval '" + firstFailure
                + "', last_failed_at = now() - interval '" + lastFailure + "' where id = '" + id + "'");
    }

    private Running quickChecks() {
        EndpointConfig usual = usual();
        return start(with(usual, usual.limits(), usual.waiting(), Duration.ofHours(120)));
    }

    @Test
    void attemptsAreKeptWithTheirAnswersAndListedByPages() {
        Running bridge = start();
        String id = unique("kept");
        create(bridge, spec(id, List.of("a")));
        UUID work = UUID.randomUUID();
        bridge.delivery()
                .observer
                .ended(
                        id,
                        new Delivery.Ended(
                                work,
                                3,
                                java.time.Instant.now(),
                                Duration.ofMillis(7),
                                "https://example.com/hook",
                                503,
                                Outcome.SLOW_DOWN,
                                "a \0 reason",
                                "\0\uD800 answer"));
        attempt(bridge, id, Outcome.DELIVERED);
        attempt(bridge, id, Outcome.STOPPED);
        until(() -> bridge.registry().attempts(id, null, null, null, 10).size() == 2);
        List<KeptAttempt> all = bridge.registry().attempts(id, null, null, null, 10);
        assertThat(all.get(1).ended().error()).isEqualTo("a \uFFFD reason");
        assertThat(all.get(1).ended().answer()).isEqualTo("\uFFFD\uFFFD answer");
        assertThat(all.get(1).ended().status()).isEqualTo(503);
        assertThat(all.get(1).ended().number()).isEqualTo(3);
        assertThat(all.get(1).ended().took()).isEqualTo(Duration.ofMillis(7));
        assertThat(bridge.registry().attempts(id, null, null, null, 1)).containsExactly(all.get(0));
        assertThat(bridge.registry().attempts(id, null, null, all.get(0).id(), 10))
                .containsExactly(all.get(1));
        assertThat(bridge.registry().attempts(id, "delivered", null, null, 10)).containsExactly(all.get(0));
        assertThat(bridge.registry().attempts(id, null, work, null, 10)).containsExactly(all.get(1));
    }

    @Test
    void oldAttemptsAndThoseBeyondTheNumberAreDeleted() {
        EndpointConfig usual = usual();
        Running bridge = start(new EndpointConfig(
                usual.schema(),
                usual.cipher(),
                usual.limits(),
                usual.waiting(),
                usual.disableAfter(),
                usual.pollInterval(),
                new EndpointConfig.Kept(EndpointConfig.Which.FAILED, 7, 3)));
        String id = unique("tidy");
        create(bridge, spec(id, List.of("a")));
        attempt(bridge, id, Outcome.DELIVERED);
        for (int i = 0; i < 5; i++) {
            attempt(bridge, id, Outcome.FAILED);
        }
        until(() -> bridge.registry().attempts(id, null, null, null, 10).size() == 5);
        bridge.service().tidy();
        List<KeptAttempt> left = bridge.registry().attempts(id, null, null, null, 10);
        assertThat(left).hasSize(3);
        postgres.execute("update sluice.endpoint_attempts set began_at = now() - interval '8 days' where id = "
                + left.get(0).id());
        bridge.service().tidy();
        assertThat(bridge.registry().attempts(id, null, null, null, 10)).containsExactly(left.get(1), left.get(2));
    }

    @Test
    void aSuccessEndsAFailureAndAnEndpointThatIsWellWritesNothing() {
        Running bridge = start();
        String id = unique("well");
        create(bridge, spec(id, List.of("a")));
        attempt(bridge, id, Outcome.FAILED);
        until(() -> condition(bridge, id).failingSince() != null);
        java.time.Instant since = condition(bridge, id).failingSince();
        attempt(bridge, id, Outcome.FAILED);
        until(() -> !condition(bridge, id).lastFailedAt().equals(since));
        assertThat(condition(bridge, id).failingSince()).isEqualTo(since);
        attempt(bridge, id, Outcome.DELIVERED);
        until(() -> condition(bridge, id).failingSince() == null);
        String row = postgres.query("select xmin from sluice.endpoints where id = '" + id + "'")
                .get(0);
        attempt(bridge, id, Outcome.DELIVERED);
        until(() -> bridge.registry().attempts(id, null, null, null, 10).size() == 4);
        assertThat(postgres.query("select xmin from sluice.endpoints where id = '" + id + "'"))
                .containsExactly(row);
    }

    @Test
    void onlyFailuresOverTheWholeTimeDisableAnEndpointAndTheNoticeIsToldOnce() {
        EndpointConfig usual = usual();
        EndpointConfig config = with(usual, usual.limits(), usual.waiting(), Duration.ofSeconds(1));
        List<Running> bridges = List.of(start(config), start(config));
        String dead = unique("dead");
        String once = unique("once");
        String well = unique("well");
        for (String id : List.of(dead, once, well)) {
            create(bridges.get(0), spec(id, List.of("a")));
        }
        age(once, "5 days", "5 days"); // One failure, and no delivery since.
        age(dead, "5 days", "0 s");
        until(() -> condition(bridges.get(0), dead).state() == State.DISABLED);
        assertThat(condition(bridges.get(0), dead).reason()).isEqualTo("all attempts have failed for 1 s");
        until(() -> bridges.stream().noneMatch(each -> each.delivery().delivered.containsKey(dead)));
        assertThat(condition(bridges.get(0), once).state()).isEqualTo(State.ACTIVE);
        assertThat(condition(bridges.get(0), well).state()).isEqualTo(State.ACTIVE);
        assertThat(eventsOf(dead))
                .hasSize(1)
                .first()
                .satisfies(event -> assertThat(event)
                        .startsWith("{\"event\":\"endpoint-disabled\",\"type\":\"endpoint." + dead + "\"")
                        .contains("\"endpoint\":\"" + dead + "\",\"url\":\"https://example.com/hook\","
                                + "\"reason\":\"all attempts have failed for 1 s\",\"failingSince\":\"20"));
        assertThat(bridges.get(0).service().disabled()
                        + bridges.get(1).service().disabled())
                .isEqualTo(1);
        assertThat(woken).contains("sluice.events");

        bridges.get(1).registry().setState(dead, State.ACTIVE);
        assertThat(condition(bridges.get(0), dead).failingSince()).isNull();
        until(() -> bridges.stream().allMatch(each -> each.delivery().delivered.containsKey(dead)));
    }

    @Test
    void manyFailuresWithinAMomentDisableNothing() {
        Running bridge = quickChecks();
        String id = unique("burst");
        create(bridge, spec(id, List.of("a")));
        for (int i = 0; i < 100; i++) {
            attempt(bridge, id, Outcome.FAILED);
        }
        until(() -> condition(bridge, id).failingSince() != null);
        assertThat(condition(bridge, id).state()).isEqualTo(State.ACTIVE);
    }

    @Test
    void anEndpointThatWantsNoMoreIsDisabledAtOnceAndAnOperationalEndpointIsTold() {
        Running bridge = start();
        String id = unique("gone");
        String operators = unique("operators");
        create(bridge, spec(id, List.of("a")));
        create(bridge, spec(operators, List.of("sluice.events")));
        bridge.delivery().observer.gone(id, "https://example.com/hook answered 410");
        bridge.delivery().observer.gone(id, "https://example.com/hook answered 410");
        until(() -> condition(bridge, id).state() == State.DISABLED);
        until(() -> works(operators).size() == 1);
        assertThat(works(operators).get(0)).contains("\"endpoint-disabled\"", id, "answered 410");
        assertThat(eventsOf(id)).hasSize(1);
        assertThat(bridge.service().states()).containsKey(State.DISABLED);
    }
}
