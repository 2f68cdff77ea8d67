package dev.sluice.bridge.security;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;

/** Fetches a JWK set over HTTP: one try with a timeout and a size limit, without redirects. */
final class JwksClient implements Jwks.Endpoint {
    private static final int OK = 200;

    private final JwksConfig config;
    private final HttpClient client;

    JwksClient(JwksConfig config) {
        this.config = config;
        client = HttpClient.newBuilder()
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(config.timeout())
                .build();
    }

    @Override
    public CompletableFuture<byte[]> fetch() {
        HttpRequest.Builder builder = HttpRequest.newBuilder(config.endpoint())
                .header("Accept", "application/jwk-set+json, application/json");
        config.credentials()
                .ifPresent(credentials -> builder.header(
                        "Authorization",
                        "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8))));
        HttpRequest request = builder.build();
        CompletableFuture<HttpResponse<byte[]>> exchange = client.sendAsync(request, head -> new Body());
        // The timeout of an HttpRequest covers only the headers; this one covers the body too.
        return exchange.copy()
                .orTimeout(config.timeout().toMillis(), TimeUnit.MILLISECONDS)
                .whenComplete((response, failure) -> exchange.cancel(true))
                .thenApply(response -> {
                    if (response.statusCode() != OK) {
                        throw new CompletionException(new IOException("status " + response.statusCode()));
                    }
                    return response.body();
                });
    }

    /** Collects a body up to {@link JwksConfig#MAX_BYTES}. */
    private static final class Body implements BodySubscriber<byte[]> {
        private final CompletableFuture<byte[]> whole = new CompletableFuture<>();
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private Flow.@org.jspecify.annotations.Nullable Subscription source;

        @Override
        public CompletionStage<byte[]> getBody() {
            return whole;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            source = subscription;
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(List<ByteBuffer> parts) {
            for (ByteBuffer part : parts) {
                if (bytes.size() + part.remaining() > JwksConfig.MAX_BYTES) {
                    if (source != null) {
                        source.cancel();
                    }
                    whole.completeExceptionally(new IOException("more than " + JwksConfig.MAX_BYTES + " bytes"));
                    return;
                }
                byte[] chunk = new byte[part.remaining()];
                part.get(chunk);
                bytes.writeBytes(chunk);
            }
        }

        @Override
        public void onError(Throwable failure) {
            whole.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            whole.complete(bytes.toByteArray());
        }
    }
}
