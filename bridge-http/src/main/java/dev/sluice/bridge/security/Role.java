package dev.sluice.bridge.security;

/** What somebody may do. Each includes those before it. */
public enum Role {
    /** Look at everything but the messages' delivery. */
    READ_ONLY,
    /** Push, pop, acknowledge, configure. */
    READ_WRITE,
    /** Delete, and operate the service. */
    ADMIN;

    /** Returns true if somebody with this role may do what needs {@code other}. */
    public boolean includes(Role other) {
        return compareTo(other) >= 0;
    }
}
