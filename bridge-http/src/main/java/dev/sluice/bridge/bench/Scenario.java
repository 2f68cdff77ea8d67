package dev.sluice.bridge.bench;

import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What the benchmark can measure, in the order in which it does. */
enum Scenario {
    START(Kind.START, 0, 0, 0, "time from `up` to the first answered push"),
    COLD(Kind.COLD, 64, 100, 1, "push of 1, right after the start, without warm-up"),
    PUSH_1(Kind.PUSH, 64, 100, 1, "push of 1, 64 connections, 100 partitions, stored"),
    PUSH_100(Kind.PUSH, 16, 100, 100, "push of 100, 16 connections, 100 partitions, stored"),
    PUSH_100_ONE(Kind.PUSH, 16, 1, 100, "push of 100, 16 connections, 1 partition, stored"),
    POP_AUTO(Kind.POP, 16, 100, 100, "pop of 100 with autoAck, 16 connections"),
    POP_ACK(Kind.POP_ACK, 16, 100, 100, "pop of 100 and ack/batch, 16 connections"),
    POP_ACK_ONE(Kind.POP_ACK, 1, 1, 100, "pop of 100 and ack/batch, 1 partition, 1 connection"),
    IDLE(Kind.IDLE, 1, 1, 1, "push, pop, ack, one by one, beside a commit"),
    RELAY(Kind.RELAY, 64, 100, 1, "open loop at half of the rate of push-1: push, waiting pop, ack"),
    RELAY_ONE(Kind.RELAY, 64, 100, 1, "like relay, with pops that take one partition each"),
    MEMORY(Kind.MEMORY, 0, 0, 0, "memory after the loads");

    /** How a scenario is run. */
    enum Kind {
        START,
        COLD,
        IDLE,
        PUSH,
        POP,
        POP_ACK,
        RELAY,
        MEMORY
    }

    private final Kind kind;
    private final int connections;
    private final int partitions;
    private final int batch;
    private final String description;

    Scenario(Kind kind, int connections, int partitions, int batch, String description) {
        this.kind = kind;
        this.connections = connections;
        this.partitions = partitions;
        this.batch = batch;
        this.description = description;
    }

    /** Returns the name on the command line, such as {@code push-100-one}. */
    String path() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    Kind kind() {
        return kind;
    }

    int connections() {
        return connections;
    }

    int partitions() {
        return partitions;
    }

    int batch() {
        return batch;
    }

    String description() {
        return description;
    }

    /** Returns how many partitions a pop of a relay takes. */
    int partitionsOfPop() {
        return this == RELAY ? partitions : 1;
    }

    /** Returns whether only a bridge that the benchmark starts can be measured so. */
    boolean needsOwnBridge() {
        return kind == Kind.START || kind == Kind.COLD;
    }

    static Optional<Scenario> of(String path) {
        return Stream.of(values())
                .filter(scenario -> scenario.path().equals(path))
                .findFirst();
    }

    static String names() {
        return Stream.of(values()).map(Scenario::path).collect(Collectors.joining(", "));
    }
}
