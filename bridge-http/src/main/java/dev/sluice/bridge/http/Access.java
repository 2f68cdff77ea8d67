package dev.sluice.bridge.http;

import dev.sluice.bridge.security.Role;
import org.jspecify.annotations.Nullable;

/** What a client must be allowed to do to use a route. Each includes those before it. */
public enum Access {
    /** Open to everybody, unless {@code auth.skip.paths} is set and does not list the path. */
    PUBLIC(null),
    READ_ONLY(Role.READ_ONLY),
    READ_WRITE(Role.READ_WRITE),
    ADMIN(Role.ADMIN);

    private final @Nullable Role role;

    Access(@Nullable Role role) {
        this.role = role;
    }

    /** Returns the role that a token must have, or null for a route that is usually open. */
    public @Nullable Role role() {
        return role;
    }
}
