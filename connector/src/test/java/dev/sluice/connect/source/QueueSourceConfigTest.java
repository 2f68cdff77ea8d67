package dev.sluice.connect.source;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.connect.QueueSourceConnector;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QueueSourceConfigTest {
    private static Map<String, String> properties(String... more) {
        var properties = new HashMap<String, String>();
        properties.put("name", "source");
        properties.put("queues", "orders");
        properties.put("connection.url", "jdbc:postgresql://127.0.0.1/sluice");
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    @Test
    void describesEveryPropertyWithGroupNameAndSentence() {
        assertThat(QueueSourceConfig.DEFINITION.configKeys().values()).allSatisfy(key -> {
            assertThat(key.group).as(key.name).isNotBlank();
            assertThat(key.displayName).as(key.name).isNotBlank().isNotEqualTo(key.name);
            assertThat(key.documentation).as(key.name).endsWith(".");
        });
        assertThat(QueueSourceConfig.DEFINITION.configKeys().get("connection.password").type)
                .isEqualTo(ConfigDef.Type.PASSWORD);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "postgres://app:s3cret@host/db",
                "jdbc:postgresql://app:s3cret@host/db",
                "jdbc:postgresql://host/db?password=s3cret"
            })
    void showsNoSecretOfTheUrlWhetherItIsValidOrNot(String url) {
        Map<String, String> properties = properties("connection.url", url);
        assertThat(new QueueSourceConnector()
                        .validate(properties)
                        .configValues()
                        .toString())
                .doesNotContain("s3cret");
        try {
            var config = new QueueSourceConfig(properties);
            assertThat(config.values().toString() + config.postgres().urlForLog())
                    .doesNotContain("s3cret");
        } catch (ConfigException e) {
            assertThat(e.toString()).contains("connection.url ").doesNotContain("s3cret");
        }
    }
}
