package dev.sluice.bridge.outbound;

import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Decides which addresses may be connected to: those of the public internet, and those of the networks allowed. */
final class AddressGuard {
    static final int IPV6_BYTES = 16;

    private static final int IPV4_BYTES = 4;

    /** A network that is not of the public internet. */
    private record Range(Cidr network, String kind) {}

    /**
     * A network of IPv6 addresses with an IPv4 address in them.
     *
     * @param at where in the address it is
     * @param flipped whether its bits are flipped
     */
    private record Embedding(Cidr network, String kind, int at, boolean flipped) {
        byte[] ipv4(byte[] address) {
            byte[] embedded = Arrays.copyOfRange(address, at, at + IPV4_BYTES);
            for (int i = 0; flipped && i < IPV4_BYTES; i++) {
                embedded[i] = (byte) ~embedded[i];
            }
            return embedded;
        }
    }

    private static final List<Range> SPECIAL = List.of(
            range("0.0.0.0/8", "an unspecified address"),
            range("10.0.0.0/8", "a private address"),
            range("100.64.0.0/10", "a shared address (CGNAT)"),
            range("127.0.0.0/8", "a loopback address"),
            range("168.63.129.16", "the address of a metadata service"),
            range("169.254.169.254", "the address of a metadata service"),
            range("169.254.0.0/16", "a link-local address"),
            range("172.16.0.0/12", "a private address"),
            range("192.0.0.0/24", "a reserved address"),
            range("192.0.2.0/24", "an address for documentation"),
            range("192.88.99.0/24", "a reserved address"),
            range("192.168.0.0/16", "a private address"),
            range("198.18.0.0/15", "an address for benchmarks"),
            range("198.51.100.0/24", "an address for documentation"),
            range("203.0.113.0/24", "an address for documentation"),
            range("224.0.0.0/4", "a multicast address"),
            range("240.0.0.0/4", "a reserved address"),
            range("::", "an unspecified address"),
            range("::1", "a loopback address"),
            range("64:ff9b:1::/48", "a NAT64 address"),
            range("100::/64", "a reserved address"),
            range("fc00::/7", "a private address"),
            range("fe80::/10", "a link-local address"),
            range("fec0::/10", "a private address"),
            range("ff00::/8", "a multicast address"));

    private static final List<Embedding> EMBEDDINGS = List.of(
            new Embedding(Cidr.parse("::ffff:0:0/96"), "an IPv4-mapped address", 12, false),
            new Embedding(Cidr.parse("::/96"), "an IPv4-compatible address", 12, false),
            new Embedding(Cidr.parse("64:ff9b::/96"), "a NAT64 address", 12, false),
            new Embedding(Cidr.parse("2002::/16"), "a 6to4 address", 2, false),
            new Embedding(Cidr.parse("2001::/32"), "a Teredo address", 12, true));

    /** Parts of the global unicast addresses that are not of the public internet. Looked at after the embeddings. */
    private static final List<Range> SPECIAL_UNICAST = List.of(
            range("2001::/23", "a reserved address"),
            range("2001:db8::/32", "an address for documentation"),
            range("3fff::/20", "an address for documentation"));

    private static final Cidr GLOBAL_UNICAST = Cidr.parse("2000::/3");

    private final List<Cidr> allowed;

    /** Makes a guard that also lets addresses of these networks pass. */
    AddressGuard(List<Cidr> allowed) {
        this.allowed = List.copyOf(allowed);
    }

    private static Range range(String network, String kind) {
        return new Range(Cidr.parse(network), kind);
    }

    /** Returns why an address must not be connected to, such as {@code a private address}; null: it may. */
    @Nullable
    String problem(InetAddress address) {
        return problem(address.getAddress());
    }

    private @Nullable String problem(byte[] address) {
        boolean isAllowed = allowed.stream().anyMatch(network -> network.contains(address));
        String kind = kind(SPECIAL, address);
        if (kind != null || address.length == IPV4_BYTES) {
            return isAllowed ? null : kind;
        }
        for (Embedding each : EMBEDDINGS) {
            if (each.network().contains(address)) {
                return isAllowed && problem(each.ipv4(address)) == null ? null : each.kind();
            }
        }
        if (isAllowed) {
            return null;
        }
        return GLOBAL_UNICAST.contains(address) ? kind(SPECIAL_UNICAST, address) : "a reserved address";
    }

    private static @Nullable String kind(List<Range> ranges, byte[] address) {
        for (Range range : ranges) {
            if (range.network().contains(address)) {
                return range.kind();
            }
        }
        return null;
    }
}
