package dev.sluice.work;

import java.util.Map;

/**
 * Makes the handlers of a plug-in. The bridge finds the providers of a plug-in with {@code ServiceLoader}, and asks the
 * provider that a handler of its configuration names. A plug-in may have several.
 */
public interface HandlerProvider {
    /** Returns the name by which configurations choose this provider, as {@code work.handlers.NAME.type}. */
    String type();

    /**
     * Makes a handler. If the handler is an {@code AutoCloseable}, it is closed after its last work.
     *
     * @param config the keys {@code work.handlers.NAME.config.…}, without that prefix
     * @return a {@link Handler}, or a {@link BatchHandler}
     * @throws Exception if the configuration does not fit; the message tells the operator what to change
     */
    Hooks create(Map<String, String> config) throws Exception;
}
