package dev.sluice.bridge.endpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.endpoint.Delivery.Outcome;
import dev.sluice.bridge.endpoint.Delivery.Signature;
import dev.sluice.bridge.endpoint.Endpoint.State;
import dev.sluice.bridge.endpoint.Registry.ConflictException;
import dev.sluice.queue.PayloadCipher;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Endpoints are made, changed and deleted, with their secrets and everything else that belongs to them. */
class RegistryTest extends EndpointFixture {
    @Test
    void secretsAndHeadersAreEncryptedInTheDatabaseAndAKeyOfTheServiceOpensThem() throws Exception {
        Running bridge = start();
        String id = unique("sealed");
        var spec = new EndpointSpec(
                id,
                "",
                new Selection(List.of(id), List.of(), null),
                new Target(
                        "https://example.com/hook",
                        Map.of("Authorization", "Bearer topsecret"),
                        Target.Format.PLAIN,
                        1,
                        0,
                        Duration.ofSeconds(1),
                        List.of()));
        Registry.WithSecret made = bridge.registry().create(spec, Signature.V1, "whsec_given", null);
        assertThat(made.secret()).isEqualTo("whsec_given");
        assertThat(bridge.registry().encrypts()).isTrue();
        assertThat(postgres.query("select e.headers || s.secret from sluice.endpoints e join sluice.endpoint_secrets s"
                                + " on s.endpoint_id = e.id where e.id = '" + id + "'")
                        .get(0))
                .doesNotContain("topsecret")
                .doesNotContain("given");
        until(() -> List.of("whsec_given").equals(bridge.delivery().delivered.get(id)));
        assertThat(bridge.delivery().endpoints.get(id).target().headers())
                .containsExactly(Map.entry("Authorization", "Bearer topsecret"));
        assertThat(made.endpoint().toString()).doesNotContain("topsecret");
    }

    @Test
    void aBridgeWithoutTheKeyDeliversToNoEndpointItCannotSignForAndSaysWhy() {
        Running bridge = start();
        String id = unique("keyless");
        create(bridge, spec(id, List.of(id)));
        Running without = start(EndpointConfig.usual("sluice", PayloadCipher.NONE));
        until(() -> without.service().problems().containsKey(id));
        assertThat(without.service().problems().get(id)).contains("encryption.keys lacks the key");
        assertThat(without.delivery().delivered).doesNotContainKey(id);
        assertThat(without.registry().encrypts()).isFalse();
    }

    @Test
    void aRotationSignsWithBothSecretsUntilTheOverlapIsOver() throws Exception {
        Running bridge = start();
        String id = unique("rotated");
        String first = create(bridge, spec(id, List.of(id))).secret();
        String second = bridge.registry()
                .rotate(id, Signature.V1A, null, Duration.ofHours(1))
                .orElseThrow()
                .secret();
        assertThat(second).startsWith("whsk_");
        until(() -> List.of(second, first).equals(bridge.delivery().delivered.get(id)));
        assertThat(bridge.registry().secrets(id)).hasSize(2).satisfies(secrets -> {
            assertThat(secrets.get(0).publicKey()).startsWith("whpk_");
            assertThat(secrets.get(0).expiresAt()).isNull();
            assertThat(secrets.get(1).publicKey()).isNull();
            assertThat(secrets.get(1).expiresAt()).isNotNull();
        });
        postgres.execute("update sluice.endpoint_secrets set expires_at = now() + interval '300 ms' where endpoint_id ="
                + " '" + id + "' and expires_at is not null");
        until(() -> List.of(second).equals(bridge.delivery().delivered.get(id)));
        String third = bridge.registry()
                .rotate(id, Signature.V1, null, Duration.ZERO)
                .orElseThrow()
                .secret();
        until(() -> List.of(third).equals(bridge.delivery().delivered.get(id)));
        assertThat(bridge.registry().rotate("none", Signature.V1, null, Duration.ZERO))
                .isEmpty();
    }

