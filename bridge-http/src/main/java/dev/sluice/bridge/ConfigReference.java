package dev.sluice.bridge;

import java.util.Locale;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.ConfigKey;

/** Writes {@code docs/configuration.md} from the definition of the settings. */
final class ConfigReference {
    private ConfigReference() {}

    /** Returns the page, in Markdown. */
    static String page() {
        var page = new StringBuilder("""
                # Configuration

                <!-- Written from BridgeConfig by ConfigReferenceTest, which says how when this page is out of date. -->

                `./sluice up --config FILE` reads a file of `key=value` lines (Java properties, UTF-8). Every key can also be set in
                the environment, which wins: `SLUICE_BUFFER_DIR` for `buffer.dir`. A value may refer to another place:
                `${env:NAME}`, or `${file:/path/to/a.properties:key}` for secrets. Unknown keys are errors; all problems are
                reported together, and the service does not start. Relative paths start where `./sluice` is run. Sizes are bytes.
                """);
        ConfigDef definition = BridgeKeys.definition();
        for (String group : definition.groups()) {
            page.append("\n## ")
                    .append(group)
                    .append("\n\n| Key | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n");
            definition.configKeys().values().stream()
                    .filter(key -> key.group.equals(group))
                    .sorted((a, b) -> Integer.compare(a.orderInGroup, b.orderInGroup))
                    .forEach(key -> row(page, key));
        }
        return page.toString();
    }

    private static void row(StringBuilder page, ConfigKey key) {
        String type = key.type.name().toLowerCase(Locale.ROOT);
        String byDefault = key.defaultValue == null ? "" : "`" + key.defaultValue + "`";
        page.append("| `")
                .append(key.name)
                .append("` | ")
                .append(type)
                .append(" | ")
                .append(byDefault);
        page.append(" | ")
                .append(range(key))
                .append(" | ")
                .append(key.documentation)
                .append(" |\n");
    }

    private static String range(ConfigKey key) {
        if (key.validator instanceof ConfigDef.Range || key.validator instanceof ConfigDef.ValidString) {
            return key.validator.toString().replace("[", "").replace("]", "").replace(",...,", " to ");
        }
        return "";
    }
}
