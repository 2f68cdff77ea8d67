package dev.sluice.bridge.config;

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

                `./sluice up --config FILE` reads a file of `key=value` lines (Java properties, UTF-8, with or without a byte order
                mark). Every key can also be set in the environment, which wins: `SLUICE_BUFFER_DIR` for `buffer.dir`. Unknown keys
                are errors; all problems are reported together, and the service does not start. Relative paths start where
                `./sluice` is run. Sizes are bytes.

                * **References.** A value may refer to another place: `${env:NAME}`, or `${file:/path/to/a.properties:key}` for
                  secrets. What a reference leads to is taken as it is. Elsewhere `${` is written `$${`, also within a password.
                * **Empty values.** An empty variable counts as not set, and what the file says stays. An empty value in the file
                  counts as not set too. Two exceptions in the file: `auth.skip.paths=` means no paths, and keys of Kafka's
                  clients (`kafka.…`) are passed on as they are.
                * **Kubernetes.** Variables of service links, as `SLUICE_PORT=tcp://10.96.0.7:6632` for a service named `sluice`,
                  are ignored.
                * **Locale.** `./sluice` runs in the locale `C.UTF-8` where the locale is `C`, `POSIX` or not set. In a locale
                  that cannot hold a path or the value of a variable, the service does not start, and says so.
                * **Secrets.** Passwords, keys and addresses with a password in them are never logged.
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
