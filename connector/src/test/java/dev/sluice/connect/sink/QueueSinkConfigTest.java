package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.QueueSinkConnector;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

class QueueSinkConfigTest {
    private static Map<String, String> properties(String... more) {
        var properties = new HashMap<String, String>();
        properties.put("name", "sink");
        properties.put("topics", "orders");
        properties.put("connection.url", "jdbc:postgresql://127.0.0.1/sluice");
        properties.put("connection.password", "open sesame");
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    @Test
    void neverShowsThePassword() {
        var config = new QueueSinkConfig(properties());
        assertThat(config.values().toString()).doesNotContain("open sesame").contains("[hidden]");
        assertThat(QueueSinkConfig.DEFINITION.configKeys().get("connection.password").type)
                .isEqualTo(ConfigDef.Type.PASSWORD);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "postgres://app:s3cret@host/db",
                "jdbc:postgresql://app:s3cret@host/db",
                "jdbc:postgresql://host:s3cret/db",
                "jdbc:postgresql://host/db?password=s3cret",
                "jdbc:postgresql://host/db?sslpassword=s3cret&ssl=true",
                "jdbc:postgresql://host/db?password=s3cret%"
            })
    void showsNoSecretOfTheUrlWhetherItIsValidOrNot(String url) {
        Map<String, String> properties = properties("connection.url", url);
        assertThat(new QueueSinkConnector().validate(properties).configValues().toString())
                .doesNotContain("s3cret");
        try {
            var config = new QueueSinkConfig(properties);
            assertThat(config.values().toString()).doesNotContain("s3cret");
            assertThat(config.postgres().urlForLog()).doesNotContain("s3cret");
            assertThat(config.dataSource().toString()).doesNotContain("s3cret");
        } catch (ConfigException e) {
            assertThat(e).hasNoCause();
            assertThat(e.getMessage()).startsWith("connection.url ").doesNotContain("s3cret");
        }
    }

    @Test
    void givesTheDriverThePasswordsOfTheUrlAndThoseOfTheSettingsFirst() {
        String url = "jdbc:postgresql://h/db?user=a&password=b%26&sslpassword=c";
        Map<String, String> properties = properties("connection.url", url);
        properties.remove("connection.password");
        var source = (PGSimpleDataSource) new QueueSinkConfig(properties).dataSource();
        assertThat(List.of(source.getUser(), source.getPassword(), source.getSslpassword()))
                .containsExactly("a", "b&", "c");
        properties.put("connection.user", "u");
        properties.put("connection.password", "p${x}");
        source = (PGSimpleDataSource) new QueueSinkConfig(properties).dataSource();
        assertThat(List.of(source.getUser(), source.getPassword(), source.getSslpassword()))
                .containsExactly("u", "p${x}", "c");
    }

    @Test
    void doesNotLogWhatStandsInTheUrlAfterTheDatabase() {
        var config = new QueueSinkConfig(properties("connection.url", "jdbc:postgresql://h/db?password=secret"));
        assertThat(config.postgres().urlForLog()).isEqualTo("jdbc:postgresql://h/db");
    }

    @Test
    void describesEveryPropertyWithGroupNameAndSentence() {
        assertThat(QueueSinkConfig.DEFINITION.configKeys().values()).allSatisfy(key -> {
            assertThat(key.group).as(key.name).isNotBlank();
            assertThat(key.displayName).as(key.name).isNotBlank().isNotEqualTo(key.name);
            assertThat(key.documentation).as(key.name).endsWith(".");
        });
    }

    @Test
    void namesTheSourceLikeTheConnectorUnlessToldOtherwise() {
        assertThat(new QueueSinkConfig(properties()).sourceName()).isEqualTo("sink");
        assertThat(new QueueSinkConfig(properties("source.name", "old-sink")).sourceName())
                .isEqualTo("old-sink");
        Map<String, String> nameless = properties();
        nameless.remove("name");
        assertThatThrownBy(() -> new QueueSinkConfig(nameless))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("source.name must be set");
    }

    @Test
    void canBePrintedAsAReference() {
        String reference = QueueSinkConfig.DEFINITION.toEnrichedRst();
        assertThat(Stream.of("Connection", "Mapping", "Writing", "Duplicates"))
                .allSatisfy(group -> assertThat(reference).contains(group));
    }
}
