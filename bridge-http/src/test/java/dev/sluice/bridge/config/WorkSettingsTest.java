package dev.sluice.bridge.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.work.ErrorRules;
import dev.sluice.bridge.work.HandlerConfig;
import dev.sluice.work.Batching;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.RetryPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keys of the work engine and of handlers, in a file and in the environment. */
class WorkSettingsTest {
    @TempDir
    Path directory;

    private static Map<String, String> map(String... keysAndValues) {
        var map = new HashMap<String, String>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            map.put(keysAndValues[i], keysAndValues[i + 1]);
        }
        return map;
    }

    private static BridgeConfig parse(String... keysAndValues) throws ConfigException {
        return BridgeConfig.parse(map(keysAndValues));
    }

    private static List<String> problems(String... keysAndValues) {
        return catchThrowableOfType(ConfigException.class, () -> parse(keysAndValues))
                .problems();
    }

    private static BridgeConfig environment(Path file, String... variables) throws ConfigException {
        return BridgeConfig.parse(ConfigSources.find(file, map(variables)));
    }

    private static HandlerConfig only(BridgeConfig config) {
        assertThat(config.work().handlers()).hasSize(1);
        return config.work().handlers().get(0);
    }

    @Test
    void withoutHandlersTheEngineNeedsNoConnection() throws ConfigException {
        assertThat(parse().work().hasHandlers()).isFalse();
        assertThat(parse().work().connections()).isZero();
        assertThat(parse("work.handlers", "a", "work.handlers.a.type", "acme.A")
                        .work()
                        .connections())
                .isPositive();
    }

    @Test
    void aHandlerHasTheDefaultsOfItsSettingsAndItsNameAsType() throws ConfigException {
        HandlerConfig handler = only(parse("work.handlers", "orders", "work.handlers.orders.type", "acme.Orders"));
        assertThat(handler)
                .isEqualTo(new HandlerConfig(
                        "orders", "orders", "acme.Orders", HandlerSettings.DEFAULT, null, List.of(), Map.of()));
    }

    /** The page says the defaults of the keys. */
    @Test
    void theDefaultsOfTheKeysAreThoseOfTheSettings() throws ConfigException {
        var all = map("work.handlers", "a", "work.handlers.a.type", "acme.A");
        HandlerSettingsKeys.bindings()
                .forEach(binding -> all.put(
                        "work.handlers.a." + binding.key().name(), binding.key().defaultText()));
        assertThat(only(BridgeConfig.parse(all)).settings()).isEqualTo(HandlerSettings.DEFAULT);
    }

    @Test
    void everySettingOfAHandlerIsAKey() throws ConfigException {
        HandlerConfig handler = only(parse(
                "work.handlers", "orders",
                "work.handlers.orders.type", "acme.Orders",
                "work.handlers.orders.work.type", "shop.orders",
                "work.handlers.orders.concurrency", "3",
                "work.handlers.orders.timeout.ms", "1500",
                "work.handlers.orders.retry.max.attempts", "7",
                "work.handlers.orders.retry.backoff.ms", "100",
                "work.handlers.orders.retry.backoff.max.ms", "5000",
                "work.handlers.orders.retry.jitter", "0.5",
                "work.handlers.orders.retry.defer", "true",
                "work.handlers.orders.retry.never.on", "acme.A, acme.B",
                "work.handlers.orders.max.crashes", "2",
                "work.handlers.orders.max.age.ms", "60000",
                "work.handlers.orders.keep.results", "true",
                "work.handlers.orders.idempotency.window.ms", "1000",
                "work.handlers.orders.config.url", "http://a",
                "work.handlers.orders.config.deep.key", ""));
        assertThat(handler.workType()).isEqualTo("shop.orders");
        assertThat(handler.neverOn()).containsExactly("acme.A", "acme.B");
        assertThat(handler.config()).isEqualTo(Map.of("url", "http://a", "deep.key", ""));
        assertThat(handler.settings())
                .isEqualTo(HandlerSettings.DEFAULT
                        .concurrency(3)
                        .timeout(Duration.ofMillis(1500))
                        .retry(RetryPolicy.DEFAULT
                                .maxAttempts(7)
                                .exponential(Duration.ofMillis(100), Duration.ofSeconds(5))
                                .jitter(0.5))
                        .deferRetries()
                        .maxCrashes(2)
                        .maxAge(Duration.ofMinutes(1))
                        .keepResults()
                        .idempotencyWindow(Duration.ofSeconds(1)));
    }

    @Test
    void aListOfWaitsHasUnitsAndOneAttemptMore() throws ConfigException {
        HandlerConfig handler = only(parse(
                "work.handlers", "a",
                "work.handlers.a.type", "acme.A",
                "work.handlers.a.retry.waits", "0s, 5s,5m,30m,2h,1d,20ms"));
        assertThat(handler.settings().retry())
                .isEqualTo(RetryPolicy.ofWaits(
                        Duration.ZERO,
                        Duration.ofSeconds(5),
                        Duration.ofMinutes(5),
                        Duration.ofMinutes(30),
                        Duration.ofHours(2),
                        Duration.ofDays(1),
                        Duration.ofMillis(20)));
    }

    @Test
    void limitsOfTheTypeAndOfEachKeyAreKeys() throws ConfigException {
        HandlerConfig handler = only(parse(
                "work.handlers", "a",
                "work.handlers.a.type", "acme.A",
                "work.handlers.a.limit.key", "/tenant",
                "work.handlers.a.limit.concurrency", "50",
                "work.handlers.a.limit.each.rate", "10/1s",
                "work.handlers.a.limit.each.burst", "20",
                "work.defaults.limit.each.concurrency", "5"));
        assertThat(handler.settings())
                .isEqualTo(HandlerSettings.DEFAULT
                        .limitKey("/tenant")
                        .limit(Limit.ofConcurrency(50))
                        .limitOfEachKey(Limit.ofRate(10, Duration.ofSeconds(1))
                                .burst(20)
                                .concurrency(5)));
        assertThat(problems(
                        "work.handlers", "a",
                        "work.handlers.a.type", "acme.A",
                        "work.handlers.a.limit.rate", "10"))
                .containsExactly("work.handlers.a.limit.rate must be a number of works and a period, such as 10/1s,"
                        + " was 10");
    }

    @Test
    void aCircuitBreakerHasAThresholdOrARate() throws ConfigException {
        String[] handler = {"work.handlers", "a", "work.handlers.a.type", "acme.A"};
        var failures = map(handler);
        failures.put("work.handlers.a.breaker.threshold", "7");
        failures.put("work.defaults.breaker.open.ms", "100");
        assertThat(only(BridgeConfig.parse(failures)).settings().breaker())
                .isEqualTo(BreakerSettings.consecutive(7).openFor(Duration.ofMillis(100)));
        var rate = map(handler);
        rate.put("work.handlers.a.breaker.failure.rate", "30");
        rate.put("work.handlers.a.breaker.half.open.calls", "2");
        assertThat(only(BridgeConfig.parse(rate)).settings().breaker())
                .isEqualTo(BreakerSettings.DEFAULT.failures(30, 100, 20).halfOpenCalls(2));
        assertThat(only(parse(handler)).settings().breaker()).isNull();
    }

    @Test
    void aCircuitBreakerMayLookAtSlowRuns() throws ConfigException {
        String[] slow = {
            "work.handlers", "a",
            "work.handlers.a.type", "acme.A",
            "work.handlers.a.breaker.slow.ms", "2000",
            "work.handlers.a.breaker.slow.rate", "70",
            "work.handlers.a.breaker.window", "10"
        };
        assertThat(only(parse(slow)).settings().breaker())
                .as("the minimum is not above the window")
                .isEqualTo(BreakerSettings.DEFAULT.failures(50, 10, 10).slow(70, Duration.ofSeconds(2)));
        var more = map(slow);
        more.put("work.handlers.a.breaker.minimum.calls", "11");
        assertThat(catchThrowableOfType(ConfigException.class, () -> BridgeConfig.parse(more))
                        .problems())
                .containsExactly("handler a: minimumCalls must be 1 to the window 10, was 11");
    }

    @Test
    void whatAHandlerSaysItselfCountsAlsoIfAllHandlersSayItInAnotherWay() throws ConfigException {
        HandlerSettings settings = only(parse(
                        "work.handlers", "a",
                        "work.handlers.a.type", "acme.A",
                        "work.defaults.breaker.threshold", "7",
                        "work.handlers.a.breaker.failure.rate", "30",
                        "work.defaults.retry.waits", "1m,1m",
                        "work.handlers.a.retry.backoff.ms", "5"))
                .settings();
        assertThat(settings.breaker()).isEqualTo(BreakerSettings.DEFAULT.failures(30, 100, 20));
        assertThat(settings.retry())
                .isEqualTo(RetryPolicy.DEFAULT.exponential(Duration.ofMillis(5), RetryPolicy.DEFAULT.longest()));
        assertThat(only(parse(
                                "work.handlers", "a",
                                "work.handlers.a.type", "acme.A",
                                "work.handlers.a.breaker.threshold", "7",
                                "work.defaults.breaker.failure.rate", "30"))
                        .settings()
                        .breaker())
                .isEqualTo(BreakerSettings.consecutive(7));
    }

    @Test
    void aKeyOfACircuitBreakerThatIsNotThereIsRefused() {
        assertThat(problems(
                        "work.handlers", "a",
                        "work.handlers.a.type", "acme.A",
                        "work.handlers.a.breaker.open.ms", "100",
                        "work.handlers.a.breaker.half.open.calls", "5"))
                .as("the default says nothing")
                .containsExactly("work.handlers.a.breaker.open.ms has no use: the handler has no circuit breaker,"
                        + " because none of breaker.failure.rate, breaker.threshold and breaker.slow.ms is set");
    }

    @Test
    void waitsByClassOfErrorKeepTheirOrder() throws ConfigException {
        assertThat(only(parse(
                                "work.handlers", "a",
                                "work.handlers.a.type", "acme.A",
                                "work.handlers.a.retry.on", "acme.Busy:5s/1m, java.io.IOException:10s"))
                        .errors()
                        .retries())
                .containsExactly(
                        new ErrorRules.Retry(
                                "acme.Busy", RetryPolicy.ofWaits(Duration.ofSeconds(5), Duration.ofMinutes(1))),
                        new ErrorRules.Retry("java.io.IOException", RetryPolicy.ofWaits(Duration.ofSeconds(10))));
    }

    @Test
    void lanesAreStrictOrHaveWeights() throws ConfigException {
        assertThat(parse("work.lanes", "strict").describe()).contains("work.lanes = strict");
        assertThat(parse().describe()).contains("work.lanes = 8:4:2:1");
        assertThat(problems("work.lanes", "8:4"))
                .containsExactly("work.lanes must be strict, or four weights such as 8:4:2:1, was 8:4");
        assertThat(problems("work.lanes", "8:4:2:0"))
                .containsExactly("work.lanes the weight of lane low must be 1 to 1000, was 0");
    }

    @Test
    void eventsForTheQueueAreNamedByTheirKinds() throws ConfigException {
        assertThat(parse("work.event.queue", "dead-lettered, completed").describe())
                .contains("work.event.queue = dead-lettered,completed");
        assertThat(problems("work.event.queue", "broken"))
                .singleElement()
                .asString()
                .startsWith("work.event.queue must have some of enqueued, started,")
                .endsWith(", was broken");
    }

    @Test
    void aBatchHandlerHasKeysOfItsOwn() throws ConfigException {
        String[] batches = {"work.handlers", "a", "work.handlers.a.type", "acme.A"};
        assertThat(only(parse(batches)).batching()).isNull();
        var sized = map(batches);
        sized.put("work.handlers.a.batch.size", "7");
        assertThat(only(BridgeConfig.parse(sized)).batching()).isEqualTo(Batching.ofSize(7));
        sized.put("work.handlers.a.batch.linger.ms", "20");
        assertThat(only(BridgeConfig.parse(sized)).batching())
                .isEqualTo(Batching.ofSize(7).linger(Duration.ofMillis(20)));
        assertThat(problems("work.defaults.batch.size", "7")).containsExactly("unknown key work.defaults.batch.size");
    }

    @Test
    void defaultsAreForHandlersThatDoNotSayItThemselves() throws ConfigException {
        BridgeConfig config = parse(
                "work.handlers", "a,b",
                "work.handlers.a.type", "acme.A",
                "work.handlers.b.type", "acme.B",
                "work.handlers.b.timeout.ms", "10",
                "work.handlers.b.keep.results", "false",
                "work.defaults.timeout.ms", "20",
                "work.defaults.keep.results", "true",
                "work.defaults.retry.never.on", "acme.E");
        assertThat(config.work().handlers())
                .extracting(
                        each -> each.settings().timeout().toMillis(),
                        each -> each.settings().keepsResults())
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(20L, true),
                        org.assertj.core.groups.Tuple.tuple(10L, false));
        assertThat(config.work().handlers())
                .allSatisfy(each -> assertThat(each.neverOn()).containsExactly("acme.E"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "work.handlers.orders.timout.ms | unknown key work.handlers.orders.timout.ms, did you mean"
                        + " work.handlers.orders.timeout.ms?",
                "work.handlers.orders | unknown key work.handlers.orders",
                "work.handlers.alerts.timeout.ms | work.handlers.alerts.timeout.ms has no use: work.handlers does not"
                        + " name alerts",
                "work.defaults.timout.ms | unknown key work.defaults.timout.ms, did you mean work.defaults.timeout.ms?",
                "work.defaults.type | unknown key work.defaults.type",
                "work.handlers.orders.config. | work.handlers.orders.config. must go on with the name of a setting of"
                        + " the handler",
                "work.concurency | unknown key work.concurency, did you mean work.concurrency?"
            })
    void aWrongKeyIsRefusedWithTheNearestOne(String key, String problem) {
        assertThat(problems("work.handlers", "orders", "work.handlers.orders.type", "acme.Orders", key, "1"))
                .containsExactly(problem);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "timeout.ms | 0 | timeout.ms must be 1 to 999993600000, was 0",
                "retry.waits | 5 | retry.waits must be times with units, such as 0s,500ms,5m,2h,1d, was 5",
                "retry.jitter | 2 | retry.jitter must be a number from 0 to 1, was 2",
                "retry.on | acme.A | retry.on must be classes of errors with their waits, such as"
                        + " java.io.IOException:5s/1m, was acme.A",
                "keep.results | yes | keep.results must be true or false, was yes",
                "concurrency | many | concurrency must be a whole number, 0 to 10000, was many"
            })
    void aWrongValueNamesItsKeyOfTheHandlerOrOfAllHandlers(String key, String value, String problem) {
        String type = "work.handlers.orders.type";
        assertThat(problems("work.handlers", "orders", type, "acme.Orders", "work.handlers.orders." + key, value))
                .containsExactly("work.handlers.orders." + problem);
        assertThat(problems("work.handlers", "orders", type, "acme.Orders", "work.defaults." + key, value))
                .containsExactly("work.defaults." + problem);
    }

    @Test
    void aHandlerNeedsATypeAndANameThatVariablesCanHave() {
        assertThat(problems("work.handlers", "orders"))
                .containsExactly("work.handlers.orders.type must be set: the provider or the class of the handler");
        assertThat(problems("work.handlers", "or.ders"))
                .containsExactly("work.handlers must have names of letters, digits, _ and -, was or.ders");
        assertThat(problems("work.handlers", "a-b,A_B", "work.handlers.a-b.type", "acme.A"))
                .containsExactly("work.handlers has two names with the same variables in the environment"
                        + " (SLUICE_WORK_HANDLERS_A_B_…): a-b,A_B");
        assertThat(problems(
                        "work.handlers", "a,b",
                        "work.handlers.a.type", "acme.A",
                        "work.handlers.b.type", "acme.B",
                        "work.handlers.b.work.type", "a"))
                .containsExactly("the handlers a and b have the same work.type a");
        assertThat(problems(
                        "work.handlers", "a",
                        "work.handlers.a.type", "acme.A",
                        "work.handlers.a.work.type", "no such/type"))
                .singleElement()
                .asString()
                .startsWith("handler a: type must be 1 to 200 letters");
        assertThat(problems(
                        "work.handlers", "a",
                        "work.handlers.a.type", "acme.A",
                        "work.handlers.a.retry.backoff.max.ms", "10"))
                .singleElement()
                .asString()
                .startsWith("handler a: first must be 0 or more and at most longest");
    }

    @Test
    void variablesSetTheKeysOfHandlersWhateverTheirNames() throws Exception {
        Path file = Files.writeString(
                directory.resolve("a.properties"),
                "work.handlers.welcome-mail.timeout.ms=7\nwork.handlers.welcome-mail.type=acme.A\n"
                        + "work.handlers.Welcome.type=acme.B\n");
        BridgeConfig config = environment(
                file,
                "SLUICE_WORK_HANDLERS",
                "Welcome,welcome-mail",
                "SLUICE_WORK_HANDLERS_WELCOME_MAIL_TIMEOUT_MS",
                "8",
                "SLUICE_WORK_HANDLERS_WELCOME_CONFIG_BASE_URL",
                "http://a",
                "SLUICE_WORK_DEFAULTS_MAX_CRASHES",
                "9",
                "SLUICE_WORK_CONCURRENCY",
                "4");
        assertThat(config.work().handlers()).extracting(HandlerConfig::name).containsExactly("Welcome", "welcome-mail");
        assertThat(config.work().handlers().get(0).config()).isEqualTo(Map.of("base.url", "http://a"));
        assertThat(config.work().handlers().get(1).settings().timeout()).hasMillis(8);
        assertThat(config.work().handlers())
                .allSatisfy(each -> assertThat(each.settings().maxCrashes()).isEqualTo(9));
    }

    @Test
    void aVariableOfNoHandlerIsAnError() {
        assertThat(catchThrowableOfType(
                                ConfigException.class,
                                () -> environment(null, "SLUICE_WORK_HANDLERS_ORDERS_TIMEOUT_MS", "8"))
                        .problems())
                .containsExactly("work.handlers.orders.timeout.ms has no use: work.handlers does not name orders");
    }

    @Test
    void whatIsShownHidesSecretsOfHandlers() throws ConfigException {
        String shown = parse(
                        "work.handlers", "a",
                        "work.handlers.a.type", "acme.A",
                        "work.handlers.a.config.smtp.password", "hunter2",
                        "work.handlers.a.config.api-key", "hunter3",
                        "work.handlers.a.config.url", "http://user:hunter4@host/")
                .describe();
        assertThat(shown)
                .doesNotContain("hunter")
                .contains("work.handlers.a.config.smtp.password = [hidden]", "work.handlers.a.type = acme.A");
    }

    @Test
    void variablesOfAnotherServiceSetKeysIfThatIsAskedFor() throws ConfigException {
        String[] theirs = {
            "BUFFER_CONCURRENCY", "3",
            "BUFFER_MAX_RETRIES", "4",
            "BUFFER_MAX_QUEUE_SIZE", "5",
            "BUFFER_MESSAGE_TIMEOUT_MS", "6",
            "BUFFER_METRICS_ENABLED", "false",
            "BUFFER_CIRCUIT_BREAKER_THRESHOLD", "9",
            "SLUICE_WORK_HANDLERS", "a",
            "SLUICE_WORK_HANDLERS_A_TYPE", "acme.A"
        };
        assertThat(environment(null, theirs).aliases()).isEmpty();
        assertThat(environment(null, theirs).work().countsWorks()).isTrue();
        var asked = map(theirs);
        asked.put("SLUICE_COMPAT", "workbuffer");
        BridgeConfig config = BridgeConfig.parse(ConfigSources.find(null, asked));
        assertThat(config.aliases())
                .isEqualTo(Map.of(
                        "work.concurrency", "BUFFER_CONCURRENCY",
                        "work.defaults.retry.max.attempts", "BUFFER_MAX_RETRIES",
                        "work.max.queue.size", "BUFFER_MAX_QUEUE_SIZE",
                        "work.defaults.timeout.ms", "BUFFER_MESSAGE_TIMEOUT_MS",
                        "work.defaults.breaker.threshold", "BUFFER_CIRCUIT_BREAKER_THRESHOLD",
                        "work.metrics.enabled", "BUFFER_METRICS_ENABLED"));
        assertThat(config.describe()).contains("work.concurrency = 3", "work.max.queue.size = 5");
        assertThat(config.work().countsWorks()).isFalse();
        HandlerSettings settings = only(config).settings();
        assertThat(settings.timeout()).hasMillis(6);
        assertThat(settings.breaker()).isEqualTo(BreakerSettings.consecutive(9));
        assertThat(settings.retry().maxAttempts()).as("four retries").isEqualTo(5);
    }

    @Test
    void ourVariablesAndOurFileWinOverThoseOfAnotherService() throws Exception {
        Path file = Files.writeString(directory.resolve("a.properties"), "work.concurrency=7\n");
        BridgeConfig config = environment(
                file,
                "SLUICE_COMPAT",
                "workbuffer",
                "BUFFER_CONCURRENCY",
                "3",
                "BUFFER_MAX_QUEUE_SIZE",
                "5",
                "SLUICE_WORK_MAX_QUEUE_SIZE",
                "8");
        assertThat(config.aliases()).isEmpty();
        assertThat(config.describe()).contains("work.concurrency = 7", "work.max.queue.size = 8");
    }

    @Test
    void aWrongValueOfAnotherServiceNamesTheVariable() {
        assertThat(catchThrowableOfType(
                                ConfigException.class,
                                () -> environment(
                                        null,
                                        "SLUICE_COMPAT",
                                        "workbuffer",
                                        "BUFFER_CONCURRENCY",
                                        "many",
                                        "BUFFER_MAX_RETRIES",
                                        "-2",
                                        "SLUICE_WORK_HANDLERS",
                                        "a",
                                        "SLUICE_WORK_HANDLERS_A_TYPE",
                                        "acme.A"))
                        .problems())
                .containsExactlyInAnyOrder(
                        "work.concurrency must be a whole number, 1 to 10000, was many (set by the variable"
                                + " BUFFER_CONCURRENCY)",
                        "work.defaults.retry.max.attempts must be 1 to 1000000, was -1 (set by the variable"
                                + " BUFFER_MAX_RETRIES)");
        assertThat(problems("compat", "kafka")).containsExactly("compat must be workbuffer, was kafka");
    }
}
