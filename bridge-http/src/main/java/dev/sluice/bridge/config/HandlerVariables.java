package dev.sluice.bridge.config;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Variables in the environment for the keys of handlers. In the name of a variable, the name of a handler is in
 * capitals and has {@code _} for each {@code -}: {@code SLUICE_WORK_HANDLERS_WELCOME_MAIL_TIMEOUT_MS} for
 * {@code work.handlers.welcome-mail.timeout.ms}. If the variable fits several names, the longest name counts.
 */
final class HandlerVariables {
    static final String PREFIX = "SLUICE_WORK_HANDLERS_";

    private HandlerVariables() {}

    /** Returns the beginning of the variables of a handler. */
    static String of(String name) {
        return PREFIX + name.toUpperCase(Locale.ROOT).replace('-', '_') + "_";
    }

    /** Returns the key of a variable. A variable that fits no name gets a key that no handler has. */
    static String keyOf(String variable, List<String> names) {
        return names.stream()
                .filter(name -> variable.startsWith(of(name)))
                .max(Comparator.comparingInt(String::length))
                .map(name -> HandlerSettingsKeys.PREFIX + name + "." + lower(variable.substring(of(name).length())))
                .orElseGet(() -> HandlerSettingsKeys.PREFIX + lower(variable.substring(PREFIX.length())));
    }

    private static String lower(String text) {
        return text.toLowerCase(Locale.ROOT).replace('_', '.');
    }
}
