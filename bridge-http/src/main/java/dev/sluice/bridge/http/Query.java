package dev.sluice.bridge.http;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The query of an address, read by the rules of the contract: of several equal names the first counts, and a value that
 * cannot be parsed counts as absent.
 *
 * @param parameters decoded values by name
 */
public record Query(Map<String, List<String>> parameters) {
    private static final Query NONE = new Query(Map.of());

    /**
     * Decodes a query that {@link RequestSyntax} has checked. A name without a value has an empty one.
     *
     * @param query what is behind the question mark; null if there is none
     */
    public static Query of(@Nullable String query) {
        if (query == null || query.isEmpty()) {
            return NONE;
        }
        var parameters = new LinkedHashMap<String, List<String>>();
        for (String parameter : query.split("&", -1)) {
            int equals = parameter.indexOf('=');
            String name = equals < 0 ? parameter : parameter.substring(0, equals);
            String value = equals < 0 ? "" : parameter.substring(equals + 1);
            parameters
                    .computeIfAbsent(decoded(name), added -> new ArrayList<>(1))
                    .add(decoded(value));
        }
        return new Query(parameters);
    }

    private static String decoded(String text) {
        return text.indexOf('%') < 0 && text.indexOf('+') < 0 ? text : URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    /** Returns the value unchanged, or null. */
    @Nullable
    public String text(String name) {
        List<String> values = parameters.get(name);
        return values == null || values.isEmpty() ? null : values.get(0);
    }

    /** Returns whether the value is {@code true} or {@code 1}. */
    public boolean flag(String name) {
        String text = text(name);
        return "true".equals(text) || "1".equals(text);
    }

    /**
     * Returns the number at the start of the value, clamped to an int; {@code byDefault} if the value starts with none.
     */
    public int number(String name, int byDefault) {
        String text = text(name);
        if (text == null) {
            return byDefault;
        }
        boolean negative = text.startsWith("-");
        int start = negative || text.startsWith("+") ? 1 : 0;
        long value = 0;
        int i = start;
        while (i < text.length() && text.charAt(i) >= '0' && text.charAt(i) <= '9') {
            value = Math.min(value * 10 + (text.charAt(i) - '0'), Integer.MAX_VALUE);
            i++;
        }
        if (i == start) {
            return byDefault;
        }
        return (int) (negative ? -value : value);
    }
}
