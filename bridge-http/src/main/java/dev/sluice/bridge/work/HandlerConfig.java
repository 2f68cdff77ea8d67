package dev.sluice.bridge.work;

import dev.sluice.bridge.work.builtin.Builtin;
import dev.sluice.work.Batching;
import dev.sluice.work.HandlerSettings;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A handler as the configuration describes it.
 *
 * @param name its name in {@code work.handlers}
 * @param workType the type of the works that it handles
 * @param type the name of a provider of a plug-in, or a class of a plug-in, or the name of a built-in handler
 * @param settings without rules by type of error, which name classes of plug-ins
 * @param batching how many works a batch handler gets in a call; null: not set
 * @param neverOn classes of errors after which a work never runs again
 * @param config what the handler itself gets
 * @param errors what else happens after errors of some classes
 * @param builtin the built-in handler; null: a plug-in makes the handler
 */
public record HandlerConfig(
        String name,
        String workType,
        String type,
        HandlerSettings settings,
        @Nullable Batching batching,
        List<String> neverOn,
        Map<String, String> config,
        ErrorRules errors,
        @Nullable Builtin builtin) {

    /** How works are handed to a batch handler unless the configuration says it. */
    public static final Batching USUAL_BATCHING = Batching.ofSize(100);

    /** Beginning of the keys of all handlers. */
    public static final String PREFIX = "work.handlers.";

    public HandlerConfig {
        neverOn = List.copyOf(neverOn);
        config = Map.copyOf(config);
    }

    /** Makes the configuration of a handler of a plug-in, without further rules by class of error. */
    public HandlerConfig(
            String name,
            String workType,
            String type,
            HandlerSettings settings,
            @Nullable Batching batching,
            List<String> neverOn,
            Map<String, String> config) {
        this(name, workType, type, settings, batching, neverOn, config, ErrorRules.NONE, null);
    }

    /** Returns a key of this handler. */
    String key(String key) {
        return PREFIX + name + "." + key;
    }
}
