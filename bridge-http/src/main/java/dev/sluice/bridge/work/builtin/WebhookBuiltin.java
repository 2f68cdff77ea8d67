package dev.sluice.bridge.work.builtin;

import dev.sluice.bridge.outbound.OutboundUrl;
import dev.sluice.bridge.webhook.Gone;
import dev.sluice.bridge.webhook.Observers;
import dev.sluice.bridge.webhook.WebhookBatchHandler;
import dev.sluice.bridge.webhook.WebhookHandler;
import dev.sluice.bridge.webhook.WebhookRules;
import dev.sluice.bridge.webhook.WebhookTarget;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.Work;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Delivers each work to a URL.
 *
 * @param target where to and how; its URL is not used if works name theirs
 * @param urlOfWork whether each work names its URL, in its metadata {@value #URL}
 * @param hosts hosts that works may name, as {@code api.example.com} or {@code *.example.com}; empty or {@code *}: all
 * @param maxRetryAfter the longest wait that a target may ask for
 */
public record WebhookBuiltin(WebhookTarget target, boolean urlOfWork, List<String> hosts, Duration maxRetryAfter)
        implements Builtin {
    /** Name of the metadata with the URL of a work. */
    public static final String URL = "url";

    public WebhookBuiltin {
        hosts = hosts.stream().map(host -> host.toLowerCase(Locale.ROOT)).toList();
    }

    @Override
    public boolean takesBatches() {
        return !urlOfWork;
    }

    @Override
    public Hooks make(BuiltinParts parts, HandlerSettings settings, boolean isBatch) {
        var rules = new WebhookRules(settings.retry(), maxRetryAfter, urlOfWork);
        Gone gone = (work, reason) -> {
            if (!urlOfWork) {
                parts.pause().accept(work.type());
            }
        };
        var observers = new Observers(new AttemptLog(), gone);
        return isBatch
                ? new WebhookBatchHandler(parts.sender(), target, rules, observers)
                : new WebhookHandler(parts.sender(), this::targetOf, rules, observers);
    }

    private WebhookTarget targetOf(Work work) {
        return urlOfWork ? target.at(urlOf(work)) : target;
    }

    private OutboundUrl urlOf(Work work) {
        String text = null;
        for (Map.Entry<String, String> each : work.metadata().entrySet()) {
            text = each.getKey().equalsIgnoreCase(URL) ? each.getValue() : text;
        }
        if (text == null) {
            throw new IllegalArgumentException("the work names no URL: its metadata (headers) have no " + URL);
        }
        OutboundUrl url = OutboundUrl.parse(text);
        if (!allows(url.host())) {
            throw new IllegalArgumentException(
                    "the host " + url.host() + " is none of those that works of this type may name (config.hosts)");
        }
        return url;
    }

    /** Returns whether works may name a host, in lower case. */
    public boolean allows(String host) {
        return hosts.isEmpty() || hosts.contains("*") || hosts.stream().anyMatch(pattern -> fits(pattern, host));
    }

    private static boolean fits(String pattern, String host) {
        return pattern.startsWith("*.") ? host.endsWith(pattern.substring(1)) : host.equals(pattern);
    }
}
