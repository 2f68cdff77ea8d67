package dev.sluice.bridge.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.system.NativeLocale;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Settings as people and tools write them: services of Kubernetes, empty variables, odd encodings, passwords. */
class ConfigSourcesTest {
    @TempDir
    Path directory;

    private static Map<String, String> read(Path file, Map<String, String> environment) throws ConfigException {
        ConfigSources.Found found = ConfigSources.find(file, environment);
        assertThat(found.problems()).isEmpty();
        return found.values();
    }

    /** Returns the variable for a key: {@code SLUICE_BUFFER_DIR} for {@code buffer.dir}. */
    static String variableOf(String key) {
        return "SLUICE_" + key.toUpperCase(Locale.ROOT).replace('.', '_');
    }

    private Path file(String text) throws IOException {
        return Files.writeString(directory.resolve("a.properties"), text);
    }

    private static List<String> problems(Path file, Map<String, String> environment) throws ConfigException {
        ConfigSources.Found found = ConfigSources.find(file, environment);
        return catchThrowableOfType(ConfigException.class, () -> BridgeConfig.parse(found))
                .problems();
    }

    @ParameterizedTest
    @CsvSource({
        "SLUICE_PORT, tcp://10.96.0.7:6632",
        "SLUICE_SERVICE_HOST, 10.96.0.7",
        "SLUICE_SERVICE_PORT, 6632",
        "SLUICE_SERVICE_PORT_HTTP, 6632",
        "SLUICE_PORT_6632_TCP, tcp://10.96.0.7:6632",
        "SLUICE_PORT_6632_TCP_PROTO, tcp",
        "SLUICE_PORT_6632_TCP_PORT, 6632",
        "SLUICE_PORT_6632_TCP_ADDR, 10.96.0.7",
        "SLUICE_PORT_53_UDP_ADDR, 10.96.0.7",
        "SLUICE_BRIDGE_SERVICE_HOST, 10.96.0.8",
        "SLUICE_BRIDGE_PORT, tcp://[fd00::7]:6632",
        "SLUICE_BRIDGE_PORT_6632_TCP, tcp://10.96.0.8:6632",
        "SLUICE_HTTP_PORT, tcp://10.96.0.9:80",
        "SLUICE_HTTP_SERVICE_PORT, 80",
        "SLUICE_POSTGRES_PORT, tcp://10.96.0.9:5432"
    })
    void variablesOfServicesOfKubernetesAreNoSettings(String variable, String value) throws Exception {
        assertThat(read(null, Map.of(variable, value))).isEmpty();
    }

    @Test
    void keysOfOursAreSettingsWhateverServicesThereAre() throws Exception {
        for (String key : BridgeKeys.all().map(Key::name).toList()) {
            for (String value : List.of("6632", "10.96.0.7", "tcp", "http://10.96.0.7:6632/keys")) {
                assertThat(read(null, Map.of(variableOf(key), value))).containsExactly(Map.entry(key, value));
            }
        }
    }

    @Test
    void aMisspeltKeyIsNotTakenForAService() throws Exception {
        assertThat(problems(
                        null,
                        Map.of("SLUICE_HTTP_PROT", "1", "SLUICE_HTTP_PORTS", "tcp://1:1", "SLUICE_SERVICE_HOST", "x")))
                .containsExactlyInAnyOrder(
                        "unknown key http.prot, did you mean http.port?",
                        "unknown key http.ports, did you mean http.port?");
    }

    @Test
    void anEmptyVariableCountsAsNotSet() throws Exception {
        Path file = file("http.port=1234\n");
        var environment = new HashMap<String, String>();
        for (String key : BridgeKeys.all().map(Key::name).toList()) {
            environment.put(variableOf(key), key.length() % 2 == 0 ? "" : "  ");
        }
        environment.put("SLUICE_NO_KEY", "");
        assertThat(read(file, environment)).containsExactly(Map.entry("http.port", "1234"));
    }

    @Test
    void anEmptyValueInTheFileCountsAsNotSetExceptAnEmptyList() throws Exception {
        var text = new StringBuilder();
        BridgeKeys.all().map(Key::name).toList().forEach(key -> text.append(key).append("=\n"));
        BridgeConfig config = BridgeConfig.parse(ConfigSources.find(file(text.toString()), Map.of()));
        assertThat(config.http().port()).isEqualTo(6632);
        assertThat(config.data().directory()).isEqualTo(Path.of("./data"));
        assertThat(config.postgres().server()).isEmpty();
        assertThat(config.describe()).contains("auth.skip.paths = []");
        assertThat(BridgeConfig.parse(Map.of()).describe()).contains("auth.skip.paths = [/health, ");
        assertThat(problems(file("http.prot="), Map.of()))
                .containsExactly("unknown key http.prot, did you mean http.port?");
    }

