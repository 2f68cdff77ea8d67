package dev.sluice.bridge.bench.stages;

/** A stage of the path of a message, or what the process does besides; in the order of a report. */
public enum Stage {
    READ("read: sockets, HTTP, bodies"),
    ROUTE("route: guard, limits, counting"),
    PARSE("parse: UTF-8, JSON"),
    LOG("log: encode, append, write"),
    DRAIN("drain: read log, drive the task"),
    FLUSH("flush: batch, claim, COPY"),
    CLAIM("claim: pops, leases, query"),
    ACK("ack: merge, find, move cursors"),
    ANSWER("answer: JSON, HTTP, sockets"),
    COMPILER("compiler (JIT)"),
    COLLECTOR("garbage collector, VM"),
    RECORDER("the recording itself"),
    OTHER("other threads"),
    UNKNOWN("not attributed");

    private final String title;

    Stage(String title) {
        this.title = title;
    }

    /** Returns the name in a report. */
    public String title() {
        return title;
    }
}
