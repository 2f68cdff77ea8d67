package dev.sluice.bridge.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.postgres.Database;
import dev.sluice.bridge.system.ConfigException;
import dev.sluice.queue.PayloadCipher;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BridgeConfigTest {
    @TempDir
    Path directory;

    private static BridgeConfig parse(String... keysAndValues) throws ConfigException {
        var settings = new HashMap<String, String>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            settings.put(keysAndValues[i], keysAndValues[i + 1]);
        }
        return BridgeConfig.parse(settings);
    }

    private static List<String> problems(String... keysAndValues) {
        return catchThrowableOfType(ConfigException.class, () -> parse(keysAndValues))
                .problems();
    }

    private static Map<String, String> read(Path file, Map<String, String> environment) throws ConfigException {
        ConfigSources.Found found = ConfigSources.find(file, environment);
        if (!found.problems().isEmpty()) {
            throw new ConfigException(List.copyOf(found.problems().values()));
        }
        return found.values();
    }

    @Nested
    class Settings {
        @Test
        void haveTheDefaultsOthersRelyOn() throws ConfigException {
            BridgeConfig config = parse();
            assertThat(config.http().host()).isEqualTo("127.0.0.1");
            assertThat(config.http().port()).isEqualTo(6632);
            assertThat(config.http().usualDurability()).isEqualTo(Durability.STORED);
            assertThat(config.http().limits().bodyBytes()).isEqualTo(16 << 20);
            assertThat(config.data().directory()).isEqualTo(Path.of("./data"));
            assertThat(config.data().log().directory()).isEqualTo(Path.of("./data/log"));
            assertThat(config.postgres().server()).isEmpty();
            assertThat(config.queue().schema()).isEqualTo("sluice");
            assertThat(config.drain().storedTimeout()).isEqualTo(Duration.ofSeconds(1));
        }

        @Test
        void reachThePartsTheyAreFor() throws ConfigException {
            BridgeConfig config = parse(
                    "buffer.dir", "/var/lib/log",
                    "buffer.fsync", "interval:50",
                    "connection.url", "jdbc:postgresql://db/x",
                    "connection.user", "u",
                    "connection.password", "secret",
                    "push.durability", "buffered",
                    "dedup.window.ms", "0",
                    "pop.threads", "7");
            assertThat(config.data().log().directory()).isEqualTo(Path.of("/var/lib/log"));
            assertThat(config.data().log().sync()).hasToString("interval:50");
            assertThat(config.http().usualDurability()).isEqualTo(Durability.BUFFERED);
            assertThat(config.pop().dispatcher().threads()).isEqualTo(7);
            assertThat(config.drainInto(new Database.Address("jdbc:postgresql://db/x", "u", "secret"))
                            .task())
                    .containsEntry("connection.url", "jdbc:postgresql://db/x")
                    .containsEntry("connection.password", "secret")
                    .containsEntry("dedup.window.ms", "0");
        }

        @Test
        void ofKafkasClientsArePassedOn() throws ConfigException {
            BridgeConfig config = parse(
                    "drain.mode", "kafka",
                    "connection.url", "jdbc:postgresql://db/x",
                    "kafka.topic", "pushed",
                    "kafka.bootstrap.servers", "broker:9092",
                    "kafka.sasl.jaas.config", "secret words",
                    "kafka.max.request.size", "2000000");
            assertThat(config.kafka().topic()).isEqualTo("pushed");
            assertThat(config.kafka().producer())
                    .containsEntry("bootstrap.servers", "broker:9092")
                    .containsEntry("max.request.size", "2000000")
                    .containsEntry("acks", "all")
                    .doesNotContainKey("topic");
            assertThat(config.describe())
                    .contains("kafka.bootstrap.servers = broker:9092")
                    .contains("kafka.sasl.jaas.config = [hidden]")
                    .doesNotContain("secret words");
        }

        @Test
        void ofKafkasClientsAreCheckedBeforeTheStart() {
            assertThatThrownBy(() -> parse("drain.mode", "kafka"))
                    .hasMessageContaining("connection.url must be set with drain.mode=kafka")
                    .hasMessageContaining("kafka.bootstrap.servers must be set with drain.mode=kafka");
            assertThatThrownBy(() -> parse("kafka.bootstrap.servers", "broker:9092"))
                    .hasMessageContaining("kafka.bootstrap.servers has no use without drain.mode=kafka");
            for (String topic : List.of("..", "a topic", "__consumer_offsets", "t".repeat(250))) {
                assertThatThrownBy(() -> parse("kafka.topic", topic))
                        .hasMessageContaining("kafka.topic")
                        .hasMessageContaining("must be 1 to 249 letters");
            }
            assertThatThrownBy(() -> parse("kafka.acks", "1"))
                    .hasMessageContaining("kafka.acks cannot be set: it is always all");
            assertThatThrownBy(() -> parse("kafka.botstrap.servers", "broker:9092"))
                    .hasMessageContaining("unknown key kafka.botstrap.servers");
            assertThatThrownBy(() -> parse(
                            "drain.mode", "kafka",
                            "connection.url", "jdbc:postgresql://db/x",
                            "kafka.bootstrap.servers", "broker:9092",
                            "kafka.linger.ms", "soon"))
                    .hasMessageContaining("linger.ms");
        }

        @Test
        void leaveRoomInTheLogForTheLargestRequest() throws ConfigException {
            for (String bytes : List.of("1024", "16777216", "25165824")) {
                for (String items : List.of("1", "250000")) {
                    BridgeConfig config = parse("http.max.body.bytes", bytes, "http.max.items", items);
                    assertThat(config.data().log().maxRecordBytes()).isGreaterThan(Integer.parseInt(bytes));
                    BridgeConfig sealing = parse(
                            "http.max.body.bytes",
                            bytes,
                            "http.max.items",
                            items,
                            "encryption.keys",
                            "k:" + "0e".repeat(32));
                    assertThat((long) sealing.data().log().maxRecordBytes())
                            .isGreaterThan(PayloadCipher.sealedBytes(Integer.parseInt(bytes)));
                }
            }
        }

        @Test
        void leaveRoomInTheLogForTheAttributesOfEventsAsHeaders() throws ConfigException {
            int body = 16 << 20;
            assertThat(parse("http.max.items", "2000").data().log().maxAppendBytes())
                    .isGreaterThan(2 * body);
            assertThat(parse(
                                    "http.max.items",
                                    "2000",
                                    "buffer.max.bytes",
                                    "50000000",
                                    "buffer.segment.bytes",
                                    "1048576")
                            .data()
                            .log()
                            .maxAppendBytes())
                    .isEqualTo(25_000_000);
            assertThat(parse("message.headers.max.bytes", "131072").data().log().maxRecordBytes())
                    .isGreaterThan(body + 2 * (131_072 - 16_384));
        }

        @Test
        void mayMakeTheLogAsSmallAsItsRequestsAllow() throws ConfigException {
            BridgeConfig config = parse(
                    "http.max.body.bytes", "1024",
                    "http.max.items", "1",
                    "buffer.max.bytes", "1048576",
                    "buffer.segment.bytes", "4096");
            assertThat(config.data().log().maxBytes()).isEqualTo(1 << 20);
        }

        @Test
        void areShownWithoutSecrets() throws ConfigException {
            String shown = parse(
                            "connection.url", "jdbc:postgresql://db/x?password=topsecret&ssl=true",
                            "connection.password", "hush",
                            "encryption.keys", "k:" + "0e".repeat(32))
                    .describe();
            assertThat(shown)
                    .contains("http.port = 6632")
                    .contains("password=[hidden]&ssl=true")
                    .doesNotContain("topsecret")
                    .doesNotContain("hush")
                    .doesNotContain("0e0e");
        }

        @Test
        void handKeysToEveryWriterAndReader() throws ConfigException {
            String keys = "a:" + "0a".repeat(32) + ",b:" + "0b".repeat(32);
            BridgeConfig config = parse("encryption.keys", keys, "encryption.key.id", "b");
            assertThat(config.drainInto(new Database.Address("jdbc:postgresql://db/x", "u", "p"))
                            .task())
                    .containsEntry("encryption.keys", keys)
                    .containsEntry("encryption.key.id", "b");
            assertThat(config.queue().cipher())
                    .isSameAs(config.cipher())
                    .isSameAs(config.smallWriter().cipher());
            assertThat(config.cipher().hasKey()).isTrue();
            assertThat(parse().cipher().hasKey()).isFalse();
        }

        @Test
        void withBadKeysAreRefusedOnceAndWithoutShowingThem() {
            assertThatThrownBy(() -> parse("encryption.keys", "a:" + "0e".repeat(31)))
                    .isInstanceOfSatisfying(
                            ConfigException.class,
                            e -> assertThat(e.getMessage())
                                    .containsOnlyOnce("the key a must be 64 hexadecimal digits")
                                    .doesNotContain("0e0e"));
        }
    }

    @Nested
    class AMistake {
        @Test
        void ofAuthenticationIsNotLetPass() {
            assertThat(problems("auth.jwt.enabled", "true"))
                    .containsExactly("auth.jwt.algorithm HS256 needs auth.jwt.secret");
            assertThat(problems("auth.jwt.enabled", "true", "auth.jwt.algorithm", "RS256", "auth.jwt.secret", "s"))
                    .containsExactly("auth.jwt.algorithm RS256 needs auth.jwt.public.key or auth.jwt.jwks.url");
            for (String url : List.of("keys", "ftp://keys/a", "https:///a", "http://a b")) {
                assertThat(problems("auth.jwt.enabled", "true", "auth.jwt.algorithm", "auto", "auth.jwt.jwks.url", url))
                        .as(url)
                        .containsExactly("auth.jwt.jwks.url must begin with https:// or http:// and a host");
            }
            assertThat(problems("auth.jwt.algorithm", "none")).hasSize(1);
        }

        @Test
        void ofAShortSecretIsRefusedUnlessItIsAllowed() throws ConfigException {
            String least = "x".repeat(32);
            String refusal = "auth.jwt.secret must have 32 bytes or more, because a shorter one can be guessed from one"
                    + " token; auth.jwt.secret.weak=true accepts it";
            for (String algorithm : List.of("HS256", "auto")) {
                for (String secret : List.of("x", "x".repeat(31), "\u00e4".repeat(15))) {
                    String[] settings = {
                        "auth.jwt.enabled", "true", "auth.jwt.algorithm", algorithm, "auth.jwt.secret", secret
                    };
                    assertThat(problems(settings)).as(secret).containsExactly(refusal);
                }
                assertThat(parse("auth.jwt.enabled", "true", "auth.jwt.algorithm", algorithm, "auth.jwt.secret", least))
                        .isNotNull();
            }
            assertThat(parse("auth.jwt.enabled", "true", "auth.jwt.secret", "\u00e4".repeat(16)))
                    .isNotNull();
            assertThat(parse("auth.jwt.enabled", "true", "auth.jwt.secret", "x", "auth.jwt.secret.weak", "true"))
                    .isNotNull();
            assertThat(parse("auth.jwt.secret", "x")).as("not used").isNotNull();
        }

        @Test
        void ofAuthenticationShowsNoSecret() throws ConfigException {
            assertThat(parse("auth.jwt.enabled", "true", "auth.jwt.secret", "hush-hush".repeat(4))
                            .describe())
                    .contains("auth.jwt.secret = [hidden]")
                    .doesNotContain("hush-hush");
        }

        @ParameterizedTest
        @CsvSource({
            "http.prot, http.port",
            "htpp.port, http.port",
            "buffer.directory, buffer.dir",
            "HTTP.PORT, http.port",
            "connection.usr, connection.user"
        })
        void inAKeyIsAnsweredWithTheKeyMeant(String key, String meant) {
            if (key.equals("buffer.directory")) {
                assertThat(problems(key, "x")).containsExactly("unknown key " + key);
            } else {
                assertThat(problems(key, "x")).containsExactly("unknown key " + key + ", did you mean " + meant + "?");
            }
        }

        @ParameterizedTest
        @ValueSource(strings = {"s3cret", "MIIEvQIBADANBgkqhkiG9w0/+", "-----END", "Secret", "{\"http\""})
        void inTheFormOfAValueIsNotShown(String key) {
            assertThat(problems(key, "x"))
                    .singleElement()
                    .asString()
                    .startsWith("unknown key of " + key.length() + " characters, which is not shown")
                    .doesNotContain(key);
        }

        @Test
        void isReportedTogetherWithAllOthers() {
            assertThat(problems(
                            "http.port", "70000",
                            "buffer.max.bytes", "many",
                            "buffer.fsync", "never",
                            "connection.url", "postgres://x",
                            "queue.schema", "Bad Name",
                            "drain.mode", "pigeon",
                            "nonsense.key", "1"))
                    .hasSize(7)
                    .anySatisfy(
                            problem -> assertThat(problem).contains("http.port").contains("70000"))
                    .anySatisfy(problem ->
                            assertThat(problem).contains("buffer.max.bytes").contains("many"))
                    .anySatisfy(problem ->
                            assertThat(problem).contains("buffer.fsync").contains("never"))
                    .anySatisfy(problem -> assertThat(problem).contains("connection.url"))
                    .anySatisfy(problem -> assertThat(problem).contains("queue.schema"))
                    .anySatisfy(problem -> assertThat(problem).contains("drain.mode"))
                    .anySatisfy(problem -> assertThat(problem).contains("nonsense.key"));
        }

        @Test
        void betweenTwoSettingsIsFound() {
            assertThat(problems("buffer.max.bytes", "1000000", "buffer.segment.bytes", "500000"))
                    .singleElement()
                    .asString()
                    .contains(
                            "buffer.max.bytes must be at least four times buffer.segment.bytes (500000), was 1000000");
            assertThat(problems("buffer.max.bytes", "4194304", "buffer.segment.bytes", "1048576"))
                    .singleElement()
                    .asString()
                    .startsWith("buffer.max.bytes must be at least twice the largest push that http.max.body.bytes and"
                            + " http.max.items allow (")
                    .endsWith("), was 4194304");
            assertThat(problems("http.memory.bytes", "2097151", "http.max.body.bytes", "1048576"))
                    .containsExactly(
                            "http.memory.bytes must be 0, or at least twice http.max.body.bytes (2097152), was 2097151");
            assertThatCode(() -> parse("http.memory.bytes", "2097152", "http.max.body.bytes", "1048576"))
                    .doesNotThrowAnyException();
            assertThat(problems("connection.user", "u"))
                    .containsExactly("connection.user and connection.password have no use without connection.url");
        }

        @ParameterizedTest
        @ValueSource(strings = {"https://emitter.example.com", "a b", "*.example.com", "a,b/c"})
        void inTheSourcesOfEventsIsFound(String sources) throws ConfigException {
            assertThat(problems("webhook.origins", sources))
                    .singleElement()
                    .asString()
                    .startsWith("webhook.origins must be * or a list of names such as eventemitter.example.com, has ");
            assertThat(parse("webhook.origins", "emitter.example.com, *, eventmesh:8080"))
                    .isNotNull();
        }

        @ParameterizedTest
        @ValueSource(
                strings = {"queue.example.com", "ftp://queue.example.com", "https://", "https:///a", "https://a b"})
        void inThePublicUrlIsFound(String url) throws ConfigException {
            assertThat(problems("http.public.url", url))
                    .singleElement()
                    .asString()
                    .contains("http.public.url", "must be http://host or https://host, with or without a port");
            assertThat(parse("http.public.url", "https://queue.example.com:8443/sluice?a"))
                    .isNotNull();
        }

        @ParameterizedTest
        @CsvSource({
            "http.port,0,-1",
            "http.port,65535,65536",
            "http.max.depth,8,7",
            "http.max.header.bytes,8192,8191",
            "http.max.header.bytes,65536,65537",
            "cors.max.age.ms,0,-1",
            "cors.max.age.ms,86400000,86400001",
            "webhook.rate,0,-1",
            "webhook.rate,1000000,1000001",
            "pop.threads,1,0",
            "ack.threads,256,257"
        })
        void beginsRightAfterTheLastGoodValue(String key, String good, String bad) throws ConfigException {
            assertThat(parse(key, good)).isNotNull();
            assertThat(problems(key, bad))
                    .singleElement()
                    .asString()
                    .contains(key)
                    .contains(bad);
        }
    }

    @Nested
    class Sources {
        @Test
        void areAFileAndTheEnvironmentWhichWins() throws Exception {
            Path file = Files.writeString(directory.resolve("a.properties"), "http.port = 1234 \nbuffer.dir=/ünï\n");
            assertThat(read(file, Map.of("SLUICE_HTTP_PORT", "99", "PATH", "/bin", "SLUICE_JAVA_OPTS", "-Xmx1g")))
                    .isEqualTo(Map.of("http.port", "99", "buffer.dir", "/ünï"));
        }

        @Test
        void referToOtherPlaces() throws Exception {
            Path secrets = Files.writeString(directory.resolve("secrets.properties"), "db=s3cret\n");
            Path file = Files.writeString(
                    directory.resolve("a.properties"),
                    "connection.password=${file:" + secrets + ":db}\nconnection.user=${env:DB_USER}\n");
            assertThat(read(file, Map.of("DB_USER", "anna")))
                    .isEqualTo(Map.of("connection.password", "s3cret", "connection.user", "anna"));
        }

        @Test
        void areRefusedWhenTheyDoNotExist() throws IOException {
            assertThatThrownBy(() -> read(directory.resolve("none"), Map.of()))
                    .isInstanceOf(ConfigException.class)
                    .hasMessage("configuration file " + directory.resolve("none") + " does not exist");
            Path file = Files.writeString(
                    directory.resolve("a.properties"), "connection.user=${env:NOT_SET}\nbuffer.dir=${file:/none:x}\n");
            assertThatThrownBy(() -> read(file, Map.of()))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageContaining("connection.user")
                    .hasMessageContaining("buffer.dir");
        }

        @Test
        void nameEveryKeyInTheEnvironmentInOneWayOnly() throws Exception {
            var variables = new TreeSet<String>();
            for (String key : BridgeKeys.all().map(Key::name).toList()) {
                variables.add(ConfigSourcesTest.variableOf(key));
                assertThat(read(null, Map.of(ConfigSourcesTest.variableOf(key), "x")))
                        .isEqualTo(Map.of(key, "x"));
            }
            assertThat(variables).hasSameSizeAs(BridgeKeys.all().map(Key::name).toList());
        }
    }
}
