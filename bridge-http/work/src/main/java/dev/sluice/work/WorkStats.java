package dev.sluice.work;

import java.time.Duration;
import java.util.Map;
import java.util.Set;

/**
 * Numbers of the types that a buffer handles.
 *
 * @param total of all types
 * @param byType of each type
 * @param breakers the circuit breakers of each type, in this buffer
 * @param withoutKey the types whose works this buffer does not claim, because their queues are encrypted and it has no
 *     key
 */
public record WorkStats(
        OfWorks total, Map<String, OfWorks> byType, Map<String, Breaker> breakers, Set<String> withoutKey) {
    public WorkStats {
        withoutKey = Set.copyOf(withoutKey);
    }

    /**
     * Circuit breakers of a type.
     *
     * @param state of works without a target, or what an operator has forced for all works of the type. A breaker that
     *     is open becomes half open when the next work may run
     * @param targets the states of the targets that were used last
     */
    public record Breaker(BreakerState state, Map<String, BreakerState> targets) {
        public Breaker {
            targets = Map.copyOf(targets);
        }
    }

    /**
     * Numbers of works. What is counted begins with the start of the buffer; outcomes count when they are stored.
     *
     * @param pending works that no engine has claimed, without those that are scheduled
     * @param processing works that this buffer has claimed and not finished
     * @param activeWorkers handlers that run in this buffer
     * @param completed works that this buffer has done
     * @param failed attempts that failed in this buffer
     * @param deadLettered works that this buffer has made dead letters
     * @param average how long handlers ran; zero if none has ended
     * @param p95 the time within which 95 of 100 handlers ended, at most 6.25 % too long; zero if none has ended
     */
    public record OfWorks(
            long pending,
            long processing,
            long activeWorkers,
            long completed,
            long failed,
            long deadLettered,
            Duration average,
            Duration p95) {}
}
