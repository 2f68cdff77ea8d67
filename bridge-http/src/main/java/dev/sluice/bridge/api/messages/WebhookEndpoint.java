package dev.sluice.bridge.api.messages;

import static dev.sluice.bridge.http.Access.PUBLIC;
import static dev.sluice.bridge.http.Route.options;
import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;
import static dev.sluice.bridge.limits.InvalidRequestException.refused;

import dev.sluice.bridge.http.Answer;
import dev.sluice.bridge.http.Request;
import dev.sluice.bridge.http.Route;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Tells a source of events whether it may push to this service: the validation of "HTTP 1.1 Web Hooks for Event
 * Delivery", which belongs to CloudEvents. A source asks once, before its first event, so that nobody can make it send
 * events to a server that does not expect them.
 *
 * <p>The validation proves nothing about the source. It needs no token, unless {@code auth.skip.paths} is set. A push
 * needs its token with or without the validation.
 */
public final class WebhookEndpoint {
    /** The header by which {@code OPTIONS} asks for permission. */
    public static final String REQUEST_ORIGIN = "WebHook-Request-Origin";

    private static final String REQUEST_RATE = "WebHook-Request-Rate";
    private static final String ALLOWED_ORIGIN = "WebHook-Allowed-Origin";
    private static final String ALLOWED_RATE = "WebHook-Allowed-Rate";
    private static final String ANY = "*";
    private static final Pattern ORIGIN = Pattern.compile("[A-Za-z0-9._~:-]+");
    private static final Pattern RATE = Pattern.compile("[1-9][0-9]*");

    /**
     * Who may push.
     *
     * @param all whether every source may ({@code *})
     * @param origins names of sources in lower case, as {@code WebHook-Request-Origin} gives them
     * @param rate requests a minute that a source may send; 0 for no limit
     */
    public record Sources(boolean all, Set<String> origins, int rate) {
        /** No source gets a permission. */
        public static final Sources NONE = new Sources(false, Set.of(), 0);

        /** Copies the set. */
        public Sources {
            origins = Set.copyOf(origins);
        }

        /**
         * Reads the settings.
         *
         * @throws IllegalArgumentException if an entry is neither {@code *} nor the name of a source
         */
        public static Sources of(List<String> entries, int rate) {
            List<String> names = entries.stream()
                    .map(entry -> entry.strip().toLowerCase(Locale.ROOT))
                    .filter(name -> !name.isEmpty())
                    .toList();
            for (String name : names) {
                if (!name.equals(ANY) && !ORIGIN.matcher(name).matches()) {
                    throw new IllegalArgumentException(
                            "webhook.origins must be * or a list of names such as eventemitter.example.com, has "
                                    + name);
                }
            }
            return new Sources(
                    names.contains(ANY),
                    names.stream().filter(name -> !name.equals(ANY)).collect(Collectors.toSet()),
                    rate);
        }

        private boolean contains(String origin) {
            return all || origins.contains(origin.toLowerCase(Locale.ROOT));
        }

        private String allowedRate() {
            return rate == 0 ? ANY : Integer.toString(rate);
        }
    }

    private final Sources sources;

    public WebhookEndpoint(Sources sources) {
        this.sources = sources;
    }

    /** Returns the rows of the table of routes: those of the pushes that take events. */
    public List<Route> routes() {
        return List.of(
                options("/api/v1/push", PUBLIC, this::validate),
                options("/api/v1/push/{queue}", PUBLIC, this::validate));
    }

    /** Answers a request with the header {@value #REQUEST_ORIGIN}. */
    private CompletableFuture<Answer> validate(Request request) {
        List<String> origins = request.headers(REQUEST_ORIGIN);
        if (origins.size() != 1 || !ORIGIN.matcher(origins.get(0).strip()).matches()) {
            throw badRequest(REQUEST_ORIGIN + " must be the name of one source of events, such as"
                    + " eventemitter.example.com");
        }
        String origin = origins.get(0).strip();
        @Nullable String rate = request.header(REQUEST_RATE);
        if (rate != null && !RATE.matcher(rate.strip()).matches()) {
            throw badRequest(REQUEST_RATE + " must be a number of requests a minute from 1, was " + rate);
        }
        if (!sources.contains(origin)) {
            throw refused("The source of events " + origin + " may not push; add it to webhook.origins to allow it");
        }
        request.answerHeader("Allow", "POST, " + Route.OPTIONS);
        request.answerHeader(ALLOWED_ORIGIN, sources.all() ? ANY : origin);
        request.answerHeader(ALLOWED_RATE, sources.allowedRate());
        return Answer.ok().now();
    }
}