    @Test
    void aByteOrderMarkIsPassedOverInTheFileAndInFilesOfSecrets() throws Exception {
        Path secrets = Files.writeString(directory.resolve("s.properties"), "\uFEFFdb=s3cret\n");
        Path file = file("\uFEFFhttp.port=1\r\nconnection.password=${file:" + secrets + ":db}\r\n");
        assertThat(read(file, Map.of())).isEqualTo(Map.of("http.port", "1", "connection.password", "s3cret"));
        assertThat(read(file("\uFEFF"), Map.of())).isEmpty();
        assertThat(read(file(""), Map.of())).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32LE"})
    void aFileInAnotherEncodingIsRefusedInOneLine(String charset) throws Exception {
        Path file = Files.write(directory.resolve("a.properties"), "http.port=1\n".getBytes(Charset.forName(charset)));
        assertThatThrownBy(() -> ConfigSources.find(file, Map.of()))
                .hasMessage("configuration file " + file + " is in UTF-16, or in no text format; save it in UTF-8");
    }

    @Test
    void aFileThatIsNoTextNamesTheLineAndShowsNothingOfIt() throws Exception {
        Path file = Files.write(
                directory.resolve("a.properties"),
                "a=b\nconnection.password=s3cret-ä\n".getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> ConfigSources.find(file, Map.of()))
                .hasMessage("configuration file " + file + " is not in UTF-8, see line 2; save it in UTF-8");
        Path escape = file("connection.password=s3cret\\user\n");
        assertThatThrownBy(() -> ConfigSources.find(escape, Map.of()))
                .hasMessageContaining("has a \\u that four hexadecimal digits do not follow")
                .satisfies(
                        e -> assertThat(e.getMessage()).doesNotContain("s3cret").doesNotContain("\n"));
        assertThatThrownBy(() -> ConfigSources.find(directory, Map.of()))
                .hasMessage("configuration file " + directory + " cannot be read: it is a directory");
        assertThatThrownBy(() -> ConfigSources.find(file.resolve("below"), Map.of()))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("Not a directory");
    }

    @Test
    void aPasswordMayHoldEverythingOnceTheDollarIsDoubled() throws Exception {
        Path secrets = Files.writeString(directory.resolve("a:b.properties"), "db=x${y}$$\\u007B}\n");
        Path file = file("connection.password=a$${b}$${env:C}$d$$e}{$\n"
                + "auth.jwt.secret=${file:" + secrets + ":db}\n"
                + "encryption.keys=${env:KEYS},$${\n");
        assertThat(read(file, Map.of("KEYS", "${none}")))
                .isEqualTo(Map.of(
                        "connection.password", "a${b}${env:C}$d$$e}{$",
                        "auth.jwt.secret", "x${y}$${}",
                        "encryption.keys", "${none},${"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "s3cret${",
                "s3cret${x",
                "${s3cret}",
                "${env:s3-cret}",
                "s3cret${}",
                "${file:s3cret}",
                "${file::s3cret}",
                "s3cret${vault:a:b}",
                "s3cret${env:NOT_SET}",
                "s3cret${file:/none/at/all:key}"
            })
    void aReferenceThatLeadsNowhereIsAProblemThatShowsNoPartOfTheValue(String value) throws Exception {
        for (String key : List.of("connection.password", "auth.jwt.secret", "kafka.ssl.key.password", "http.host")) {
            assertThat(problems(file(key + "=" + value + "\nhttp.prot=1\nhttp.port=x\n"), Map.of()))
                    .as("all problems together, without any that only follows")
                    .hasSize(3)
                    .anySatisfy(problem -> assertThat(problem).startsWith(key + " "))
                    .allSatisfy(problem -> assertThat(problem)
                            .doesNotContain("s3cret")
                            .doesNotContain("s3-cret")
                            .doesNotContain("\n"));
        }
    }

    @Test
    void whatTheLocaleCannotReadIsNamedWithTheKeyAndTheLocale() {
        var ascii = new NativeLocale("LC_ALL=C", "ANSI_X3.4-1968");
        assertThat(ascii.problemOf("p\uFFFD\uFFFDsswd"))
                .isEqualTo("holds characters that cannot be read in the locale LC_ALL=C (ANSI_X3.4-1968);"
                        + " start with LC_ALL=C.UTF-8");
        assertThat(ascii.problemOf("pässwd")).as("read elsewhere").isNull();
        assertThat(ascii.problemOfPath("a\0b")).isEqualTo("must not hold a NUL character");
        assertThat(NativeLocale.of(Map.of("LC_ALL", "", "LC_CTYPE", "POSIX", "LANG", "de_DE.UTF-8")))
                .extracting(NativeLocale::name)
                .isEqualTo("LC_CTYPE=POSIX");
    }

    @Test
    void aPathWithANulIsAProblemOfItsKey() throws Exception {
        assertThat(problems(file("data.dir=/tmp/a\\u0000b\nbuffer.dir=/\\u0000x\n"), Map.of()))
                .containsExactlyInAnyOrder(
                        "data.dir must not hold a NUL character", "buffer.dir must not hold a NUL character");
    }
}
