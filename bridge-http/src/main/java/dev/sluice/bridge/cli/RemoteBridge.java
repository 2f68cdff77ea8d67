package dev.sluice.bridge.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.FailedRecords.Retried;
import dev.sluice.queue.NewMessage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Requeues to a running bridge over HTTP. Retries for at most {@value #RETRY_MINUTES} minutes while the bridge is full
 * or does not answer. A message that the bridge gets twice is stored once.
 */
final class RemoteBridge implements Requeue.Destination {
    private static final int RETRY_MINUTES = 10;
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final int USUAL_WAIT_SECONDS = 2;
    private static final int LONGEST_WAIT_SECONDS = 30;
    private static final int CREATED = 201;
    private static final int OK = 200;
    private static final int TOO_MANY = 429;
    private static final int SERVER_ERRORS = 500;
    private static final JsonFactory JSON = new JsonFactory();

    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(TIMEOUT)
            .build();
    private final URI url;
    private final Console console;
    private boolean reached;
    private long taken;

    RemoteBridge(URI url, Console console) {
        this.url = url;
        this.console = console;
    }

    @Override
    public void take(List<NewMessage> messages, List<byte[]> lines) throws IOException, InterruptedException {
        var body = new ByteArrayOutputStream();
        for (byte[] line : lines) {
            body.write(line);
            body.write('\n');
        }
        long deadline = System.nanoTime() + Duration.ofMinutes(RETRY_MINUTES).toNanos();
        while (true) {
            HttpResponse<byte[]> answer = post("/api/v1/buffers/requeue", body.toByteArray(), deadline);
            if (answer.statusCode() != CREATED) {
                throw new Requeue.StoppedException(
                        url + " answered " + answer.statusCode() + ": " + text(answer.body(), "error"));
            }
            String problem = failure(answer.body());
            if (problem == null) {
                taken += messages.size();
                return;
            }
            pause(Optional.empty(), problem, deadline); // Some lanes of the bridge are full.
        }
    }

    /** Posts; retries until the deadline while the bridge cannot take it. */
    private HttpResponse<byte[]> post(String path, byte[] body, long deadline)
            throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(url + path))
                .timeout(TIMEOUT)
                .POST(BodyPublishers.ofByteArray(body))
                .build();
        while (true) {
            Optional<String> retryAfter = Optional.empty();
            String problem;
            try {
                HttpResponse<byte[]> answer = client.send(request, BodyHandlers.ofByteArray());
                reached = true;
                if (answer.statusCode() < SERVER_ERRORS && answer.statusCode() != TOO_MANY) {
                    return answer;
                }
                retryAfter = answer.headers().firstValue("Retry-After");
                problem = text(answer.body(), "error");
            } catch (IOException e) {
                if (!reached && e instanceof ConnectException) {
                    throw new CannotOpenException("no answer from " + url, e);
                }
                problem = e.toString();
            }
            pause(retryAfter, problem, deadline);
        }
    }

    private void pause(Optional<String> retryAfter, String reason, long deadline)
            throws IOException, InterruptedException {
        int seconds = USUAL_WAIT_SECONDS;
        try {
            seconds = Math.min(
                    LONGEST_WAIT_SECONDS, retryAfter.map(Integer::parseInt).orElse(seconds));
        } catch (NumberFormatException e) {
            // The header holds a date; the usual wait will do.
        }
        if (System.nanoTime() + Duration.ofSeconds(seconds).toNanos() - deadline > 0) {
            throw new Requeue.StoppedException(url + " refuses the messages: " + reason);
        }
        console.inform(url + " refuses the messages for now; retrying in " + seconds + " s: " + reason);
        Thread.sleep(Duration.ofSeconds(seconds).toMillis());
    }

    /** Returns an error if an item failed; null if none did. */
    private static @Nullable String failure(byte[] body) throws IOException {
        String error = null;
        boolean failed = false;
        try (JsonParser parser = JSON.createParser(body)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token == JsonToken.VALUE_STRING && "status".equals(parser.currentName())) {
                    failed |= parser.getText().equals("failed");
                } else if (token == JsonToken.VALUE_STRING && "error".equals(parser.currentName())) {
                    error = parser.getText();
                }
            }
        }
        return failed ? String.valueOf(error) : null;
    }

    private static String text(byte[] body, String name) {
        try (JsonParser parser = JSON.createParser(body)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token == JsonToken.VALUE_STRING && name.equals(parser.currentName())) {
                    return parser.getText();
                }
            }
        } catch (IOException e) {
            // Not JSON. The whole body explains more.
        }
        return new String(body, StandardCharsets.UTF_8);
    }

    @Override
    public long taken() {
        return taken;
    }

    @Override
    public Retried retryFailed() throws IOException, InterruptedException {
        long deadline = System.nanoTime() + Duration.ofMinutes(RETRY_MINUTES).toNanos();
        byte[] all = "{\"all\":true}".getBytes(StandardCharsets.US_ASCII);
        HttpResponse<byte[]> answer = post("/api/v1/buffers/failed/retry", all, deadline);
        if (answer.statusCode() != OK) {
            throw new Requeue.StoppedException(
                    url + " answered " + answer.statusCode() + ": " + text(answer.body(), "error"));
        }
        return retried(answer.body());
    }

    private static Retried retried(byte[] body) throws IOException {
        int retried = 0;
        int notRetried = 0;
        String error = null;
        var kept = new ArrayList<FailedRecords.Kept>();
        long id = 0;
        try (JsonParser parser = JSON.createParser(body)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                String name = String.valueOf(parser.currentName());
                if (token == JsonToken.VALUE_NUMBER_INT) {
                    switch (name) {
                        case "retried" -> retried = parser.getIntValue();
                        case "notRetried" -> notRetried = parser.getIntValue();
                        case "id" -> id = parser.getLongValue();
                        default -> {}
                    }
                } else if (token == JsonToken.VALUE_STRING && name.equals("reason")) {
                    kept.add(new FailedRecords.Kept(id, parser.getText()));
                } else if (token == JsonToken.VALUE_STRING && name.equals("error")) {
                    error = parser.getText();
                }
            }
        }
        Optional<Throwable> stoppedBy =
                error == null ? Optional.empty() : Optional.of(new Requeue.StoppedException(error));
        return new Retried(retried, 0, notRetried, kept, stoppedBy);
    }

    @Override
    public void close() {}
}
