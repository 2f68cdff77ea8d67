package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;

import dev.sluice.bridge.outbound.OutboundUrl;
import dev.sluice.bridge.webhook.CustomHeaders;
import dev.sluice.bridge.webhook.PayloadFormat;
import dev.sluice.bridge.webhook.WebhookKey;
import dev.sluice.bridge.webhook.WebhookMessage;
import dev.sluice.bridge.webhook.WebhookRules;
import dev.sluice.bridge.webhook.WebhookTarget;
import dev.sluice.bridge.work.builtin.Builtin;
import dev.sluice.bridge.work.builtin.LogBuiltin;
import dev.sluice.bridge.work.builtin.QueueBuiltin;
import dev.sluice.bridge.work.builtin.SocketBuiltin;
import dev.sluice.bridge.work.builtin.WebhookBuiltin;
import dev.sluice.work.HandlerSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/**
 * Keys of the handlers that the service has itself. Each name here is the end of {@code work.handlers.NAME.KEY}. To add
 * a handler, declare its keys, and a {@link Kind} that makes it of their values.
 */
final class BuiltinSettings {
    static final KeyGroup GROUP = new KeyGroup("Built-in handlers");

    /** Beginning of the keys with headers; the name of a header follows. */
    static final String HEADER = HandlerSettingsKeys.CONFIG + "header.";

    private static final int YEAR_HOURS = 8760;
    private static final int SECOND_MS = 1000;

    static final Key<Optional<String>> URL = GROUP.optional(
            "config.url",
            OutboundUrl::parse,
            text -> OutboundUrl.parse(text).shown(),
            "`webhook`: the URL to which works are delivered. If it is not set, each work names its URL in its metadata"
                    + " (header) `url`.");
    static final Key<List<String>> HOSTS = GROUP.list(
            "config.hosts",
            "",
            "`webhook` without `config.url`: the hosts that works may name, separated by commas, as `api.example.com`"
                    + " or `*.example.com`, or `*` for all. If empty, all. With `config.secrets` or `config.header.X`,"
                    + " it must be set: each host that a work names gets them.");
    static final Key<Optional<String>> SECRETS = GROUP.secret(
            "config.secrets",
            "`webhook`: the secrets that sign requests, separated by commas: `whsec_…` for HMAC or `whsk_…` for"
                    + " Ed25519. Each makes a signature, so that a receiver can change from one to the next. Without a"
                    + " secret, requests are not signed.");
    static final Key<String> FORMAT = GROUP.choice(
            "config.format",
            "plain",
            List.of("plain", "cloudevents", "cloudevents-structured"),
            "`webhook`: whether the body is the payload, the payload with the attributes of a CloudEvent in headers, or"
                    + " a CloudEvent with the payload in it.");
    static final Key<String> EVENT_SOURCE = GROUP.text(
            "config.event.source", WebhookTarget.Event.DEFAULT.source(), "`webhook`: the source of CloudEvents.");
    static final Key<String> EVENT_TYPE = GROUP.text(
            "config.event.type",
            WebhookTarget.Event.DEFAULT.type(),
            "`webhook`: the type of CloudEvents whose messages have no header `" + WebhookMessage.EVENT_TYPE + "`.");
    static final Key<Duration> TIMEOUT = GROUP.millis(
            "config.timeout.ms",
            (int) WebhookTarget.DEFAULT_TIMEOUT.toMillis(),
            1,
            (int) WebhookTarget.MAX_TIMEOUT.toMillis(),
            "`webhook`: the time in ms that a request may take, from the look-up of the name to the"
                    + " end of the answer.");
    static final Key<Duration> MAX_RETRY_AFTER = GROUP.longMillis(
            "config.retry.after.max.ms",
            WebhookRules.MAX_RETRY_AFTER.toMillis(),
            0,
            (long) YEAR_HOURS * HOUR_MS,
            "`webhook`: the longest time in ms for which a `Retry-After` of the target counts.");
    static final Key<Optional<String>> QUEUE =
            GROUP.optional("config.queue", "`queue`: the queue to which works are forwarded. It must be set.");
    static final Key<Optional<String>> PARTITION = GROUP.optional(
            "config.partition",
            "`queue` and `socket`: the partition of the messages. If it is not set, it is the key of the work, or"
                    + " `Default`.");
    static final Key<Optional<String>> CHANNEL = GROUP.optional(
            "config.channel",
            "`socket`: the channel to which works are emitted, which is a queue. It must be set. Clients read it by"
                    + " `GET /api/v1/subscribe/CHANNEL`, see"
                    + " [docs/subscribe.md](subscribe.md#instead-of-socket-emissions).");
    static final Key<Duration> TTL = GROUP.longMillis(
            "config.ttl.ms",
            HOUR_MS,
            SECOND_MS,
            (long) YEAR_HOURS * HOUR_MS,
            "`socket`: the time in ms, in whole seconds, after which a message of the channel is deleted, read or not."
                    + " A client that was away for less misses nothing. It counts if the handler creates the queue; a"
                    + " queue that exists keeps its options.");
    static final Key<String> LEVEL =
            GROUP.choice("config.level", "info", List.of("debug", "info", "warn"), "`log`: the level of the lines.");
    static final Key<Integer> MAX_CHARACTERS = GROUP.integer(
            "config.max.characters", 1000, 0, 100_000, "`log`: how many characters of a payload a line shows.");

