package dev.sluice.bridge.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.webhook.TestWebhooks;
import dev.sluice.bridge.work.builtin.BuiltinParts;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plug-ins as people build them, with what goes wrong with them. */
class PluginsTest {
    private static final String HANDLER = """
            package acme;
            import dev.sluice.work.*;
            public final class Echo implements Handler, AutoCloseable {
                private final String prefix;
                public Echo() { this(java.util.Map.of()); }
                public Echo(java.util.Map<String, String> config) { prefix = config.getOrDefault("prefix", "none"); }
                @Override public Outcome handle(Work work, Context context) {
                    return Outcome.deadLetter(prefix + VERSION);
                }
                @Override public void close() { System.setProperty("acme.closed", prefix); }
                static final String VERSION = "-%s";
            }
            """;

    private static final String PROVIDER = """
            package acme;
            import dev.sluice.work.*;
            public final class Echoes implements HandlerProvider {
                @Override public String type() { return "echo"; }
                @Override public Handler create(java.util.Map<String, String> config) {
                    if (!config.containsKey("prefix")) { throw new IllegalArgumentException("prefix must be set"); }
                    return new Echo(config);
                }
            }
            """;

    @TempDir
    Path directory;

    private static HandlerConfig config(String type, String... config) {
        var map = new HashMap<String, String>();
        for (int i = 0; i < config.length; i += 2) {
            map.put(config[i], config[i + 1]);
        }
        return new HandlerConfig("orders", "orders", type, HandlerSettings.DEFAULT, null, List.of(), map);
    }

    private Path echo(String folder, String version) {
        return PluginJars.compile(
                directory.resolve(folder),
                Map.of("acme.Echo", HANDLER.formatted(version), "acme.Echoes", PROVIDER),
                "acme.Echoes");
    }

    private Handler make(HandlerConfig config) throws StartException {
        return (Handler) new Plugins(directory, true).make(config).handler();
    }

    private String problem(HandlerConfig config) {
        return catchThrowableOfType(StartException.class, () -> make(config)).getMessage();
    }

    private static String answer(Handler handler) throws Exception {
        return ((Outcome.DeadLetter) handler.handle(Work.of("orders", "{}"), null)).reason();
    }

    @Test
    void aProviderMakesAHandlerWithItsConfiguration() throws Exception {
        echo("echo", "1");
        assertThat(answer(make(config("echo", "prefix", "hello")))).isEqualTo("hello-1");
    }

    @Test
    void aClassIsMadeWithTheConfigurationIfItTakesOne() throws Exception {
        echo("echo", "1");
        assertThat(answer(make(config("acme.Echo", "prefix", "hello")))).isEqualTo("hello-1");
    }

    @Test
    void twoPluginsHaveTheirOwnVersionOfAClass() throws Exception {
        echo("one", "1");
        PluginJars.compile(
                directory.resolve("two"),
                Map.of(
                        "acme.Echo",
                        HANDLER.formatted("2"),
                        "acme.Other",
                        PROVIDER.replace("Echoes", "Other").replace("\"echo\"", "\"other\"")),
                "acme.Other");
        var plugins = new Plugins(directory, true);
        Handler first = (Handler) plugins.make(config("echo", "prefix", "a")).handler();
        Handler second = (Handler) plugins.make(config("other", "prefix", "b")).handler();
        assertThat(answer(first)).isEqualTo("a-1");
        assertThat(answer(second)).isEqualTo("b-2");
        assertThat(first.getClass().getName()).isEqualTo(second.getClass().getName());
        plugins.close();
    }

