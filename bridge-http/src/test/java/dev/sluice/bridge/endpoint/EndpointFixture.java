package dev.sluice.bridge.endpoint;

import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.endpoint.Delivery.Signature;
import dev.sluice.bridge.endpoint.Registry.ConflictException;
import dev.sluice.bridge.notice.NoticeWriter;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;

/** A database with the schema, and services of bridges on it that fan out to endpoints and deliver nothing. */
abstract class EndpointFixture {
    static final Duration PATIENCE = Duration.ofSeconds(30);
    static final String KEY = "k1:" + "0123456789abcdef".repeat(4);
    private static final AtomicInteger NUMBER = new AtomicInteger();

    static TestPostgres postgres;
    private static QueueWriter writer;
    private static final MessageIds IDS = new MessageIds();

    private final List<AutoCloseable> open = new ArrayList<>();
    final Set<String> woken = ConcurrentHashMap.newKeySet();

    @BeforeAll
    static void openDatabase() {
        postgres = TestPostgres.withSchema().withoutSyncs();
        writer = new QueueWriter(postgres.dataSource(), config(PayloadCipher.of(KEY, null)));
    }

    @AfterAll
    static void closeDatabase() {
        writer.close();
        postgres.close();
    }

    @AfterEach
    void closeAll() throws Exception {
        for (AutoCloseable each : open) {
            each.close();
        }
        postgres.execute("delete from sluice.endpoints");
    }

    /** A service of a bridge, and what it delivers to. */
    record Running(EndpointService service, FakeDelivery delivery) {
        Registry registry() {
            return service.registry();
        }
    }

    static QueueWriterConfig config(PayloadCipher cipher) {
        return new QueueWriterConfig("sluice", Duration.ofHours(1), 10_000, cipher);
    }

    static EndpointConfig usual() {
        return quick(EndpointConfig.usual("sluice", PayloadCipher.of(KEY, null)));
    }

    private static EndpointConfig quick(EndpointConfig of) {
        return with(of, of.limits(), of.waiting(), of.disableAfter());
    }

    static EndpointConfig with(EndpointConfig of, EndpointConfig.Limits limits, long waiting, Duration disableAfter) {
        return new EndpointConfig(
                of.schema(), of.cipher(), limits, waiting, disableAfter, Duration.ofMillis(50), of.attempts());
    }

    Running start() {
        return start(usual());
    }

    Running start(EndpointConfig config) {
        return start(config, postgres.dataSource());
    }

    Running start(EndpointConfig config, DataSource connections) {
        Running running = make(config, connections);
        running.service().start();
        return running;
    }

    /** Makes a service that does nothing by itself. */
    Running make(EndpointConfig config, DataSource connections) {
        var delivery = new AtomicReference<FakeDelivery>();
        var notices = new NoticeWriter(connections, config(config.cipher()), woken::addAll);
        var service = new EndpointService(
                config,
                connections,
                config(config.cipher()),
                notices,
                observer -> {
                    delivery.set(new FakeDelivery(observer));
                    return delivery.get();
                },
                woken::addAll);
        open.add(service);
        open.add(notices);
        return new Running(service, delivery.get());
    }

    static String unique(String name) {
        return name + "-" + NUMBER.incrementAndGet();
    }

    static EndpointSpec spec(String id, List<String> queues, String... types) {
        return new EndpointSpec(
                id, "", new Selection(queues, List.of(types), null), target("https://example.com/hook"));
    }

    static Target target(String url) {
        return new Target(url, Map.of(), Target.Format.PLAIN, 10, 0, Duration.ofSeconds(20), Target.USUAL_RETRIES);
    }

    static Registry.WithSecret create(Running on, EndpointSpec spec) {
        try {
            return on.registry().create(spec, Signature.V1, null, null);
        } catch (ConflictException e) {
            throw new IllegalStateException(e);
        }
    }

    static void push(String queue, String... payloads) {
        pushAll(Stream.of(payloads)
                .map(payload -> message(queue, payload, Map.of()))
                .toList());
    }

    static void pushAll(List<NewMessage> messages) {
        writer.write(messages, List.of());
    }

    static NewMessage message(String queue, String payload, Map<String, String> headers) {
        var id = IDS.next();
        return NewMessage.builder(
                        id, queue, "Default", id.toString(), payload.getBytes(java.nio.charset.StandardCharsets.UTF_8))
                .headers(MessageHeaders.of(headers))
                .build();
    }

    /** Returns the payloads of the works of an endpoint, in no order. */
    static List<String> works(String id) {
        return postgres.query(
                "select payload from sluice.messages where queue = 'work.endpoint." + id + "' order by payload");
    }

    static void untilWorks(String id, String... payloads) {
        until(() -> works(id).equals(List.of(payloads)));
    }

    static void until(Callable<Boolean> condition) {
        await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5)).until(condition);
    }

    static ConcurrentLinkedQueue<String> events() {
        return new ConcurrentLinkedQueue<>(
                postgres.query("select payload from sluice.messages where queue = 'sluice.events' order by seq"));
    }
}
