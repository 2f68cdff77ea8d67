package dev.sluice.work.contract;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A work runs whatever the name of its partition is: also if it was written by something other than the engine. */
class PartitionNamesTest extends WorkFixture {
    private static final List<String> NAMES = List.of(
            "~",
            "~@",
            "~@/",
            "~@/x",
            "~@acme/",
            "~@acme/=",
            "~@acme/~",
            "~@acme/Default",
            "~@%/x",
            "~@%0000/x",
            "~normal@",
            "~normal@%0000",
            "~normal@a/b",
            "~lower@acme",
            "~" + "@".repeat(254),
            "=",
            "=~",
            "=" + "=".repeat(254),
            "x".repeat(255),
            "Default");

    private final Map<String, AtomicInteger> runs = new ConcurrentHashMap<>();

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyMessageRunsOnce(boolean limits) throws Exception {
        HandlerSettings settings = limits
                ? HandlerSettings.DEFAULT.limitKey("/none").limitOfEachKey(Limit.ofConcurrency(5))
                : HandlerSettings.DEFAULT;
        WorkBuffer work = start(builder()
                .handler(
                        "t",
                        (each, context) -> {
                            runs.computeIfAbsent(each.payloadText(), text -> new AtomicInteger())
                                    .incrementAndGet();
                            return Outcome.done();
                        },
                        settings));
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            var ids = new MessageIds();
            for (int i = 0; i < NAMES.size(); i++) {
                byte[] payload = Integer.toString(i).getBytes(US_ASCII);
                writer.write(List.of(NewMessage.of(ids.next(), "work.t", NAMES.get(i), "t" + i, payload)), List.of());
            }
        }
        // A key never names a limit key.
        List<String> keys = NAMES.stream().filter(name -> name.length() < 255).toList();
        for (int i = 0; i < keys.size(); i++) {
            work.enqueue(Work.of("t", Integer.toString(100 + i)).key(keys.get(i)));
        }
        until(() -> runs.size() == NAMES.size() + keys.size());
        untilNothingIsLeft();
        assertThat(runs.values()).allSatisfy(count -> assertThat(count).hasValue(1));
        assertThat(count("dead_letters")).isZero();
    }
}
