package dev.sluice.bridge.outbound;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A network: an address, and how many of its first bits count. */
public final class Cidr {
    private static final Pattern IPV4 = Pattern.compile("\\d{1,3}(?:\\.\\d{1,3}){3}");
    private static final Pattern IPV6 = Pattern.compile("[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*");
    private static final Pattern NETWORK = Pattern.compile("([^/]+)(?:/(\\d{1,3}))?");

    private final byte[] network;
    private final int bits;

    private Cidr(byte[] network, int bits) {
        this.network = network;
        this.bits = bits;
    }

    /**
     * Parses {@code 10.0.0.0/8}, {@code fd00::/8}, or an address alone, which is a network of one. Looks up no name.
     *
     * @throws IllegalArgumentException if the text is no network
     */
    public static Cidr parse(String text) {
        Matcher parts = NETWORK.matcher(text);
        if (!parts.matches()
                || !(IPV4.matcher(parts.group(1)).matches()
                        || IPV6.matcher(parts.group(1)).matches())) {
            throw new IllegalArgumentException("must be a network such as 10.1.0.0/16 or fd00:1::/32, was " + text);
        }
        byte[] address = literal(parts.group(1), text);
        int all = address.length * Byte.SIZE;
        int bits = parts.group(2) == null ? all : Integer.parseInt(parts.group(2));
        if (bits > all) {
            throw new IllegalArgumentException("must have at most " + all + " bits after the /, was " + text);
        }
        var network = new Cidr(address, bits);
        for (int bit = bits; bit < all; bit++) {
            if (bit(address, bit)) {
                throw new IllegalArgumentException(
                        "must have no bits after the first " + bits + ", was " + text + "; is the length right?");
            }
        }
        return network;
    }

    private static byte[] literal(String address, String text) {
        try {
            InetAddress parsed = InetAddress.getByName(address.indexOf(':') < 0 ? address : "[" + address + "]");
            byte[] bytes = parsed.getAddress();
            // Java makes an IPv4 address of an IPv4-mapped one.
            return address.indexOf(':') < 0 || bytes.length == AddressGuard.IPV6_BYTES ? bytes : mapped(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("must be a network such as 10.1.0.0/16 or fd00:1::/32, was " + text, e);
        }
    }

    private static byte[] mapped(byte[] ipv4) {
        var address = new byte[AddressGuard.IPV6_BYTES];
        address[10] = (byte) 0xff;
        address[11] = (byte) 0xff;
        System.arraycopy(ipv4, 0, address, AddressGuard.IPV6_BYTES - ipv4.length, ipv4.length);
        return address;
    }

    /**
     * Returns whether an address is in this network. An IPv4 address is in no IPv6 network, and the other way round.
     */
    boolean contains(byte[] address) {
        if (address.length != network.length) {
            return false;
        }
        int whole = bits / Byte.SIZE;
        for (int i = 0; i < whole; i++) {
            if (address[i] != network[i]) {
                return false;
            }
        }
        int rest = bits % Byte.SIZE;
        return rest == 0 || ((address[whole] ^ network[whole]) & 0xff) >> (Byte.SIZE - rest) == 0;
    }

    private static boolean bit(byte[] address, int bit) {
        return (address[bit / Byte.SIZE] >> (Byte.SIZE - 1 - bit % Byte.SIZE) & 1) == 1;
    }
}
