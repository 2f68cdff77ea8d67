package dev.sluice.bridge.endpoint;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.WorkHeaders;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.admin.SeekTarget;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** A message becomes a work of each endpoint that matches it. */
class FanOutTest extends EndpointFixture {
    @Test
    void aMessageGoesToEveryEndpointThatMatchesItsQueueByNameOrPattern() {
        Running bridge = start();
        String queue = unique("orders") + ".eu";
        String byName = unique("name");
        String byPattern = unique("pattern");
        String other = unique("other");
        create(bridge, spec(byName, List.of(queue)));
        create(bridge, spec(byPattern, List.of("none", "orders-*.eu")));
        create(bridge, spec(other, List.of("invoices*")));
        push(queue, "1", "2");
        untilWorks(byName, "1", "2");
        untilWorks(byPattern, "1", "2");
        assertThat(works(other)).isEmpty();
        assertThat(woken).contains("work.endpoint." + byName);
    }

    @Test
    void anEndpointGetsMessagesFromItsCreationOn() throws Exception {
        Running bridge = start();
        String queue = unique("old");
        push(queue, "1");
        String fromNow = unique("now");
        String fromBeginning = unique("beginning");
        create(bridge, spec(fromNow, List.of(queue)));
        bridge.registry().create(spec(fromBeginning, List.of(queue)), Delivery.Signature.V1, null, Instant.EPOCH);
        push(queue, "2");
        untilWorks(fromNow, "2");
        untilWorks(fromBeginning, "1", "2");
    }

    @Test
    void aQueueThatComesLaterIsFoundAndLosesNothing() {
        Running bridge = start();
        String beginning = unique("later");
        String id = unique("finds");
        create(bridge, spec(id, List.of(beginning + ".*")));
        push(beginning + ".one", "1");
        bridge.service().wake(beginning + ".one");
        untilWorks(id, "1");
        push(beginning + ".two", "2"); // Without a wake-up.
        untilWorks(id, "1", "2");
    }

    @Test
    void aMessageThatMatchesNoTypeIsPassedOver() {
        Running bridge = start();
        String queue = unique("typed");
        String usual = unique("usual");
        String byHeader = unique("header");
        String byPointer = unique("pointer");
        create(bridge, spec(usual, List.of(queue), "order.*", "ping"));
        create(bridge, typed(byHeader, queue, "header:x-kind"));
        create(bridge, typed(byPointer, queue, "/meta/kind"));
        pushAll(List.of(
                message(queue, "{\"n\":1,\"type\":\"order.created\"}", Map.of()),
                message(queue, "{\"n\":2}", Map.of("CE-Type", "order.paid")),
                message(queue, "{\"n\":3}", Map.of("event-type", "ping")),
                message(queue, "{\"n\":4,\"type\":\"order\"}", Map.of()),
                message(queue, "{\"n\":5}", Map.of("x-kind", "order.created")),
                message(queue, "{\"n\":6,\"meta\":{\"kind\":\"order.created\"}}", Map.of()),
                message(queue, "7", Map.of())));
        untilWorks(usual, "{\"n\":1,\"type\":\"order.created\"}", "{\"n\":2}", "{\"n\":3}");
        untilWorks(byHeader, "{\"n\":5}");
        untilWorks(byPointer, "{\"n\":6,\"meta\":{\"kind\":\"order.created\"}}");
        until(() -> lag(usual) == 0 && lag(byHeader) == 0 && lag(byPointer) == 0);
    }

    private static EndpointSpec typed(String id, String queue, String at) {
        return new EndpointSpec(
                id, "", new Selection(List.of(queue), List.of("order.*"), at), target("https://example.com/hook"));
    }

    private static long lag(String id) {
        return Long.parseLong(postgres.query("select coalesce(sum(lag), -1) from sluice.group_lag where group_name ="
                        + " 'endpoint." + id + "'")
                .get(0));
    }

