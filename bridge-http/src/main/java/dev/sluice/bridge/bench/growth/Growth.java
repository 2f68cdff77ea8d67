package dev.sluice.bridge.bench.growth;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What grows along a curve. */
enum Growth {
    PARTITIONS("partitions", 1_000_000),
    GROUPS("consumer groups", 1000),
    PAYLOADS("bytes of a payload", 1_000_000),
    MESSAGES("stored messages", 10_000_000_000L),
    SOAK("minutes", 24 * 60);

    private final String unit;
    private final long most;

    Growth(String unit, long most) {
        this.unit = unit;
        this.most = most;
    }

    /** Returns the name on the command line. */
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Returns what the numbers of the points count. */
    String unit() {
        return unit;
    }

    /** Returns the points that are measured if the user names none. */
    List<Long> defaults() {
        return switch (this) {
            case PARTITIONS -> List.of(1L, 100L, 10_000L, 100_000L);
            case GROUPS -> List.of(1L, 10L, 100L);
            case PAYLOADS -> List.of(1000L, 10_000L, 100_000L);
            case MESSAGES -> List.of(1_000_000L, 10_000_000L, 25_000_000L, 50_000_000L);
            case SOAK -> List.of(20L);
        };
    }

    /** Returns the smallest number of a point. */
    long least() {
        return this == PAYLOADS ? 100 : 1;
    }

    /** Returns the largest number of a point. */
    long most() {
        return most;
    }

    static Optional<Growth> of(String word) {
        return Stream.of(values()).filter(growth -> growth.word().equals(word)).findFirst();
    }

    static String words() {
        return Stream.of(values()).map(Growth::word).collect(Collectors.joining(", "));
    }
}