    @Test
    void aRefusedRotationLeavesTheSecretsAsTheyWere() throws Exception {
        EndpointConfig usual = usual();
        Running bridge =
                start(with(usual, new EndpointConfig.Limits(2, 2, 1, 1, 2), usual.waiting(), usual.disableAfter()));
        String id = unique("refused");
        create(bridge, spec(id, List.of("a")));
        bridge.registry().rotate(id, Signature.V1, null, Duration.ofHours(1));
        List<Registry.ShownSecret> before = bridge.registry().secrets(id);
        assertThat(before).hasSize(2);
        assertThatThrownBy(() -> bridge.registry().rotate(id, Signature.V1, null, Duration.ofSeconds(1)))
                .isInstanceOf(ConflictException.class);
        assertThat(bridge.registry().secrets(id)).isEqualTo(before);
        assertThat(before.get(0).expiresAt()).isNull();
        String only = bridge.registry() // Without an overlap the others make room.
                .rotate(id, Signature.V1, null, Duration.ZERO)
                .orElseThrow()
                .secret();
        until(() -> List.of(only).equals(bridge.delivery().delivered.get(id)));
    }

    @Test
    void anEndpointWhoseSecretsHaveExpiredGetsNothingUnsigned() throws Exception {
        Running bridge = start();
        String id = unique("unsigned");
        create(bridge, spec(id, List.of("a")));
        until(() -> bridge.delivery().delivered.containsKey(id));
        postgres.execute("update sluice.endpoint_secrets set expires_at = now() where endpoint_id = '" + id + "'");
        until(() -> bridge.service().problems().containsKey(id));
        assertThat(bridge.service().problems().get(id)).contains("no secret");
        assertThat(bridge.delivery().delivered).doesNotContainKey(id);
        assertThatThrownBy(() -> bridge.registry().ping(id)).hasMessageContaining("no secret");
        bridge.registry().rotate(id, Signature.V1, "whsec_again", Duration.ofHours(1));
        until(() -> List.of("whsec_again").equals(bridge.delivery().delivered.get(id)));
        assertThat(bridge.service().problems()).doesNotContainKey(id);
    }

    @Test
    void limitsHoldOnBothSides() throws Exception {
        EndpointConfig usual = usual();
        postgres.execute("delete from sluice.endpoints");
        Running bridge =
                start(with(usual, new EndpointConfig.Limits(2, 2, 1, 1, 2), usual.waiting(), usual.disableAfter()));
        String id = unique("limited");
        create(bridge, spec(id, List.of("a", "b"), "t"));
        assertThatThrownBy(() -> create(bridge, spec(unique("limited"), List.of("a", "b", "c"))))
                .hasMessage("queues must have 1 to 2 entries (endpoints.max.queues), has 3");
        assertThatThrownBy(() -> create(bridge, spec(unique("limited"), List.of())))
                .hasMessageContaining("endpoints.max.queues");
        assertThatThrownBy(() -> create(bridge, spec(unique("limited"), List.of("a"), "t", "u")))
                .hasMessageContaining("endpoints.max.event.types");
        assertThatThrownBy(() -> create(bridge, spec(unique("limited"), List.of("work.endpoint.x"))))
                .hasMessageContaining("the deliveries of endpoints");
        assertThatThrownBy(() -> create(bridge, spec("Not an id", List.of("a"))))
                .hasMessageStartingWith("id must be");
        create(bridge, spec(unique("limited"), List.of("a")));
        assertThatThrownBy(() -> create(bridge, spec(unique("limited"), List.of("a"))))
                .hasMessageContaining("there are 2 endpoints, and endpoints.max allows no more");
        assertThat(bridge.registry().rotate(id, Signature.V1, null, Duration.ofHours(1)))
                .isPresent();
        assertThatThrownBy(() -> bridge.registry().rotate(id, Signature.V1, null, Duration.ofHours(1)))
                .isInstanceOf(ConflictException.class)
                .hasMessageContaining("endpoints.max.secrets");
    }

    @Test
    void anIdIsTakenOnce() {
        Running bridge = start();
        String id = unique("taken");
        create(bridge, spec(id, List.of("a")));
        assertThatThrownBy(() -> create(bridge, spec(id, List.of("a")))).hasMessageContaining("already");
        assertThat(bridge.registry().newId()).isNotEqualTo(bridge.registry().newId());
        assertThat(EndpointNames.check(bridge.registry().newId())).startsWith("ep-");
    }

