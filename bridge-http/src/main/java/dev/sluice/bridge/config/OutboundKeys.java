package dev.sluice.bridge.config;

import dev.sluice.bridge.outbound.Cidr;
import dev.sluice.bridge.outbound.EgressProxy;
import dev.sluice.bridge.outbound.OutboundSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Settings of the calls that the service makes to addresses that others have chosen. */
final class OutboundKeys {
    static final KeyGroup GROUP = new KeyGroup("Outbound calls");

    private static final int MEBIBYTE = 1024 * 1024;

    static final Key<List<String>> ALLOWED = GROUP.list(
            "outbound.allow.cidrs",
            "",
            "Networks beside the public internet that webhooks may call, separated by commas, as"
                    + " `10.1.0.0/16,fd00:1::/32`. Without them, private, loopback, link-local and reserved addresses"
                    + " are refused, see [docs/webhooks.md](webhooks.md#which-addresses-are-called).");
    static final Key<Boolean> HTTPS_ONLY =
            GROUP.flag("outbound.https.only", false, "Whether calls without TLS are refused.");
    static final Key<Optional<String>> PROXY = GROUP.optional(
            "outbound.proxy",
            EgressProxy::parse,
            Secrets::hidden,
            "An HTTP proxy through which all calls go: `http://HOST:PORT` or `http://USER:PASSWORD@HOST:PORT`. It gets"
                    + " a `CONNECT` for each connection, with an address that was checked.");
    static final Key<Boolean> PROXY_RESOLVES = GROUP.flag(
            "outbound.proxy.resolves",
            false,
            "Whether the proxy looks names up. It must then refuse internal addresses itself.");
    static final Key<Duration> CONNECT_TIMEOUT = GROUP.millis(
            "outbound.connect.timeout.ms", 10_000, 1, 300_000, "The time in ms that a connection may take.");
    static final Key<Integer> MAX_ANSWER = GROUP.integer(
            "outbound.answer.max.bytes",
            OutboundSettings.DEFAULT.maxAnswer(),
            1024,
            16 * MEBIBYTE,
            "How many bytes of an answer are read. If it has more, its connection is closed. The status counts.");
    static final Key<Integer> MAX_SNIPPET = GROUP.integer(
            "outbound.answer.snippet.bytes",
            OutboundSettings.DEFAULT.maxSnippet(),
            0,
            64 * 1024,
            "How many bytes of an answer are kept with an attempt.");
    static final Key<Optional<Path>> CA_FILE = GROUP.optionalPath(
            "outbound.ca.file", "A file with certificates (PEM) that calls trust beside those of the Java runtime.");

    private OutboundKeys() {}

    /**
     * Returns the settings.
     *
     * @throws IllegalArgumentException if a network is none, or the sizes do not fit together
     */
    static OutboundSettings of(Values values) {
        List<Cidr> allowed = values.get(ALLOWED).stream()
                .map(network -> {
                    try {
                        return Cidr.parse(network);
                    } catch (IllegalArgumentException e) {
                        throw new IllegalArgumentException(ALLOWED.name() + " " + e.getMessage(), e);
                    }
                })
                .toList();
        if (values.get(MAX_SNIPPET) > values.get(MAX_ANSWER)) {
            throw new IllegalArgumentException(MAX_SNIPPET.name() + " must be at most " + MAX_ANSWER.name() + ", are "
                    + values.get(MAX_SNIPPET) + " and " + values.get(MAX_ANSWER));
        }
        if (values.get(PROXY).isEmpty() && values.get(PROXY_RESOLVES)) {
            throw new IllegalArgumentException(PROXY_RESOLVES.name() + " has no use without " + PROXY.name());
        }
        return OutboundSettings.DEFAULT
                .allowed(allowed)
                .httpsOnly(values.get(HTTPS_ONLY))
                .proxy(values.get(PROXY)
                        .map(proxy -> EgressProxy.parse(proxy).resolves(values.get(PROXY_RESOLVES)))
                        .orElse(null))
                .connectTimeout(values.get(CONNECT_TIMEOUT))
                .answer(values.get(MAX_ANSWER), values.get(MAX_SNIPPET))
                .trusted(values.get(CA_FILE).orElse(null));
    }
}
