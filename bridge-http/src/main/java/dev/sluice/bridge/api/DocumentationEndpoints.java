package dev.sluice.bridge.api;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.json.JsonOutput;
import io.javalin.http.Context;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * The contract as a file, {@code GET /openapi.yaml} (OpenAPI 3.1), and as a page to read and try, {@code GET /docs}.
 * Everything the page needs comes from here, nothing from elsewhere. Read from the jar once, so that no request waits
 * for a disk.
 */
final class DocumentationEndpoints {
    private static final int OK = 200;
    private static final String SWAGGER_UI = "/META-INF/resources/webjars/swagger-ui/5.21.0/";

    private final Answer contract = resource("/dev/sluice/bridge/openapi.yaml", "application/yaml");
    private final Answer page = resource("/dev/sluice/bridge/docs/index.html", "text/html; charset=utf-8");
    private final Map<String, Answer> assets = Map.of(
            "page.js", resource("/dev/sluice/bridge/docs/page.js", "text/javascript; charset=utf-8"),
            "swagger-ui.css", resource(SWAGGER_UI + "swagger-ui.css", "text/css; charset=utf-8"),
            "swagger-ui-bundle.js", resource(SWAGGER_UI + "swagger-ui-bundle.js", "text/javascript; charset=utf-8"));

    /** The contract. */
    CompletableFuture<Answer> contract(Context ctx) {
        return CompletableFuture.completedFuture(contract);
    }

    /** The page. It may load what comes from this service and nothing else. */
    CompletableFuture<Answer> page(Context ctx) {
        ctx.header(
                "Content-Security-Policy",
                "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'");
        return CompletableFuture.completedFuture(page);
    }

    /** What the page is made of. */
    CompletableFuture<Answer> asset(Context ctx) {
        Answer asset = assets.get(ctx.pathParam("asset"));
        if (asset == null) {
            throw Routes.notFound(ctx);
        }
        ctx.header("X-Content-Type-Options", "nosniff");
        return CompletableFuture.completedFuture(asset);
    }

    private static Answer resource(String name, String contentType) {
        try (InputStream in = DocumentationEndpoints.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the jar has no " + name);
            }
            byte[] bytes = in.readAllBytes();
            return new Answer(OK, new JsonOutput(bytes.length).json(bytes), contentType);
        } catch (IOException e) {
            throw new UncheckedIOException(name, e);
        }
    }
}