    private static final List<Key<?>> OF_WEBHOOKS =
            List.of(URL, HOSTS, SECRETS, FORMAT, EVENT_SOURCE, EVENT_TYPE, TIMEOUT, MAX_RETRY_AFTER);

    private static final Kind SOCKET =
            new Kind(List.of(CHANNEL, PARTITION, TTL), false, HandlerSettings.DEFAULT, BuiltinSettings::socket);

    /** The handlers, by the values of {@code work.handlers.NAME.type}. */
    private static final Map<String, Kind> KINDS = Map.of(
            "webhook", new Kind(OF_WEBHOOKS, true, WebhookRules.SETTINGS, BuiltinSettings::webhook),
            "http", new Kind(OF_WEBHOOKS, true, WebhookRules.SETTINGS, BuiltinSettings::webhook),
            "socket", SOCKET,
            "sse", SOCKET,
            "queue", new Kind(List.of(QUEUE, PARTITION), false, HandlerSettings.DEFAULT, BuiltinSettings::queue),
            "log", new Kind(List.of(LEVEL, MAX_CHARACTERS), false, HandlerSettings.DEFAULT, BuiltinSettings::log));

    /**
     * A handler.
     *
     * @param keys those that it has
     * @param hasHeaders whether it has keys {@code config.header.…} too
     * @param settings usual settings of its type
     * @param maker makes it
     */
    private record Kind(List<Key<?>> keys, boolean hasHeaders, HandlerSettings settings, Maker maker) {}

    @FunctionalInterface
    private interface Maker {
        Builtin make(Given given);
    }

    /** What a configuration has for a handler: texts by the names of keys without {@code config.}. */
    private record Given(String beginning, Map<String, String> texts) {
        <T> T get(Key<T> key) {
            String text = texts.getOrDefault(key.name().substring(HandlerSettingsKeys.CONFIG.length()), "");
            return text.isBlank()
                    ? key.byDefault()
                    : key.named(beginning + key.name()).parse(text);
        }

        /** Returns what goes wrong with a key as a problem of the configuration. */
        IllegalArgumentException wrong(String key, IllegalArgumentException e) {
            return new IllegalArgumentException(beginning + key + ": " + e.getMessage(), e);
        }
    }

    private BuiltinSettings() {}

    /** Returns usual settings of a type of handler, which may be one of a plug-in. */
    static HandlerSettings settings(String type) {
        Kind kind = KINDS.get(type);
        return kind == null ? HandlerSettings.DEFAULT : kind.settings();
    }