    @Test
    void aPluginSeesTheApiAndTheJdkAndNothingElseOfTheBridge() throws Exception {
        Path jar = echo("echo", "1");
        try (var loader =
                new PluginLoader("echo", new java.net.URL[] {jar.toUri().toURL()})) {
            for (String shared : List.of(
                    "dev.sluice.work.Handler",
                    "dev.sluice.work.WorkEvent$Kind",
                    "dev.sluice.queue.PriorityLane",
                    "org.slf4j.Logger",
                    "java.net.http.HttpClient",
                    "java.sql.Connection")) {
                assertThat(loader.loadClass(shared)).as(shared).isSameAs(Class.forName(shared));
            }
            for (String hidden : List.of(
                    "dev.sluice.bridge.Main",
                    "dev.sluice.work.engine.Operations",
                    "dev.sluice.queue.sql.Transactions",
                    "com.fasterxml.jackson.core.JsonFactory",
                    "com.zaxxer.hikari.HikariDataSource",
                    "org.postgresql.Driver")) {
                assertThat(catchThrowableOfType(ClassNotFoundException.class, () -> loader.loadClass(hidden)))
                        .as(hidden)
                        .isNotNull();
                assertThat(loader.getResource(hidden.replace('.', '/') + ".class"))
                        .isNull();
            }
        }
    }

    @Test
    void aTypeThatNoPluginHasIsAnErrorThatSaysWhereItWasLookedFor() throws Exception {
        assertThat(problem(config("echo")))
                .isEqualTo("work.handlers.orders.type=echo is neither a provider nor a class of a plug-in: " + directory
                        + " has no folder");
        Files.copy(echo("echo", "1"), directory.resolve("stray.jar"));
        assertThat(problem(config("acme.Wrong")))
                .isEqualTo("work.handlers.orders.type=acme.Wrong is neither a provider nor a class of a plug-in: looked"
                        + " into " + directory.resolve("echo") + " (providers: echo); " + directory.resolve("stray.jar")
                        + " is in no folder: each plug-in needs a folder of its own");
        Path missing = directory.resolve("missing");
        assertThat(catchThrowableOfType(
                        StartException.class, () -> new Plugins(missing, true).make(config("acme.Wrong"))))
                .hasMessageEndingWith(missing + " does not exist");
    }

    @Test
    void twoPluginsWithTheSameTypeAreAnErrorThatNamesBothFolders() {
        echo("one", "1");
        echo("two", "2");
        String both = " is in two plug-ins: " + directory.resolve("one") + " and " + directory.resolve("two")
                + "; remove one";
        assertThat(problem(config("echo", "prefix", "a"))).isEqualTo("work.handlers.orders.type=echo" + both);
        assertThat(problem(config("acme.Echo"))).isEqualTo("work.handlers.orders.type=acme.Echo" + both);
    }

    @Test
    void twoProvidersOfOnePluginWithTheSameTypeAreAnError() {
        PluginJars.compile(
                directory.resolve("echo"),
                Map.of(
                        "acme.Echo",
                        HANDLER.formatted("1"),
                        "acme.Echoes",
                        PROVIDER,
                        "acme.Twin",
                        PROVIDER.replace("Echoes", "Twin")),
                "acme.Echoes",
                "acme.Twin");
        assertThat(problem(config("echo")))
                .isEqualTo("the plug-in in " + directory.resolve("echo")
                        + " has two providers of type echo: acme.Echoes and acme.Twin");
    }

    @Test
    void aProviderThatRefusesItsConfigurationSaysWhy() {
        echo("echo", "1");
        assertThat(problem(config("echo")))
                .isEqualTo("work.handlers.orders.type=echo of the plug-in in " + directory.resolve("echo")
                        + " cannot be used: java.lang.IllegalArgumentException: prefix must be set");
    }

    @Test
    void aConstructorThatThrowsSaysWhy() {
        PluginJars.compile(directory.resolve("broken"), Map.of("acme.Broken", """
                        package acme;
                        import dev.sluice.work.*;
                        public final class Broken implements Handler {
                            public Broken() { throw new IllegalStateException("no licence"); }
                            @Override public Outcome handle(Work work, Context context) { return Outcome.done(); }
                        }
                        """));
        assertThat(problem(config("acme.Broken")))
                .endsWith("cannot be used: java.lang.IllegalStateException: no licence");
        assertThat(problem(config("acme.Broken", "url", "x")))
                .isEqualTo("work.handlers.orders.config.* has no use: acme.Broken has no public constructor that takes"
                        + " a Map");
    }

