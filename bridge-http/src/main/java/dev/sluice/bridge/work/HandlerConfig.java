package dev.sluice.bridge.work;

import dev.sluice.work.HandlerSettings;
import java.util.List;
import java.util.Map;

/**
 * A handler as the configuration describes it.
 *
 * @param name its name in {@code work.handlers}
 * @param workType the type of the works that it handles
 * @param type the name of a provider of a plug-in, or a class of a plug-in
 * @param settings without rules by type of error, which name classes of plug-ins
 * @param neverOn classes of errors after which a work never runs again
 * @param config what the handler itself gets
 */
public record HandlerConfig(
        String name,
        String workType,
        String type,
        HandlerSettings settings,
        List<String> neverOn,
        Map<String, String> config) {

    /** Beginning of the keys of all handlers. */
    public static final String PREFIX = "work.handlers.";

    public HandlerConfig {
        neverOn = List.copyOf(neverOn);
        config = Map.copyOf(config);
    }

    /** Returns a key of this handler. */
    String key(String key) {
        return PREFIX + name + "." + key;
    }
}
