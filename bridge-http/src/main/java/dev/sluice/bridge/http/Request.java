package dev.sluice.bridge.http;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request as endpoints see it, and the headers of its answer. The server underneath implements it, so that endpoints
 * do not depend on that server. Any thread may call until the request is answered.
 */
public interface Request {
    /** Returns the method in capitals: {@code GET}. */
    String method();

    /** Returns the path as the client sent it, still percent-encoded. */
    String path();

    /** Returns a decoded parameter of the path. The path of the route must have it. */
    String pathParameter(String name);

    /** Returns a decoded parameter of the path, or null if the path of the route has no such parameter. */
    @Nullable
    String pathParameterOrNull(String name);

    /** Returns the decoded query. */
    Query query();

    /** Adds a header to the answer, and replaces one of the same name. */
    void answerHeader(String name, String value);

    /** Returns the request of the server, for the classes that read bodies and connections and that hold memory. */
    org.eclipse.jetty.server.Request jetty();

    /** Returns the first header of that name, or null. */
    default @Nullable String header(String name) {
        return jetty().getHeaders().get(name);
    }

    /** Returns all headers of that name. */
    default List<String> headers(String name) {
        return jetty().getHeaders().getValuesList(name);
    }
}