    @Test
    void aClassThatIsNoHandlerIsAnError() {
        PluginJars.compile(
                directory.resolve("other"), Map.of("acme.Other", "package acme; public final class Other {}"));
        assertThat(problem(config("acme.Other")))
                .isEqualTo("work.handlers.orders.type=acme.Other is no dev.sluice.work.Handler and no"
                        + " dev.sluice.work.BatchHandler");
    }

    @Test
    void aBatchHandlerIsMadeLikeAHandlerAndOnlyItMayHaveKeysOfBatches() throws Exception {
        echo("echo", "1");
        PluginJars.compile(directory.resolve("many"), Map.of("acme.Many", """
                        package acme;
                        import dev.sluice.work.*;
                        import java.util.*;
                        public final class Many implements BatchHandler {
                            @Override public Map<WorkId, Outcome> handle(List<Item> items) { return Map.of(); }
                        }
                        """));
        Batching ten = Batching.ofSize(10);
        var plugins = new Plugins(directory, true);
        assertThat(plugins.make(new HandlerConfig(
                                "orders", "orders", "acme.Many", HandlerSettings.DEFAULT, ten, List.of(), Map.of()))
                        .handler())
                .isInstanceOf(BatchHandler.class);
        plugins.close();
        assertThat(problem(new HandlerConfig(
                        "orders", "orders", "acme.Echo", HandlerSettings.DEFAULT, ten, List.of(), Map.of())))
                .isEqualTo("work.handlers.orders.batch.* has no use: acme.Echo is no dev.sluice.work.BatchHandler");
    }

    @Test
    void aLibraryThatIsNotBesideThePluginIsNamed() {
        PluginJars.compile(directory.resolve("json"), Map.of("acme.Json", """
                        package acme;
                        import dev.sluice.work.*;
                        public final class Json implements Handler {
                            private final Object factory = new com.fasterxml.jackson.core.JsonFactory();
                            @Override public Outcome handle(Work work, Context context) { return Outcome.done(); }
                        }
                        """));
        assertThat(problem(config("acme.Json")))
                .endsWith("cannot be used: its jars lack the class com.fasterxml.jackson.core.JsonFactory; put the"
                        + " library that has it beside them");
    }

    /** The interface that the plug-in was compiled against had a method more. */
    @Test
    void aPluginOfAnotherVersionIsRecognized() {
        PluginJars.compile(
                directory.resolve("old"),
                Map.of("acme.Old", """
                        package acme;
                        import dev.sluice.work.*;
                        public final class Old implements Handler {
                            public Old() { Library.call(); }
                            @Override public Outcome handle(Work work, Context context) { return Outcome.done(); }
                        }
                        """, "acme.Library", "package acme; final class Library { static void call() {} }"));
        PluginJars.compile(directory.resolve("new"), Map.of("acme.Library", "package acme; final class Library {}"));
        replaceClass(directory.resolve("old"), directory.resolve("new"), "acme/Library.class");
        assertThat(problem(config("acme.Old")))
                .contains("cannot be used: it was built against another version of a library or of Sluice:"
                        + " java.lang.NoSuchMethodError: 'void acme.Library.call()'");
    }

