package dev.sluice.bridge.api;

import dev.sluice.bridge.http.Query;
import dev.sluice.bridge.http.Request;
import io.javalin.http.Context;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.jspecify.annotations.Nullable;

/**
 * A request that Javalin has routed.
 *
 * @param context Javalin's view of it
 */
record JavalinRequest(Context context) implements Request {
    @Override
    public String method() {
        return context.method().name();
    }

    @Override
    public String path() {
        return context.path();
    }

    @Override
    public String pathParameter(String name) {
        return context.pathParam(name);
    }

    @Override
    public @Nullable String pathParameterOrNull(String name) {
        return context.pathParamMap().get(name);
    }

    @Override
    public Query query() {
        return Query.of(context.queryString());
    }

    @Override
    public void answerHeader(String name, String value) {
        context.header(name, value);
    }

    @Override
    public org.eclipse.jetty.server.Request jetty() {
        return ServletContextRequest.getServletContextRequest(context.req());
    }
}
