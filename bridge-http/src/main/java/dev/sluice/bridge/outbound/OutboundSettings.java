package dev.sluice.bridge.outbound;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of all calls of a process.
 *
 * @param allowed networks beside the public internet that may be called
 * @param httpsOnly whether calls without TLS are refused
 * @param proxy the egress proxy; null: none
 * @param connectTimeout how long a connection may take
 * @param maxAnswer how many bytes of an answer are read
 * @param maxSnippet how many of them are kept
 * @param trusted certificates (PEM) that are trusted beside those of the Java runtime; null: none
 */
public record OutboundSettings(
        List<Cidr> allowed,
        boolean httpsOnly,
        @Nullable EgressProxy proxy,
        Duration connectTimeout,
        int maxAnswer,
        int maxSnippet,
        @Nullable Path trusted) {
    /** Only the public internet, no proxy, 10 s, 64 KiB, 1 KiB. */
    public static final OutboundSettings DEFAULT =
            new OutboundSettings(List.of(), false, null, Duration.ofSeconds(10), 64 * 1024, 1024, null);

    public OutboundSettings {
        allowed = List.copyOf(allowed);
        if (maxAnswer < maxSnippet || maxSnippet < 0) {
            throw new IllegalArgumentException("the snippet of an answer must have at most as many bytes as are read: "
                    + maxSnippet + " and " + maxAnswer);
        }
    }

    /** Sets the networks that may be called beside the public internet. */
    public OutboundSettings allowed(List<Cidr> value) {
        return new OutboundSettings(value, httpsOnly, proxy, connectTimeout, maxAnswer, maxSnippet, trusted);
    }

    /** Sets whether calls without TLS are refused. */
    public OutboundSettings httpsOnly(boolean value) {
        return new OutboundSettings(allowed, value, proxy, connectTimeout, maxAnswer, maxSnippet, trusted);
    }

    /** Sets the egress proxy. */
    public OutboundSettings proxy(@Nullable EgressProxy value) {
        return new OutboundSettings(allowed, httpsOnly, value, connectTimeout, maxAnswer, maxSnippet, trusted);
    }

    /** Sets how long a connection may take. */
    public OutboundSettings connectTimeout(Duration value) {
        return new OutboundSettings(allowed, httpsOnly, proxy, value, maxAnswer, maxSnippet, trusted);
    }

    /** Sets how many bytes of an answer are read and kept. */
    public OutboundSettings answer(int mostRead, int mostKept) {
        return new OutboundSettings(allowed, httpsOnly, proxy, connectTimeout, mostRead, mostKept, trusted);
    }

    /** Sets the certificates that are trusted beside those of the Java runtime. */
    public OutboundSettings trusted(@Nullable Path value) {
        return new OutboundSettings(allowed, httpsOnly, proxy, connectTimeout, maxAnswer, maxSnippet, value);
    }
}
