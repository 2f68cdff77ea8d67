package dev.sluice.bridge.http;

import java.time.Duration;

/**
 * The web pages that may use the service from a browser.
 *
 * @param trusted pages of other origins that may use it and read its answers ({@code cors.origins})
 * @param own the origin under which browsers know the service behind a proxy ({@code http.public.url}); none if that is
 *     the header {@code Host}
 * @param preflightAge how long a browser may remember what a page may send ({@code cors.max.age.ms})
 */
public record WebPages(TrustedOrigins trusted, TrustedOrigins own, Duration preflightAge) {
    /** No page of another origin may use the service. */
    public static final WebPages NONE = new WebPages(TrustedOrigins.NONE, TrustedOrigins.NONE, Duration.ZERO);
}