    @Test
    void anUpdateKeepsWhatWasReadAndFollowsTheNewQueues() throws Exception {
        Running bridge = start();
        String id = unique("changed");
        String before = unique("before");
        String after = unique("after");
        create(bridge, spec(id, List.of(before)));
        push(after, "0");
        push(before, "1");
        untilWorks(id, "1");
        Endpoint changed = bridge.registry()
                .update(
                        id,
                        spec -> new EndpointSpec(
                                id, "new", new Selection(List.of(after), List.of(), null), spec.target()))
                .orElseThrow();
        assertThat(changed.description()).isEqualTo("new");
        push(before, "2");
        push(after, "3");
        untilWorks(id, "1", "3");
        assertThat(postgres.query("select q.name from sluice.consumer_groups g join sluice.queues q on q.id ="
                        + " g.queue_id where g.name = 'endpoint." + id + "'"))
                .containsExactly(after);
        until(() -> bridge.delivery().endpoints.get(id).description().equals("new"));
        assertThat(bridge.registry().update("none", spec -> spec)).isEmpty();
    }

    @Test
    void aDeletionDeletesGroupsQueueSecretsAndAttempts() {
        Running bridge = start();
        String id = unique("deleted");
        String queue = unique("stays");
        create(bridge, spec(id, List.of(queue, unique("never"))));
        push(queue, "1");
        untilWorks(id, "1");
        bridge.delivery().observer.ended(id, FakeDelivery.ended(Outcome.FAILED, UUID.randomUUID()));
        until(() -> bridge.registry().attempts(id, null, null, null, 10).size() == 1);
        assertThat(bridge.registry().delete(id)).isTrue();
        assertThat(bridge.registry().find(id)).isEmpty();
        assertThat(left(id)).isEqualTo("0|0|0|0|0");
        until(() -> !bridge.delivery().delivered.containsKey(id));
        assertThat(bridge.registry().delete(id)).isFalse();
        create(bridge, spec(id, List.of(queue)));
        push(queue, "2");
        untilWorks(id, "2");
    }

    private static String left(String id) {
        return postgres.query("select (select count(*) from sluice.endpoints where id = '" + id + "'),"
                        + " (select count(*) from sluice.endpoint_secrets where endpoint_id = '" + id + "'),"
                        + " (select count(*) from sluice.endpoint_attempts where endpoint_id = '" + id + "'),"
                        + " (select count(*) from sluice.consumer_groups where name = 'endpoint." + id + "'),"
                        + " (select count(*) from sluice.queues where name = 'work.endpoint." + id + "')")
                .get(0);
    }

    @Test
    void anotherBridgeCompletesADeletionWhoseBridgeHasDied() {
        Running bridge = make(usual(), postgres.dataSource());
        String id = unique("dying");
        String queue = unique("queue");
        create(bridge, spec(id, List.of(queue)));
        push(queue, "1");
        postgres.execute(
                "update sluice.endpoints set state = 'deleting', version = version + 1 where id = '" + id + "'");
        assertThat(bridge.registry().find(id)).isEmpty();
        Running other = start();
        until(() -> left(id).equals("0|0|0|0|0"));
        assertThat(other.service().states()).doesNotContainKey(State.ACTIVE);
    }

    @Test
    void aDeletionWhileMessagesAreCopiedLeavesNothingBehind() {
        List<Running> bridges = List.of(start(), start());
        String queue = unique("busy");
        for (int round = 0; round < 5; round++) {
            String id = unique("gone");
            create(bridges.get(0), spec(id, List.of(queue)));
            push(queue, IntStream.range(0, 200).mapToObj(Integer::toString).toArray(String[]::new));
            bridges.forEach(each -> each.service().wake(queue));
            until(() -> !works(id).isEmpty());
            push(queue, "x");
            assertThat(bridges.get(round % 2).registry().delete(id)).isTrue();
            push(queue, "y");
            bridges.forEach(each -> each.service().wake(queue));
            assertThat(left(id)).isEqualTo("0|0|0|0|0");
        }
    }

    @Test
    void aRestartGoesOnWhereTheLastProcessStopped() throws Exception {
        Running first = start();
        String id = unique("restarted");
        String queue = unique("queue");
        create(first, spec(id, List.of(queue)));
        push(queue, "1");
        untilWorks(id, "1");
        first.service().close();
        push(queue, "2");
        Running second = start();
        untilWorks(id, "1", "2");
        until(() -> second.delivery().delivered.containsKey(id));
    }

    @Test
    void aPingIsSentWhateverTheState() {
        Running bridge = start();
        String id = unique("pinged");
        create(bridge, spec(id, List.of("a")));
        bridge.registry().setState(id, State.PAUSED);
        assertThat(bridge.registry()
                        .ping(id)
                        .orElseThrow()
                        .toCompletableFuture()
                        .join()
                        .outcome())
                .isEqualTo(Outcome.DELIVERED);
        assertThat(bridge.registry().ping("none")).isEmpty();
    }
}
