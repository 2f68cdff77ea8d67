package dev.sluice.bridge.config;

/** Writes {@code docs/configuration.md} from the keys of the settings. */
final class ConfigReference {
    private ConfigReference() {}

    /** Returns the page, in Markdown. */
    static String page() {
        var page = new StringBuilder("""
                # Configuration

                <!-- Written from BridgeConfig by ConfigReferenceTest, which says how when this page is out of date. -->

                `./sluice up --config FILE` reads a file of `key=value` lines (Java properties, UTF-8, with or \
                without a byte order
                mark). Every key can also be set in the environment, which wins: `SLUICE_BUFFER_DIR` for \
                `buffer.dir`. Unknown keys
                are errors; all problems are reported together, and the service does not start. Relative paths start \
                where
                `./sluice` is run. Sizes are bytes.

                * **References.** A value may refer to another place: `${env:NAME}`, or \
                `${file:/path/to/a.properties:key}` for
                  secrets. What a reference leads to is taken as it is. Elsewhere `${` is written `$${`, also within \
                a password.
                * **Empty values.** An empty variable counts as not set, and what the file says stays. An empty value \
                in the file
                  counts as not set too. Two exceptions in the file: `auth.skip.paths=` means no paths, and keys of \
                Kafka's
                  clients (`kafka.…`) are passed on as they are.
                * **Kubernetes.** Variables of service links, as `SLUICE_PORT=tcp://10.96.0.7:6632` for a service \
                named `sluice`,
                  are ignored.
                * **Locale.** `./sluice` runs in the locale `C.UTF-8` where the locale is `C`, `POSIX` or not set. In \
                a locale
                  that cannot hold a path or the value of a variable, the service does not start, and says so.
                * **Secrets.** Passwords, keys and addresses with a password in them are never logged.
                """);
        for (KeyGroup group : BridgeKeys.GROUPS) {
            page.append("\n## ")
                    .append(group.title())
                    .append("\n\n| Key | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n");
            for (Key<?> key : group.keys()) {
                String byDefault = key.defaultText().isEmpty() ? "" : "`" + key.defaultText() + "`";
                page.append("| `%s` | %s | %s | %s | %s |\n"
                        .formatted(key.name(), key.type(), byDefault, key.range(), key.meaning()));
            }
        }
        return page.toString();
    }
}