    @Test
    void aWorkHasTheHeadersOfItsMessageAndAnIdThatIsComputedFromMessageAndEndpoint() {
        Running bridge = start();
        String queue = unique("ids");
        String first = unique("first");
        String second = unique("second");
        create(bridge, spec(first, List.of(queue)));
        create(bridge, spec(second, List.of(queue)));
        NewMessage message = message(queue, "{}", Map.of("traceparent", "00-1-2-01"));
        pushAll(List.of(message));
        untilWorks(first, "{}");
        untilWorks(second, "{}");
        assertThat(id(first)).isEqualTo(EndpointNames.work(message.id(), first).toString());
        assertThat(id(second)).isNotEqualTo(id(first)).doesNotContain(".");
        assertThat(postgres.query("select headers[1] from sluice.segments s join sluice.partitions p on p.id ="
                        + " s.partition_id join sluice.queues q on q.id = p.queue_id where q.name = 'work.endpoint."
                        + first + "'"))
                .containsExactly("{\"traceparent\":\"00-1-2-01\"}");

        new ConsumerGroups(postgres.dataSource(), "sluice")
                .seek("endpoint." + first, queue, null, new SeekTarget.Beginning());
        untilWorks(first, "{}", "{}");
        assertThat(postgres.query(
                        "select distinct id::text from sluice.messages where queue = 'work.endpoint." + first + "'"))
                .hasSize(1);
    }

    @Test
    void theDeliveryOfAWorkHasNeitherItsCallbacksNorItsDeadline() {
        Running bridge = start();
        String queue = "work." + unique("mail");
        String id = unique("observer");
        create(bridge, spec(id, List.of(queue)));
        MessageHeaders own = MessageHeaders.of(Map.of("traceparent", "00-1-2-01"))
                .with("sluice.work-reply-to", "answers")
                .with("sluice.work-fail-to", "failures")
                .with(WorkHeaders.DEADLINE, "2001-01-01T00:00:00Z");
        UUID message = new MessageIds().next();
        pushAll(List.of(NewMessage.builder(message, queue, "Default", message.toString(), new byte[] {'1'})
                .headers(own)
                .build()));
        untilWorks(id, "1");
        assertThat(postgres.query("select headers[1] from sluice.segments s join sluice.partitions p on p.id ="
                        + " s.partition_id join sluice.queues q on q.id = p.queue_id where q.name = 'work.endpoint."
                        + id + "'"))
                .containsExactly("{\"traceparent\":\"00-1-2-01\"}");
    }

    private static String id(String endpoint) {
        return postgres.query("select id::text from sluice.messages where queue = 'work.endpoint." + endpoint + "'")
                .get(0);
    }

    @Test
    void deliveriesAndEventsOfThemGoInNoRing() {
        Running bridge = start();
        String id = unique("ring");
        create(bridge, spec(id, List.of("*", "sluice.*", "work.*")));
        String queue = unique("plain");
        push(queue, "1");
        push("work.other", "2");
        pushAll(List.of(
                message("sluice.events", "3", Map.of()),
                inPartition(message("sluice.events", "4", Map.of()), "endpoint." + id)));
        untilWorks(id, "1", "2", "3");
        until(() -> lag(id) == 0);
        assertThat(works(id)).containsExactly("1", "2", "3");
    }

    private static NewMessage inPartition(NewMessage message, String partition) {
        return NewMessage.of(message.id(), message.queue(), partition, message.transactionId(), message.payload());
    }

    @Test
    void aPatternMatchesQueuesOfWorksAndOfSluiceOnlyIfItNamesThem() {
        var matcher = new Selection.Matcher(new Selection(List.of("*", "a*b*c"), List.of(), null));
        assertThat(matcher.reads("orders.eu")).isTrue();
        assertThat(matcher.reads("work.mail")).isFalse();
        assertThat(matcher.reads("sluice.events")).isFalse();
        var named = new Selection.Matcher(new Selection(List.of("work.*", "sluice.events"), List.of(), null));
        assertThat(named.reads("work.mail")).isTrue();
        assertThat(named.reads("sluice.events")).isTrue();
        assertThat(named.reads("work.endpoint.x")).isFalse();
        var stars = new Patterns(List.of("a*b*c"));
        assertThat(stars.match("abc")).isTrue();
        assertThat(stars.match("a.b.b.c")).isTrue();
        assertThat(stars.match("a.b.b")).isFalse();
        assertThat(new Patterns(List.of("*a".repeat(100) + "b")).match("a".repeat(255)))
                .isFalse();
    }

