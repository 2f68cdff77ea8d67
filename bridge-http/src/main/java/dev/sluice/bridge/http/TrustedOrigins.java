package dev.sluice.bridge.http;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The origins whose web pages may use the service from a browser: the setting {@code cors.origins}.
 *
 * @param all whether pages of every origin may ({@code *})
 * @param origins {@code scheme://host[:port]} in lower case, without the default port of the scheme
 */
public record TrustedOrigins(boolean all, Set<String> origins) {
    /** No page of another origin may use the service. */
    public static final TrustedOrigins NONE = new TrustedOrigins(false, Set.of());

    private static final String ALL = "*";
    private static final Pattern URL = Pattern.compile("(https?://[^/?#]+)(?:[/?#].*)?");
    private static final Pattern ORIGIN =
            Pattern.compile("[a-z][a-z0-9+.-]*://(\\[[0-9a-f:.]+]|[a-z0-9._~-]+)(:[0-9]{1,5})?");

    /** Copies the set. */
    public TrustedOrigins {
        origins = Set.copyOf(origins);
    }

    /**
     * Reads the setting.
     *
     * @throws IllegalArgumentException if an entry is neither {@code *} nor an origin
     */
    public static TrustedOrigins of(List<String> entries) {
        var origins = new LinkedHashSet<String>();
        boolean all = false;
        for (String entry : entries) {
            String origin = normalized(entry.strip());
            if (origin.equals(ALL)) {
                all = true;
            } else if (ORIGIN.matcher(origin).matches()) {
                origins.add(origin);
            } else if (!origin.isEmpty()) {
                throw new IllegalArgumentException(
                        "cors.origins must be * or a list of scheme://host or scheme://host:port without a path, has "
                                + entry);
            }
        }
        return new TrustedOrigins(all, origins);
    }

    /**
     * Reads the origin of a URL; what follows its host and port does not count.
     *
     * @throws IllegalArgumentException if the text is not a URL of http or https with a host
     */
    public static TrustedOrigins ofUrl(String url) {
        Matcher parts = URL.matcher(url.toLowerCase(Locale.ROOT));
        if (!parts.matches() || !ORIGIN.matcher(parts.group(1)).matches()) {
            throw new IllegalArgumentException("must be http://host or https://host, with or without a port");
        }
        return new TrustedOrigins(false, Set.of(normalized(parts.group(1))));
    }

    /** Returns whether a page of this origin, as the header {@code Origin} names it, may use the service. */
    boolean contains(String origin) {
        return all || origins.contains(normalized(origin));
    }

    /** Returns whether the host and port of one of the origins are those of a header {@code Host}. */
    boolean hasHost(String host) {
        return all || origins.stream().anyMatch(origin -> isOfHost(origin, host));
    }

    /**
     * Returns whether host and port of an origin are those of a header {@code Host}; the scheme gives a missing port.
     */
    static boolean isOfHost(String origin, String host) {
        String page = normalized(origin);
        int authority = page.indexOf("://");
        return authority > 0 && page.equals(normalized(page.substring(0, authority) + "://" + host));
    }

    private static String normalized(String origin) {
        String lower = origin.toLowerCase(Locale.ROOT);
        if (lower.startsWith("http://") && lower.endsWith(":80")) {
            return lower.substring(0, lower.length() - ":80".length());
        }
        if (lower.startsWith("https://") && lower.endsWith(":443")) {
            return lower.substring(0, lower.length() - ":443".length());
        }
        return lower;
    }
}
