package dev.sluice.bridge.security;

/** What a client may do. Each role includes the roles before it. */
public enum Role {
    /** Read everything, but pop nothing. */
    READ_ONLY,
    /** Push, pop, acknowledge, configure. */
    READ_WRITE,
    /** Delete, and operate the service. */
    ADMIN;

    /** Returns whether this role allows what needs {@code other}. */
    public boolean includes(Role other) {
        return compareTo(other) >= 0;
    }
}
