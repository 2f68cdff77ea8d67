package dev.sluice.bridge.config;

import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.system.NativeLocale;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Replaces references in values: <code>${env:NAME}</code> for a variable, and <code>${file:PATH:KEY}</code> for a key
 * of a {@link PropertiesFile}. <code>$${</code> stands for <code>${</code>. The value of a reference is not searched
 * for references. A message shows at most a reference, never a value, which may be a password.
 */
final class References {
    private static final String OPENING = "${";
    private static final String ESCAPED = "$${";
    private static final Pattern VARIABLE = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

    private final Map<String, String> environment;
    private final NativeLocale locale;
    private final Map<Path, Map<String, String>> files = new HashMap<>();

    References(Map<String, String> environment, NativeLocale locale) {
        this.environment = environment;
        this.locale = locale;
    }

    /**
     * Returns a value with its references replaced.
     *
     * @throws ConfigException if a reference has no target; the message does not name the key
     */
    String resolve(String value) throws ConfigException {
        var resolved = new StringBuilder();
        int from = 0;
        for (int at = value.indexOf('$'); at >= 0; at = value.indexOf('$', from)) {
            resolved.append(value, from, at);
            if (value.startsWith(ESCAPED, at)) {
                resolved.append(OPENING);
                from = at + ESCAPED.length();
            } else if (value.startsWith(OPENING, at)) {
                int end = value.indexOf('}', at);
                resolved.append(end < 0 ? nothing() : lookUp(value.substring(at + OPENING.length(), end)));
                from = end + 1;
            } else {
                resolved.append('$');
                from = at + 1;
            }
        }
        return resolved.append(value, from, value.length()).toString();
    }

    private String lookUp(String reference) throws ConfigException {
        if (reference.startsWith("env:")) {
            return variable(reference.substring("env:".length()));
        }
        int lastColon = reference.lastIndexOf(':');
        if (reference.startsWith("file:") && lastColon > "file:".length()) {
            return entry(reference.substring("file:".length(), lastColon), reference.substring(lastColon + 1));
        }
        return nothing();
    }

    private static String nothing() throws ConfigException {
        throw new ConfigException(
                List.of("holds a ${ that refers to nothing; write ${env:NAME} or ${file:PATH:KEY}, or $${"
                        + " if the value itself holds ${"));
    }

    private String variable(String name) throws ConfigException {
        if (!VARIABLE.matcher(name).matches()) {
            return nothing();
        }
        String value = environment.get(name);
        if (value == null) {
            throw new ConfigException(List.of("refers to ${env:" + name + "}, and there is no such variable"));
        }
        String problem = locale.problemOf(value);
        if (problem != null) {
            throw new ConfigException(List.of("refers to ${env:" + name + "}, which " + problem));
        }
        return value;
    }

    private String entry(String path, String key) throws ConfigException {
        String problem = locale.problemOfPath(path);
        if (problem != null) {
            throw new ConfigException(List.of("refers to a file whose path " + problem));
        }
        Path file = Path.of(path);
        Map<String, String> entries = files.get(file);
        if (entries == null) {
            entries = PropertiesFile.read("refers to a value of a file, and file", file);
            files.put(file, entries);
        }
        String value = entries.get(key);
        if (value == null) {
            throw new ConfigException(List.of("refers to a key of " + file + " that is not in that file"));
        }
        return value;
    }
}
