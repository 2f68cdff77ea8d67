package dev.sluice.bridge.webhook;

import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Which targets are slowed down, and until when. A target that asks for less with 429, 502, 503 or 504 is not called
 * until its {@code Retry-After} is over. Without that header, the pause is a second and doubles with each further such
 * answer, up to a minute. A success ends the doubling. Keeps the targets that were slowed down last.
 */
final class Pace {
    static final Duration FIRST = Duration.ofSeconds(1);
    static final Duration LONGEST = Duration.ofMinutes(1);

    private static final int MAX_TARGETS = 10_000;

    private final Map<String, Slowed> targets = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Slowed> eldest) {
            return size() > MAX_TARGETS;
        }
    };

    /** A target that is called again from {@code until} on; the next pause is {@code next}. */
    private record Slowed(Instant until, Duration next) {}

    /** Returns how long a target must not be called; 0: it may be called. */
    synchronized Duration pause(String target, Instant now) {
        Slowed slowed = targets.isEmpty() ? null : targets.get(target);
        return slowed == null || !slowed.until().isAfter(now) ? Duration.ZERO : Duration.between(now, slowed.until());
    }

    /** Takes what an attempt means for the target. */
    synchronized void take(String target, Verdict verdict, Instant began, Instant now) {
        Slowed before = targets.isEmpty() ? null : targets.get(target);
        if (verdict.kind() == Verdict.Kind.DELIVERED) {
            if (before != null && !before.until().isAfter(began)) {
                targets.remove(target);
            }
            return;
        }
        if (verdict.kind() != Verdict.Kind.SLOW_DOWN) {
            return;
        }
        Duration next = before == null ? FIRST : before.next();
        // Of many answers to requests of the same time, one lengthens the pause.
        boolean isNew = before == null || !before.until().isAfter(began);
        Duration wait = verdict.retryAfter() != null ? verdict.retryAfter() : isNew ? next : Duration.ZERO;
        Instant until = now.plus(wait);
        if (before != null && before.until().isAfter(until)) {
            until = before.until();
        }
        Duration doubled = next.multipliedBy(2);
        targets.put(target, new Slowed(until, !isNew ? next : doubled.compareTo(LONGEST) < 0 ? doubled : LONGEST));
    }
}
