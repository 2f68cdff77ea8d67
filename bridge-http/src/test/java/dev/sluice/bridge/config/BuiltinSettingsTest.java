package dev.sluice.bridge.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.sluice.bridge.outbound.OutboundSettings;
import dev.sluice.bridge.outbound.OutboundUrl;
import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.webhook.PayloadFormat;
import dev.sluice.bridge.webhook.WebhookRules;
import dev.sluice.bridge.webhook.WebhookTarget;
import dev.sluice.bridge.work.HandlerConfig;
import dev.sluice.bridge.work.builtin.LogBuiltin;
import dev.sluice.bridge.work.builtin.QueueBuiltin;
import dev.sluice.bridge.work.builtin.SocketBuiltin;
import dev.sluice.bridge.work.builtin.WebhookBuiltin;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.event.Level;

class BuiltinSettingsTest {
    private static final String KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private static HandlerConfig handler(String... ends) throws ConfigException {
        return BridgeConfig.parse(settings(ends)).work().handlers().get(0);
    }

    private static Map<String, String> settings(String... ends) {
        var all = new HashMap<>(Map.of("work.handlers", "a"));
        for (int i = 0; i < ends.length; i += 2) {
            all.put("work.handlers.a." + ends[i], ends[i + 1]);
        }
        return all;
    }

    private static List<String> problems(Map<String, String> settings) {
        return catchThrowableOfType(ConfigException.class, () -> BridgeConfig.parse(settings))
                .problems();
    }

    @Test
    void everyKeyOfAWebhookCounts() throws ConfigException {
        HandlerConfig config = handler(
                "type", "webhook",
                "config.url", "https://shop.example/in?a=b",
                "config.secrets", KEY + ", " + KEY,
                "config.format", "cloudevents-structured",
                "config.event.source", "/s",
                "config.event.type", "t",
                "config.timeout.ms", "1500",
                "config.retry.after.max.ms", "60000",
                "config.header.Authorization", "Bearer x",
                "config.header.x.y", "z");
        assertThat(config.builtin()).isInstanceOfSatisfying(WebhookBuiltin.class, webhook -> {
            WebhookTarget target = webhook.target();
            assertThat(target.url()).isEqualTo(OutboundUrl.parse("https://shop.example/in?a=b"));
            assertThat(target.keys()).hasSize(2);
            assertThat(target.format()).isEqualTo(PayloadFormat.CLOUDEVENTS_STRUCTURED);
            assertThat(target.event()).isEqualTo(new WebhookTarget.Event("/s", "t"));
            assertThat(target.timeout()).isEqualTo(Duration.ofMillis(1500));
            assertThat(target.headers()).isEqualTo(Map.of("authorization", "Bearer x", "x.y", "z"));
            assertThat(webhook.urlOfWork()).isFalse();
            assertThat(webhook.maxRetryAfter()).isEqualTo(Duration.ofMinutes(1));
        });
        assertThat(config.settings()).isEqualTo(WebhookRules.SETTINGS);
    }

    @Test
    void defaultsAreThoseOfTheStandard() throws ConfigException {
        HandlerConfig config = handler("type", "http");
        assertThat(config.builtin()).isInstanceOfSatisfying(WebhookBuiltin.class, webhook -> {
            assertThat(webhook.urlOfWork()).isTrue();
            assertThat(webhook.target().timeout()).isEqualTo(Duration.ofSeconds(20));
            assertThat(webhook.maxRetryAfter()).isEqualTo(Duration.ofHours(24));
        });
        assertThat(config.settings().retry().maxAttempts()).isEqualTo(10);
        HandlerConfig other = handler("type", "http", "retry.waits", "1s", "concurrency", "7");
        assertThat(other.settings().retry().maxAttempts()).isEqualTo(2);
        assertThat(other.settings().concurrency()).isEqualTo(7);
    }

    @Test
    void aQueueIsForwardedToAnother() throws ConfigException {
        assertThat(handler("type", "queue", "config.queue", "b").builtin()).isEqualTo(new QueueBuiltin("b", null));
        assertThat(handler("type", "queue", "config.queue", "b", "config.partition", "p")
                        .builtin())
                .isEqualTo(new QueueBuiltin("b", "p"));
        assertThat(problems(settings("type", "queue")))
                .containsExactly("work.handlers.a.config.queue must be set: the queue to which works are forwarded");
    }

    @Test
    void aChannelIsAQueueWithATtl() throws ConfigException {
        assertThat(handler("type", "socket", "config.channel", "news").builtin())
                .isEqualTo(new SocketBuiltin(new QueueBuiltin("news", null), Duration.ofHours(1)));
        assertThat(handler(
                                "type", "sse",
                                "config.channel", "news",
                                "config.partition", "p",
                                "config.ttl.ms", "1001")
                        .builtin())
                .isEqualTo(new SocketBuiltin(new QueueBuiltin("news", "p"), Duration.ofSeconds(2)));
        assertThat(problems(settings("type", "socket")))
                .containsExactly("work.handlers.a.config.channel must be set: the queue to which clients subscribe");
    }

