package dev.sluice.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.connect.source.QueueSourceConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.ConfigKey;
import org.junit.jupiter.api.Test;

/** The properties in {@code docs/connect.md} are those of the connectors. */
class ConnectReferenceTest {
    private static final Path PAGE = Path.of("..", "docs", "connect.md");
    private static final String SINK = "## Properties of the sink\n";
    private static final String SOURCE = "## Properties of the source\n";

    @Test
    void pageInTheDocumentationIsWhatTheConnectorsSay() throws IOException {
        String page = Files.readString(PAGE);
        String wanted = page.substring(0, page.indexOf(SINK))
                + section(SINK, "QueueSinkConfig", QueueSinkConfig.DEFINITION)
                + "\n"
                + section(SOURCE, "QueueSourceConfig", QueueSourceConfig.DEFINITION);
        if (Boolean.getBoolean("sluice.write.docs")) {
            Files.writeString(PAGE, wanted);
        }
        assertThat(Files.readString(PAGE))
                .as("docs/connect.md; write it again with: mvn -pl connector test -Dtest=ConnectReferenceTest"
                        + " -Dsluice.write.docs=true")
                .isEqualTo(wanted);
    }

    private static String section(String heading, String config, ConfigDef definition) {
        var text = new StringBuilder(heading)
                .append("\n<!-- Written from ")
                .append(config)
                .append(" by ConnectReferenceTest, which says how when this is out of date. -->\n");
        for (String group : definition.groups()) {
            text.append("\n### ")
                    .append(group)
                    .append("\n\n| Property | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n");
            definition.configKeys().values().stream()
                    .filter(key -> key.group.equals(group))
                    .sorted((a, b) -> Integer.compare(a.orderInGroup, b.orderInGroup))
                    .forEach(key -> row(text, key));
        }
        return text.toString();
    }

    private static void row(StringBuilder text, ConfigKey key) {
        text.append("| `")
                .append(key.name)
                .append("` | ")
                .append(key.type.name().toLowerCase(Locale.ROOT))
                .append(" | ")
                .append(defaultValue(key))
                .append(" | ")
                .append(key.validator == null ? "" : range(key.validator.toString()))
                .append(" | ")
                .append(key.documentation)
                .append(" |\n");
    }

    private static String defaultValue(ConfigKey key) {
        if (!key.hasDefault()) {
            return "must be set";
        }
        boolean none = key.defaultValue == null || key.defaultValue.toString().equals("[]");
        return none ? "" : "`" + key.defaultValue + "`";
    }

    private static String range(String validator) {
        return validator
                .replace("[", "")
                .replace("]", "")
                .replace(",...,", " to ")
                .replace(",...", " and more");
    }
}