    private static void replaceClass(Path folder, Path other, String name) {
        try (var jar = java.nio.file.FileSystems.newFileSystem(folder.resolve("plugin.jar"));
                var source = java.nio.file.FileSystems.newFileSystem(other.resolve("plugin.jar"))) {
            Files.copy(source.getPath(name), jar.getPath(name), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void anErrorThatNeverRunsAgainIsAClassOfThePluginOrOfTheJdk() throws Exception {
        PluginJars.compile(
                directory.resolve("echo"),
                Map.of(
                        "acme.Echo",
                        HANDLER.formatted("1"),
                        "acme.Wrong",
                        "package acme; @SuppressWarnings(\"serial\") public class Wrong extends RuntimeException {}"));
        var plugins = new Plugins(directory, true);
        HandlerSettings settings = plugins.make(new HandlerConfig(
                        "orders",
                        "orders",
                        "acme.Echo",
                        HandlerSettings.DEFAULT,
                        null,
                        List.of("acme.Wrong", "java.lang.IllegalArgumentException"),
                        Map.of()))
                .settings();
        assertThat(settings.retry().after(new NumberFormatException()).maxAttempts())
                .isEqualTo(1);
        assertThat(settings.retry().after(new IllegalStateException()).maxAttempts())
                .isEqualTo(5);
        plugins.close();
        assertThat(problem(new HandlerConfig(
                        "orders",
                        "orders",
                        "acme.Echo",
                        HandlerSettings.DEFAULT,
                        null,
                        List.of("acme.Nothing"),
                        Map.of())))
                .isEqualTo("work.handlers.orders.retry.never.on has acme.Nothing, which is no error of the JDK or of"
                        + " the plug-in in " + directory.resolve("echo"));
    }

    @Test
    void classesOfErrorsMayBeThoseOfThePluginForRetriesAndTheBreaker() throws Exception {
        PluginJars.compile(
                directory.resolve("echo"),
                Map.of(
                        "acme.Echo",
                        HANDLER.formatted("1"),
                        "acme.Refused",
                        "package acme; @SuppressWarnings(\"serial\")"
                                + " public class Refused extends RuntimeException {}"));
        var plugins = new Plugins(directory, true);
        HandlerSettings breaker = HandlerSettings.DEFAULT.breaker(BreakerSettings.DEFAULT);
        RetryPolicy slowly = RetryPolicy.ofWaits(Duration.ofSeconds(7));
        var errors = new ErrorRules(
                List.of(new ErrorRules.Retry("java.io.IOException", slowly)),
                List.of("acme.Refused", "java.lang.IllegalStateException"));
        HandlerSettings settings = plugins.make(new HandlerConfig(
                        "orders",
                        "orders",
                        "acme.Echo",
                        breaker,
                        null,
                        List.of("acme.Refused"),
                        Map.of(),
                        errors,
                        null))
                .settings();
        assertThat(settings.retry().after(new UncheckedIOException(new IOException())))
                .isEqualTo(slowly);
        BreakerSettings made = Objects.requireNonNull(settings.breaker());
        assertThat(made.ignored())
                .extracting(Class::getName)
                .containsExactlyInAnyOrder("acme.Refused", "java.lang.IllegalStateException");
        assertThat(problem(new HandlerConfig(
                        "orders",
                        "orders",
                        "acme.Echo",
                        breaker,
                        null,
                        List.of(),
                        Map.of(),
                        new ErrorRules(List.of(), List.of("acme.Nothing")),
                        null)))
                .startsWith("work.handlers.orders.breaker.ignore has acme.Nothing, which is no error of the JDK or of");
    }

    @Test
    void nothingOfAPluginIsLeftAfterTheClose() throws Exception {
        echo("echo", "1");
        WeakReference<ClassLoader> loader = useAndClose();
        assertThat(System.getProperty("acme.closed")).isEqualTo("bye");
        await().atMost(Duration.ofSeconds(30)).until(() -> {
            System.gc();
            return loader.get() == null;
        });
    }

    private WeakReference<ClassLoader> useAndClose() throws Exception {
        var config = new WorkConfig(
                "sluice",
                false,
                dev.sluice.queue.PayloadCipher.NONE,
                builder -> {},
                List.of(config("echo", "prefix", "bye")),
                directory,
                true,
                10);
        var parts = new BuiltinParts(TestWebhooks.idle(), type -> {}, (queue, options) -> options);
        var handlers = new Handlers(config, parts);
        var loader = new WeakReference<ClassLoader>(handlers.loaders().get(0));
        handlers.close();
        return loader;
    }

    @Test
    void aDirectoryIsNotReadWithoutHandlers() throws Exception {
        Files.writeString(directory.resolve("broken.jar"), "no jar");
        new Plugins(directory.resolve("broken.jar"), false).close();
    }
}
