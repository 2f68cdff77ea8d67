package dev.sluice.bridge.api.messages;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.transact.TransactionExecutor;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A request takes the memory that its objects and its answer hold, so the shared memory is a true bound. */
class HeldMemoryTest {
    private static final int ITEMS = 50_000;
    private static final RequestLimits LIMITS =
            new RequestLimits(16 << 20, 100_000, 64, 1000, 1000, 100, HeaderLimits.DEFAULT, 1L << 30);
    private static final int COLLECTIONS = 3;
    private static final String ACKNOWLEDGEMENT =
            "{\"transactionId\":\"t\",\"partitionId\":\"534c5543-4500-8000-8000-000000000001\"%s}";

    private final MessageIds ids = new MessageIds();

    /** The body of a request, and the objects that the service holds when the answer is complete. */
    private record Request(String name, String body, Holder holder) {
        @Override
        public String toString() {
            return name;
        }
    }

    /** Makes all objects that are held for a body. */
    private interface Holder {
        Object hold(HeldMemoryTest test, byte[] body, RequestMemory.Claim claim);
    }

    static Stream<Request> requests() {
        return Stream.of(
                new Request("push", list("items", "{\"queue\":\"w\"}"), HeldMemoryTest::push),
                new Request(
                        "push with a header",
                        list("items", "{\"queue\":\"w\",\"headers\":{\"a\":\"b\"}}"),
                        HeldMemoryTest::push),
                new Request(
                        "push with many headers",
                        list("items", "{\"queue\":\"w\",\"headers\":" + headers() + "}", ITEMS / 20),
                        HeldMemoryTest::push),
                new Request(
                        "push in a transaction",
                        "{\"operations\":[{\"type\":\"push\","
                                + list("items", "{\"queue\":\"w\"}").substring(1) + "]}",
                        HeldMemoryTest::transaction),
                new Request(
                        "acknowledgements in a transaction",
                        list("operations", ACKNOWLEDGEMENT.formatted(",\"type\":\"ack\"")),
                        HeldMemoryTest::transaction),
                new Request(
                        "acknowledgements",
                        list("acknowledgments", ACKNOWLEDGEMENT.formatted("")),
                        HeldMemoryTest::acknowledge));
    }

    @ParameterizedTest
    @MethodSource("requests")
    void aRequestTakesWhatItHolds(Request request) {
        byte[] body = request.body().getBytes(UTF_8);
        request.holder().hold(this, body, new RequestMemory(Long.MAX_VALUE).claim()); // Loads the classes.
        long before = used();
        RequestMemory.Claim claim = new RequestMemory(Long.MAX_VALUE).claim();
        Object held = request.holder().hold(this, body, claim);
        long bytes;
        try {
            bytes = used() - before;
        } finally {
            Reference.reachabilityFence(held);
        }
        assertThat(claim.bytes()).as("held " + bytes).isBetween(bytes - bytes / 20, bytes * 3);
    }

    private static Object push(HeldMemoryTest test, byte[] body, RequestMemory.Claim claim) {
        PushBody parsed = PushBody.parse(body, LIMITS, test.ids, PushDefaults.NONE, claim);
        List<PushResult> results =
                queued(parsed.messages()).stream().map(PushResult::of).toList();
        return List.of(parsed, results, PushEndpoint.write(parsed.messages(), results));
    }

    private static Object transaction(HeldMemoryTest test, byte[] body, RequestMemory.Claim claim) {
        TransactionBody parsed = TransactionBody.parse(body, LIMITS, test.ids, PushDefaults.NONE, claim);
        var messages = new ArrayList<NewMessage>();
        var acknowledged = new ArrayList<AcknowledgeOutcome>();
        for (TransactionBody.Operation operation : parsed.operations()) {
            if (operation instanceof TransactionBody.Push push) {
                messages.add(push.message());
            } else {
                acknowledged.add(acknowledged());
            }
        }
        var outcome = new TransactionExecutor.Outcome(true, queued(messages), acknowledged);
        return List.of(parsed, outcome, TransactionEndpoint.write(test.ids.next(), parsed.operations(), outcome));
    }

    private static Object acknowledge(HeldMemoryTest test, byte[] body, RequestMemory.Claim claim) {
        AcknowledgeBody parsed = AcknowledgeBody.parseBatch(body, LIMITS, claim);
        List<AcknowledgeOutcome> outcomes =
                parsed.items().stream().map(item -> acknowledged()).toList();
        return List.of(parsed, outcomes, AcknowledgeEndpoint.write(parsed.items(), outcomes));
    }

    private static AcknowledgeOutcome acknowledged() {
        return new AcknowledgeOutcome.Acknowledged("w", "Default", true, false);
    }

    private static List<PushOutcome> queued(List<NewMessage> messages) {
        var outcomes = new ArrayList<PushOutcome>();
        for (int i = 0; i < messages.size(); i++) {
            outcomes.add(new PushOutcome.Queued(new UUID(i, i), i + 1L, i + 1L));
        }
        return outcomes;
    }

    private static long used() {
        for (int i = 0; i < COLLECTIONS; i++) {
            System.gc();
        }
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    private static String list(String field, String element) {
        return list(field, element, ITEMS);
    }

    private static String list(String field, String element, int count) {
        return "{\"" + field + "\":[" + element + ("," + element).repeat(count - 1) + "]}";
    }

    private static String headers() {
        return IntStream.range(0, HeaderLimits.DEFAULT.count())
                .mapToObj(i -> "\"name-" + i + "\":\"ключ " + i + "\"")
                .collect(Collectors.joining(",", "{", "}"));
    }
}
