package dev.sluice.bridge.api;

import dev.sluice.bridge.http.Query;
import dev.sluice.bridge.http.Request;
import java.util.Map;
import org.eclipse.jetty.server.Response;
import org.jspecify.annotations.Nullable;

/**
 * A request that {@link CoreRoutes} has routed.
 *
 * @param jetty the request of the server
 * @param response receives the headers of the answer
 * @param parameters decoded parameters of the path
 * @param query decoded
 */
record CoreRequest(
        org.eclipse.jetty.server.Request jetty, Response response, Map<String, String> parameters, Query query)
        implements Request {
    @Override
    public String method() {
        return jetty.getMethod();
    }

    @Override
    public String path() {
        return jetty.getHttpURI().getPath();
    }

    @Override
    public String pathParameter(String name) {
        String value = parameters.get(name);
        if (value == null) {
            throw new IllegalArgumentException("the path of the route has no parameter " + name);
        }
        return value;
    }

    @Override
    public @Nullable String pathParameterOrNull(String name) {
        return parameters.get(name);
    }

    @Override
    public void answerHeader(String name, String value) {
        response.getHeaders().put(name, value);
    }
}