    @Test
    void anEndpointThatDoesNotTakeItsWorksHoldsUpNoOther() {
        EndpointConfig usual = usual();
        Running bridge = start(with(usual, usual.limits(), 10, usual.disableAfter()));
        String queue = unique("slow");
        String slow = unique("slow");
        String quick = unique("quick");
        create(bridge, spec(slow, List.of(queue)));
        create(bridge, spec(quick, List.of(queue)));
        String[] payloads =
                IntStream.range(100, 150).mapToObj(Integer::toString).toArray(String[]::new);
        push(queue, payloads);
        until(() -> {
            takeAll(quick);
            return works(quick).size() == 50;
        });
        assertThat(works(slow)).hasSize(10);
        assertThat(lag(slow)).isEqualTo(40);
        assertThat(bridge.registry().lag(slow)).containsExactly(Map.entry(queue, 40L));
    }

    /** Moves a group of the engine to the end of the queue of an endpoint, as if it had claimed all works. */
    private static void takeAll(String id) {
        postgres.execute("insert into sluice.consumer_groups (queue_id, name, subscription_mode) select id, 'work',"
                + " 'all' from sluice.queues where name = 'work.endpoint." + id + "' on conflict do nothing;"
                + " insert into sluice.cursors (group_id, partition_id, lane, position)"
                + " select g.id, p.id, 2, p.head from sluice.queues q join sluice.consumer_groups g on g.queue_id ="
                + " q.id and g.name = 'work' join sluice.partitions p on p.queue_id = q.id where q.name ="
                + " 'work.endpoint." + id + "' on conflict (group_id, partition_id) do update set position ="
                + " excluded.position");
    }

    @Test
    void aPausedEndpointKeepsItsMessagesInTheirQueue() {
        Running bridge = start();
        String queue = unique("paused");
        String id = unique("paused");
        create(bridge, spec(id, List.of(queue)));
        push(queue, "1");
        untilWorks(id, "1");
        bridge.registry().setState(id, Endpoint.State.PAUSED);
        until(() -> !bridge.delivery().delivered.containsKey(id));
        push(queue, "2");
        String witness = unique("witness");
        create(bridge, spec(witness, List.of(queue)));
        push(queue, "3");
        untilWorks(witness, "3");
        assertThat(works(id)).containsExactly("1");
        bridge.registry().setState(id, Endpoint.State.ACTIVE);
        untilWorks(id, "1", "2", "3");
    }

    @Test
    void retentionByCompletionWaitsForTheGroupOfAnEndpoint() {
        Running bridge = start();
        String queue = unique("kept");
        String id = unique("keeps");
        create(bridge, spec(id, List.of(queue)));
        bridge.registry().setState(id, Endpoint.State.PAUSED);
        push(queue, "1");
        postgres.execute("update sluice.queues set retention_enabled = true, completed_retention_s = 1 where name = '"
                + queue + "'");
        assertThat(postgres.query("select count(*) from sluice.consumer_groups where name = 'endpoint." + id + "'"))
                .containsExactly("1");
        postgres.execute("update sluice.segments set created_at = now() - interval '1 hour'");
        assertThat(new Retention(postgres.dataSource(), "sluice").sweep()).isNotNull();
        bridge.registry().setState(id, Endpoint.State.ACTIVE);
        untilWorks(id, "1");
    }

