package dev.sluice.bridge.config;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import dev.sluice.bridge.Main;
import dev.sluice.bridge.drain.DrainConfig;
import dev.sluice.bridge.drain.kafka.KafkaConfig;
import dev.sluice.bridge.postgres.Database;
import dev.sluice.bridge.system.ConfigException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** No text for people holds a secret, whichever setting the secret is part of. */
class SecretsTest {
    private static final String[] TEXTS = {
        "postgres://app:s3cret@host/db",
        "jdbc:postgresql://user:s3cret@host/db",
        "jdbc:postgresql://user:s3/cr@s3cret@host/db",
        "jdbc:postgresql://host/db?user=u&password=s3cret&ssl=true",
        "jdbc:postgresql://host/db?sslpassword=s3cret",
        "https://user:s3cret@keys.example/set",
        "redis://:s3cret@host",
        "client_secret=s3cret",
        "access_token=s3cret",
        "-----BEGIN RSA PRIVATE KEY-----\\ns3cret\\n-----END RSA PRIVATE KEY-----"
    };

    @Test
    void areHiddenInLinesForTheConsole() {
        for (String text : TEXTS) {
            assertThat(Secrets.hidden("before " + text))
                    .as(text)
                    .startsWith("before ")
                    .doesNotContain("s3cret");
        }
        assertThat(Secrets.line("two\nlines\twith \u0000 control")).isEqualTo("two lines with   control");
        for (String harmless : new String[] {
            "http://127.0.0.1:6632/api",
            "jdbc:postgresql://host:5432/db?user=a@b",
            "password",
            "mail me@host",
            "unknown key connection.passwrd, did you mean connection.password?"
        }) {
            assertThat(Secrets.hidden(harmless)).isEqualTo(harmless);
        }
    }

    @Test
    void areHiddenInTheLogExceptionsIncluded() throws Exception {
        var context = new LoggerContext();
        var configurator = new JoranConfigurator();
        configurator.setContext(context);
        configurator.doConfigure(Main.class.getResource("/logback.xml"));
        var root = context.getLogger("ROOT");
        var appender = (ConsoleAppender<ILoggingEvent>) root.getAppender("stderr");
        var encoder = (PatternLayoutEncoder) appender.getEncoder();
        for (String text : TEXTS) {
            if (text.contains("PRIVATE")) {
                continue; // Keys do not come from drivers.
            }
            var failure = new IllegalStateException("outer " + text, new SQLException("inner " + text));
            var event = new LoggingEvent(
                    "x", root, ch.qos.logback.classic.Level.WARN, "Message {}", failure, new Object[] {text});
            String line = new String(encoder.encode(event), StandardCharsets.UTF_8);
            assertThat(line)
                    .contains("Message ", "outer ", "inner ", "IllegalStateException", "\tat ")
                    .doesNotContain("s3cret");
        }
        context.stop();
    }

    @ParameterizedTest
    @CsvSource({
        "connection.url, jdbc:postgresql://h/db?password=s3cret",
        "connection.url, jdbc:postgresql://h/db?password=s3%63ret",
        "connection.url, jdbc:postgresql://h/db?sslpassword=s3cret&ssl=true",
        "connection.url, jdbc:postgresql://h/db?passwrd=s3cret",
        "connection.password, s3cret",
        "auth.jwt.secret, s3cret",
        "auth.jwt.jwks.url, https://user:s3cret@host/keys",
        "auth.jwt.jwks.url, https://host/keys?token=s3cret",
        "auth.jwt.public.key, -----BEGIN PRIVATE KEY-----s3cret-----END PRIVATE KEY-----",
        "kafka.sasl.jaas.config, s3cret",
        "kafka.ssl.keystore.password, s3cret",
        "kafka.sasl.oauthbearer.token.endpoint.url, https://u:s3cret@host/t",
    })
    void areHiddenWhereTheSettingsAreShown(String key, String value) throws ConfigException {
        var settings = new HashMap<>(Map.of("connection.url", "jdbc:postgresql://h/db"));
        if (key.startsWith("kafka.")) {
            settings.putAll(Map.of("drain.mode", "kafka", "kafka.bootstrap.servers", "broker:9092"));
        }
        settings.put(key, value);
        BridgeConfig config = BridgeConfig.parse(settings);
        assertThat(config.describe())
                .contains(key + " = ")
                .doesNotContain("s3cret")
                .doesNotContain("s3%63ret");
        var address = new Database.Address(settings.get("connection.url"), "u", "s3cret");
        assertThat(List.of(
                        address.toString(),
                        config.drainInto(address).toString(),
                        config.kafka().toString()))
                .allSatisfy(text -> assertThat(text).doesNotContain("s3cret").doesNotContain("s3%63ret"));
        assertThat(address.driverUrl()).doesNotContain("password=");
    }

    @ParameterizedTest
    @CsvSource({
        "connection.url, postgres://app:s3cret@host/db",
        "connection.url, jdbc:postgresql://user:s3cret@host/db",
        "connection.url, jdbc:postgresql://host:s3cret/db",
        "connection.url, jdbc:postgresql://host/db?password=s3cret%",
        "auth.jwt.jwks.url, ftp://u:s3cret@host/keys",
        "auth.jwt.jwks.url, https://u:s3 s3cret@host/keys",
        "auth.jwt.jwks.url, https://u:s3cret@host:99999/keys",
        "encryption.keys, s3cret",
        "http.host, user:s3cret@host",
        "queue.schema, postgres://app:s3cret@host/db",
        "http.port, jdbc:postgresql://host/db?password=s3cret",
        "kafka.bootstrap.servers, u:s3cret@h:9092"
    })
    void areHiddenWhereAValueIsRefused(String key, String value) {
        try {
            BridgeConfig.parse(Map.of(key, value));
            throw new AssertionError("taken: " + value);
        } catch (ConfigException e) {
            assertThat(e.problems()).anySatisfy(problem -> assertThat(problem).contains(key));
            assertThat(e.problems())
                    .allSatisfy(problem ->
                            assertThat(problem).doesNotContain("s3cret").doesNotContain("\n"));
        }
    }

    @Test
    void areInNoTextOfARecordThatHoldsThem() {
        assertThat(new KafkaConfig("t", 1, 0, true, Map.of("sasl.jaas.config", "s3cret")).toString())
                .doesNotContain("s3cret");
        assertThat(new DrainConfig(
                                Map.of("connection.password", "s3cret"),
                                1000,
                                1 << 20,
                                Duration.ZERO,
                                Duration.ofSeconds(1))
                        .toString())
                .doesNotContain("s3cret");
    }
}
