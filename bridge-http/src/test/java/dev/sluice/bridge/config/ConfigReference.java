package dev.sluice.bridge.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Writes {@code docs/configuration.md}: the text of {@code introduction.md}, and a table for each group of keys. */
final class ConfigReference {
    private ConfigReference() {}

    /** Returns the page, in Markdown. */
    static String page() throws IOException {
        var page = new StringBuilder(introduction());
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

    private static String introduction() throws IOException {
        try (InputStream text = ConfigReference.class.getResourceAsStream("introduction.md")) {
            return new String(text.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
