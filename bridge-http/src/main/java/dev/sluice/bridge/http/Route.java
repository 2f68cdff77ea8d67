package dev.sluice.bridge.http;

import dev.sluice.bridge.security.Role;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A row of the table of routes.
 *
 * @param method in capitals
 * @param path with parameters in braces
 * @param access what a client must be allowed to do
 * @param endpoint handles the requests
 * @param hot whether most requests are for this route, so that each step in front of it counts
 */
public record Route(String method, String path, Access access, Endpoint endpoint, boolean hot) {
    public static final String GET = "GET";
    public static final String HEAD = "HEAD";
    public static final String OPTIONS = "OPTIONS";

    /** Every path that starts so pops. */
    private static final String POP = "/api/v1/pop";

    public static Route get(String path, Access access, Endpoint endpoint) {
        return new Route(GET, path, access, endpoint, false);
    }

    public static Route post(String path, Access access, Endpoint endpoint) {
        return new Route("POST", path, access, endpoint, false);
    }

    public static Route patch(String path, Access access, Endpoint endpoint) {
        return new Route("PATCH", path, access, endpoint, false);
    }

    public static Route delete(String path, Access access, Endpoint endpoint) {
        return new Route("DELETE", path, access, endpoint, false);
    }

    public static Route options(String path, Access access, Endpoint endpoint) {
        return new Route(OPTIONS, path, access, endpoint, false);
    }

    /** Returns this route as one that most requests are for. */
    public Route asHot() {
        return new Route(method, path, access, endpoint, true);
    }

    /**
     * Returns the paths of the route. Behind a word a slash means nothing. Behind a name it could belong to the name,
     * so such a path is not one of the route.
     */
    public List<String> paths() {
        return path.endsWith("}") ? List.of(path) : List.of(path, path + "/");
    }

    /** Returns the role that a token must have, or null for a route that is usually open. */
    public @Nullable Role needed() {
        return access.role();
    }

    /** Returns whether the route changes nothing. */
    public boolean reads() {
        return method.equals(OPTIONS) || (method.equals(GET) && !pops());
    }

    /** Returns whether the route is a GET that consumes messages. */
    public boolean pops() {
        return pops(path);
    }

    /** Returns whether a path is one of a route that pops. */
    public static boolean pops(String path) {
        return path.startsWith(POP);
    }
}
