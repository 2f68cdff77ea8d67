package dev.sluice.bridge.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Writes {@code docs/configuration.md}: the text of {@code introduction.md}, and a table for each group of keys. */
final class ConfigReference {
    private ConfigReference() {}

    /** Returns the page, in Markdown. */
    static String page() throws IOException {
        var page = new StringBuilder(text("introduction.md"));
        for (KeyGroup group : BridgeKeys.GROUPS) {
            append(group, "", page);
            if (group == ScheduleKeys.GROUP) {
                append(ScheduleKeys.OF_EACH, text("schedules.md").strip() + "\n\n", page);
            }
            if (group == WorkSettings.GROUP) {
                append(HandlerSettingsKeys.GROUP, text("handlers.md").strip() + "\n\n", page);
                append(BuiltinSettings.GROUP, text("builtins.md").strip() + "\n\n", page);
            }
        }
        return page.toString();
    }

    private static void append(KeyGroup group, String explanation, StringBuilder page) {
        page.append("\n## ").append(group.title()).append("\n\n").append(explanation);
        page.append("| Key | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n");
        for (Key<?> key : group.keys()) {
            String byDefault = key.defaultText().isEmpty() ? "" : "`" + key.defaultText() + "`";
            page.append("| `%s` | %s | %s | %s | %s |\n"
                    .formatted(key.name(), key.type(), byDefault, key.range(), key.meaning()));
        }
    }

    private static String text(String name) throws IOException {
        try (InputStream text = ConfigReference.class.getResourceAsStream(name)) {
            return new String(text.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
