package dev.sluice.bridge.api;

import static dev.sluice.bridge.http.Access.PUBLIC;
import static dev.sluice.bridge.http.Answer.OK;
import static dev.sluice.bridge.http.Route.get;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.bridge.limits.InvalidRequestException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;

/**
 * Serves the contract as a file, {@code GET /openapi.yaml} (OpenAPI 3.1), and as a page to read and try, {@code GET
 * /docs}. The page loads nothing from other servers. All files are read from the jar once, so that no request waits for
 * a disk.
 */
final class DocumentationEndpoints {
    private static final String SWAGGER_UI = "/META-INF/resources/webjars/swagger-ui/" + versionOfSwaggerUi() + "/";

    private final Answer contract = resource("/dev/sluice/bridge/openapi.yaml", "application/yaml");
    private final Answer page = resource("/dev/sluice/bridge/docs/index.html", "text/html; charset=utf-8");
    private final Map<String, Answer> assets = Map.of(
            "page.js", resource("/dev/sluice/bridge/docs/page.js", "text/javascript; charset=utf-8"),
            "swagger-ui.css", resource(SWAGGER_UI + "swagger-ui.css", "text/css; charset=utf-8"),
            "swagger-ui-bundle.js", resource(SWAGGER_UI + "swagger-ui-bundle.js", "text/javascript; charset=utf-8"));

    /** Returns the rows of the table of routes. */
    public List<Route> routes() {
        return List.of(
                get("/openapi.yaml", PUBLIC, this::contract),
                get("/docs", PUBLIC, this::page),
                get("/docs/{asset}", PUBLIC, this::asset));
    }

    /** The contract. */
    private CompletableFuture<Answer> contract(Request request) {
        return CompletableFuture.completedFuture(contract);
    }

    /** The page. Its policy lets it load from this service only. */
    private CompletableFuture<Answer> page(Request request) {
        request.answerHeader(
                "Content-Security-Policy",
                "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'");
        return CompletableFuture.completedFuture(page);
    }

    /** A script or a style sheet of the page. */
    private CompletableFuture<Answer> asset(Request request) {
        Answer asset = assets.get(request.pathParameter("asset"));
        if (asset == null) {
            throw InvalidRequestException.notFound("Not found: " + JavalinRoutes.describe(request));
        }
        request.answerHeader("X-Content-Type-Options", "nosniff");
        return CompletableFuture.completedFuture(asset);
    }

    /** Reads the version from the jar, so that only the build names it. */
    private static String versionOfSwaggerUi() {
        String name = "/META-INF/maven/org.webjars/swagger-ui/pom.properties";
        try (InputStream in = DocumentationEndpoints.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the class path has no " + name);
            }
            var properties = new Properties();
            properties.load(in);
            return properties.getProperty("version");
        } catch (IOException e) {
            throw new UncheckedIOException(name, e);
        }
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