    /**
     * Makes a handler.
     *
     * @param beginning of the keys of the handler: {@code work.handlers.NAME.}
     * @param config its keys without {@code config.}
     * @return null if the service has no such handler itself
     * @throws IllegalArgumentException if a key or a value is wrong
     */
    static @Nullable Builtin make(String type, String beginning, Map<String, String> config) {
        Kind kind = KINDS.get(type);
        if (kind == null) {
            return null;
        }
        for (String key : config.keySet()) {
            String name = HandlerSettingsKeys.CONFIG + key;
            if (kind.keys().stream().noneMatch(known -> known.name().equals(name))
                    && !(kind.hasHeaders() && name.startsWith(HEADER) && name.length() > HEADER.length())) {
                throw new IllegalArgumentException(BridgeKeys.unknown(
                        beginning + name,
                        Stream.concat(
                                kind.keys().stream().map(known -> beginning + known.name()),
                                Stream.of(beginning + HEADER + "NAME"))));
            }
        }
        return kind.maker().make(new Given(beginning, config));
    }

    private static Builtin log(Given given) {
        return new LogBuiltin(Level.valueOf(given.get(LEVEL).toUpperCase(Locale.ROOT)), given.get(MAX_CHARACTERS));
    }

    private static Builtin queue(Given given) {
        String queue = given.get(QUEUE)
                .orElseThrow(() -> new IllegalArgumentException(
                        given.beginning() + QUEUE.name() + " must be set: the queue to which works are forwarded"));
        try {
            return new QueueBuiltin(queue, given.get(PARTITION).orElse(null));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(given.beginning() + HandlerSettingsKeys.CONFIG + e.getMessage(), e);
        }
    }

    private static Builtin socket(Given given) {
        Duration ttl = given.get(TTL);
        String channel = given.get(CHANNEL)
                .orElseThrow(() -> new IllegalArgumentException(
                        given.beginning() + CHANNEL.name() + " must be set: the queue to which clients subscribe"));
        try {
            return SocketBuiltin.of(channel, given.get(PARTITION).orElse(null), ttl);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(given.beginning() + HandlerSettingsKeys.CONFIG + e.getMessage(), e);
        }
    }

    private static Builtin webhook(Given given) {
        Optional<OutboundUrl> url = given.get(URL).map(OutboundUrl::parse);
        if (url.isPresent() && !given.get(HOSTS).isEmpty()) {
            throw new IllegalArgumentException(given.beginning() + HOSTS.name() + " has no use beside " + URL.name());
        }
        var target = new WebhookTarget(
                url.orElseGet(() -> OutboundUrl.parse("https://url.of.work/")),
                keys(given),
                headers(given),
                switch (given.get(FORMAT)) {
                    case "cloudevents" -> PayloadFormat.CLOUDEVENTS_BINARY;
                    case "cloudevents-structured" -> PayloadFormat.CLOUDEVENTS_STRUCTURED;
                    default -> PayloadFormat.PLAIN;
                },
                new WebhookTarget.Event(given.get(EVENT_SOURCE), given.get(EVENT_TYPE)),
                given.get(TIMEOUT));
        if (url.isEmpty()
                && given.get(HOSTS).isEmpty()
                && !(target.keys().isEmpty() && target.headers().isEmpty())) {
            throw new IllegalArgumentException(given.beginning() + HOSTS.name() + " must be set: without " + URL.name()
                    + " works name their URLs, and each host gets the signatures and headers of this type."
                    + " Name the hosts, or * for all");
        }
        return new WebhookBuiltin(target, url.isEmpty(), given.get(HOSTS), given.get(MAX_RETRY_AFTER));
    }

    private static List<WebhookKey> keys(Given given) {
        var keys = new ArrayList<WebhookKey>();
        for (String text : given.get(SECRETS).orElse("").split(",", -1)) {
            try {
                if (!text.isBlank()) {
                    keys.add(WebhookKey.parse(text.strip()));
                }
            } catch (IllegalArgumentException e) {
                throw given.wrong(SECRETS.name(), e);
            }
        }
        return keys;
    }

    private static Map<String, String> headers(Given given) {
        var headers = new LinkedHashMap<String, String>();
        String beginning = HEADER.substring(HandlerSettingsKeys.CONFIG.length());
        given.texts().forEach((key, text) -> {
            if (key.startsWith(beginning)) {
                headers.put(key.substring(beginning.length()), text);
            }
        });
        try {
            return CustomHeaders.checked(headers);
        } catch (IllegalArgumentException e) {
            throw given.wrong(HEADER + "…", e);
        }
    }
}