    @Test
    void twoBridgesShareTheWorkAndNeitherLosesNorDoublesAMessage() {
        List<Running> bridges = List.of(start(), start());
        String queue = unique("shared");
        var ids = new ArrayList<String>();
        for (int i = 0; i < 5; i++) {
            ids.add(unique("shares"));
            create(bridges.get(i % 2), spec(ids.get(i), List.of(queue)));
        }
        until(() -> bridges.stream()
                .allMatch(each -> each.delivery().delivered.keySet().containsAll(ids)));
        var messages = new ArrayList<NewMessage>();
        for (int i = 0; i < 400; i++) {
            NewMessage message = message(queue, Integer.toString(1000 + i), Map.of());
            messages.add(inPartition(message, "p" + i % 20));
        }
        for (int i = 0; i < messages.size(); i += 20) {
            pushAll(messages.subList(i, i + 20));
            bridges.forEach(each -> each.service().wake(queue));
        }
        String[] all = messages.stream()
                .map(each -> new String(each.payload(), StandardCharsets.UTF_8))
                .toArray(String[]::new);
        ids.forEach(id -> untilWorks(id, all));
        assertThat(bridges.get(0).service().copied() + bridges.get(1).service().copied())
                .isEqualTo(2000);
    }

    @Test
    void whatIsEncryptedInItsQueueIsEncryptedAsAWork() {
        Running bridge = start();
        String queue = unique("sealed");
        String id = unique("seals");
        postgres.execute("insert into sluice.queues (name, encryption_enabled) values ('" + queue + "', true)");
        create(bridge, spec(id, List.of(queue), "secret.kind"));
        push(queue, "{\"type\":\"secret.kind\"}", "{\"type\":\"other\"}");
        until(() -> works(id).size() == 1);
        assertThat(works(id).get(0)).startsWith("{\"encrypted\":").doesNotContain("secret.kind");
    }

    @Test
    void aBridgeWithoutTheKeyLeavesEncryptedMessagesToOthers() {
        EndpointConfig usual = usual();
        Running without = start(new EndpointConfig(
                usual.schema(),
                PayloadCipher.NONE,
                usual.limits(),
                usual.waiting(),
                usual.disableAfter(),
                usual.pollInterval(),
                usual.attempts()));
        String sealed = unique("sealed");
        String plain = unique("plain");
        String id = unique("keyless");
        postgres.execute("insert into sluice.queues (name, encryption_enabled) values ('" + sealed + "', true)");
        create(without, spec(id, List.of(sealed, plain)));
        push(sealed, "1");
        push(plain, "2");
        untilWorks(id, "2");
        Running with = start();
        until(() -> works(id).size() == 2);
        assertThat(with.service().copied()).isEqualTo(1);
    }

    @Test
    void anEndpointWhoseMessagesCannotBeCopiedHoldsUpNoOther() {
        var logged = new ListAppender<ILoggingEvent>();
        logged.list = new CopyOnWriteArrayList<>(); // The fan-out logs while the test reads.
        logged.start();
        var logger = (Logger) LoggerFactory.getLogger("dev.sluice.bridge.endpoint");
        logger.addAppender(logged);
        try {
            EndpointConfig usual = usual();
            String otherKey = "k2:" + "fedcba9876543210".repeat(4);
            Running bridge = start(new EndpointConfig(
                    usual.schema(),
                    PayloadCipher.of(otherKey, null),
                    usual.limits(),
                    usual.waiting(),
                    usual.disableAfter(),
                    usual.pollInterval(),
                    usual.attempts()));
            String sealed = unique("sealed");
            String plain = unique("plain");
            String refused = unique("refused");
            String good = unique("good");
            postgres.execute("insert into sluice.queues (name, encryption_enabled) values ('" + sealed + "', true)");
            create(bridge, spec(refused, List.of(sealed)));
            create(bridge, spec(good, List.of(plain)));
            push(sealed, "1"); // It is alone in its transaction.
            until(() -> texts(logged).anyMatch(each -> each.contains("endpoint=" + refused)));
            for (String payload : List.of("2", "3")) { // They share one with it.
                push(plain, payload);
                until(() -> works(good).contains(payload));
            }
            assertThat(works(refused)).isEmpty();
            assertThat(lag(refused)).isEqualTo(1);
            assertThat(texts(logged)).noneMatch(each -> each.startsWith("Endpoints get no messages"));
        } finally {
            logger.detachAppender(logged);
        }
    }

    private static Stream<String> texts(ListAppender<ILoggingEvent> logged) {
        return logged.list.stream().map(ILoggingEvent::getFormattedMessage);
    }
}
