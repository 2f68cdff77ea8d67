package dev.sluice.bridge.config;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** All keys: the groups that the {@code *Settings} classes declare, in the order of {@code docs/configuration.md}. */
final class BridgeKeys {
    static final List<KeyGroup> GROUPS = List.of(
            HttpSettings.GROUP,
            DataSettings.GROUP,
            PostgresSettings.GROUP,
            EncryptionSettings.GROUP,
            DrainSettings.GROUP,
            KafkaSettings.GROUP,
            PopSettings.GROUP,
            AdministrationSettings.GROUP,
            AuthSettings.GROUP,
            WorkSettings.GROUP,
            OutboundKeys.GROUP,
            EndpointKeys.GROUP,
            SubscribeSettings.GROUP,
            ScheduleKeys.GROUP,
            StopSettings.GROUP,
            MetricsSettings.GROUP);

    /** A key that is further from every known key gets no suggestion. */
    private static final int MAX_EDITS = 3;

    /** Any other text in the place of a key may be a line of a password or of a private key. */
    private static final Pattern LOOKS_LIKE_A_KEY =
            Pattern.compile("[a-z]{1,20}|[a-z][a-z0-9]{0,19}(?:[._-][a-z0-9]{1,20}){1,6}");

    private static final Map<String, Key<?>> BY_NAME =
            all().collect(Collectors.toUnmodifiableMap(Key::name, Function.identity()));

    private BridgeKeys() {}

    static Stream<Key<?>> all() {
        return GROUPS.stream().flatMap(group -> group.keys().stream());
    }

    static @Nullable Key<?> find(String name) {
        return BY_NAME.get(name);
    }

    /** Returns the problem of a key that does not exist: a line that suggests the nearest known key. */
    static String unknown(String name) {
        return unknown(name, all().map(Key::name));
    }

    /** Returns the problem of a key that does not exist, where these keys exist. */
    static String unknown(String name, Stream<String> known) {
        String nearest = null;
        int fewestEdits = MAX_EDITS + 1;
        for (String candidate : known.toList()) {
            int edits = edits(name.toLowerCase(Locale.ROOT), candidate.toLowerCase(Locale.ROOT));
            if (edits < fewestEdits) {
                fewestEdits = edits;
                nearest = candidate;
            }
        }
        if (nearest != null) {
            return "unknown key " + name + ", did you mean " + nearest + "?";
        }
        return LOOKS_LIKE_A_KEY.matcher(name).matches()
                ? "unknown key " + name
                : "unknown key of " + name.length() + " characters, which is not shown because it may be a part of a"
                        + " value; a value continues in the next line if its line ends with \\";
    }

    /** Returns the edit distance of two texts (Levenshtein). */
    private static int edits(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}
