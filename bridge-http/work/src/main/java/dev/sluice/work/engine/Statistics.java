package dev.sluice.work.engine;

import dev.sluice.work.WorkStats;
import dev.sluice.work.WorkStats.OfWorks;
import dev.sluice.work.rules.Durations;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/** Makes the numbers that a program asks for. */
final class Statistics {
    private static final double P95 = 0.95;

    private Statistics() {}

    /**
     * Returns the numbers of types.
     *
     * @param pending counts the works of a type that no engine has claimed
     */
    static WorkStats of(List<HandledType> types, Workers workers, ToLongFunction<String> pending) {
        var byType = new LinkedHashMap<String, OfWorks>();
        var all = new Durations();
        for (HandledType type : types) {
            Counts counts = type.counts();
            all.addAll(counts.durations());
            byType.put(
                    type.name(),
                    new OfWorks(
                            pending.applyAsLong(type.name()),
                            workers.inProcess(type),
                            workers.running(type),
                            counts.completed(),
                            counts.failed(),
                            counts.deadLettered(),
                            counts.durations().average(),
                            counts.durations().quantile(P95)));
        }
        Set<String> withoutKey = types.stream()
                .filter(HandledType::lacksKey)
                .map(HandledType::name)
                .collect(Collectors.toSet());
        return new WorkStats(total(byType.values(), all), Map.copyOf(byType), breakers(types), withoutKey);
    }

    /** Returns the circuit breakers of types. */
    static Map<String, WorkStats.Breaker> breakers(Collection<HandledType> types) {
        return types.stream()
                .collect(Collectors.toUnmodifiableMap(
                        HandledType::name, type -> type.breakers().view()));
    }

    private static OfWorks total(Collection<OfWorks> types, Durations all) {
        return new OfWorks(
                sum(types, OfWorks::pending),
                sum(types, OfWorks::processing),
                sum(types, OfWorks::activeWorkers),
                sum(types, OfWorks::completed),
                sum(types, OfWorks::failed),
                sum(types, OfWorks::deadLettered),
                all.average(),
                all.quantile(P95));
    }

    private static long sum(Collection<OfWorks> types, ToLongFunction<OfWorks> number) {
        return types.stream().mapToLong(number).sum();
    }
}