    @Test
    void aLogHasALevelAndABound() throws ConfigException {
        assertThat(handler("type", "log", "config.level", "warn", "config.max.characters", "5")
                        .builtin())
                .isEqualTo(new LogBuiltin(Level.WARN, 5));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "webhook|config.ulr|x|handler a: unknown key work.handlers.a.config.ulr, did you mean"
                        + " work.handlers.a.config.url?",
                "webhook|config.url|ftp://x|work.handlers.a.config.url a URL must begin with https:// or http://",
                "webhook|config.secrets|hunter2|work.handlers.a.config.secrets: a secret must begin with whsec_",
                "webhook|config.format|xml|work.handlers.a.config.format must be one of plain, cloudevents,",
                "webhook|config.timeout.ms|300001|work.handlers.a.config.timeout.ms must be 1 to 300000",
                "webhook|config.timeout.ms|0|work.handlers.a.config.timeout.ms must be 1 to 300000",
                "webhook|config.header.host|x|work.handlers.a.config.header.…: header host cannot be set",
                "webhook|config.level|info|handler a: unknown key work.handlers.a.config.level",
                "socket|config.queue|b|handler a: unknown key work.handlers.a.config.queue",
                "socket|config.ttl.ms|999|work.handlers.a.config.ttl.ms must be 1000 to",
                "log|config.url|http://x/|handler a: unknown key work.handlers.a.config.url",
                "log|config.level|loud|work.handlers.a.config.level must be one of debug, info, warn"
            })
    void aWrongKeyOrValueIsNamed(String type, String key, String value, String problem) {
        assertThat(problems(settings("type", type, key, value)))
                .singleElement()
                .asString()
                .startsWith(problem)
                .doesNotContain("hunter2");
    }

    @Test
    void hostsHaveNoUseBesideAUrl() {
        assertThat(problems(
                        settings("type", "webhook", "config.url", "https://a.example/", "config.hosts", "a.example")))
                .containsExactly("work.handlers.a.config.hosts has no use beside config.url");
    }

    @ParameterizedTest
    @CsvSource({"config.secrets," + KEY, "config.header.authorization,Bearer x"})
    void whatIsSecretGoesToNamedHostsOnly(String key, String value) throws ConfigException {
        assertThat(problems(settings("type", "webhook", key, value)))
                .singleElement()
                .asString()
                .startsWith("work.handlers.a.config.hosts must be set: without config.url works name their URLs")
                .doesNotContain(value);
        for (String hosts : List.of("*", "a.example")) {
            HandlerConfig config = handler("type", "webhook", key, value, "config.hosts", hosts);
            assertThat(config.builtin()).isInstanceOfSatisfying(WebhookBuiltin.class, webhook -> {
                assertThat(webhook.urlOfWork()).isTrue();
                assertThat(webhook.allows("a.example")).isTrue();
                assertThat(webhook.allows("b.example")).isEqualTo(hosts.equals("*"));
            });
        }
        assertThat(handler("type", "webhook", key, value, "config.url", "https://a.example/")
                        .builtin())
                .isInstanceOf(WebhookBuiltin.class);
    }

    @Test
    void everyKeyOfOutboundCallsCounts() throws ConfigException {
        OutboundSettings settings = BridgeConfig.parse(Map.of(
                        "outbound.allow.cidrs", "10.0.0.0/8, fd00::/8",
                        "outbound.https.only", "true",
                        "outbound.proxy", "http://me:secret@proxy:3128",
                        "outbound.proxy.resolves", "true",
                        "outbound.connect.timeout.ms", "50",
                        "outbound.answer.max.bytes", "2048",
                        "outbound.answer.snippet.bytes", "100",
                        "outbound.ca.file", "ca.pem"))
                .outbound();
        assertThat(settings.allowed()).hasSize(2);
        assertThat(settings.httpsOnly()).isTrue();
        assertThat(settings.proxy()).isNotNull().hasToString("http://proxy:3128");
        assertThat(settings.proxy().resolves()).isTrue();
        assertThat(settings.connectTimeout()).isEqualTo(Duration.ofMillis(50));
        assertThat(settings.maxAnswer()).isEqualTo(2048);
        assertThat(settings.maxSnippet()).isEqualTo(100);
        assertThat(settings.trusted()).hasToString("ca.pem");
        assertThat(BridgeConfig.parse(Map.of()).outbound()).isEqualTo(OutboundSettings.DEFAULT);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "outbound.allow.cidrs|10.0.0.1/8|outbound.allow.cidrs must have no bits after the first 8",
                "outbound.proxy|proxy|outbound.proxy must be http://HOST:PORT",
                "outbound.proxy.resolves|true|outbound.proxy.resolves has no use without outbound.proxy",
                "outbound.answer.snippet.bytes|65537|outbound.answer.snippet.bytes must be 0 to 65536",
                "outbound.answer.max.bytes|1023|outbound.answer.max.bytes must be 1024 to"
            })
    void aWrongSettingOfCallsIsNamed(String key, String value, String problem) {
        assertThat(problems(Map.of(key, value))).singleElement().asString().startsWith(problem);
    }

    @Test
    void aSnippetIsNotLargerThanWhatIsRead() {
        assertThat(problems(Map.of("outbound.answer.max.bytes", "1024", "outbound.answer.snippet.bytes", "1025")))
                .containsExactly("outbound.answer.snippet.bytes must be at most outbound.answer.max.bytes, are 1025 and"
                        + " 1024");
    }
}
