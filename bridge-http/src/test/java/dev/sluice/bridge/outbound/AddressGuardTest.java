package dev.sluice.bridge.outbound;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AddressGuardTest {
    private static AddressGuard allowing(String... networks) {
        return new AddressGuard(Stream.of(networks).map(Cidr::parse).toList());
    }

    private static InetAddress address(String text) throws Exception {
        return InetAddress.getByName(text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1.1.1.1",
                "8.8.8.8",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "169.253.255.255",
                "169.255.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2606:4700:4700::1111",
                "2a00:1450:4001::200e",
                "2400:cb00::1"
            })
    void publicAddressesPass(String text) throws Exception {
        assertThat(allowing().problem(address(text))).isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "0.0.0.0, an unspecified address",
        "0.1.2.3, an unspecified address",
        "10.0.0.0, a private address",
        "10.255.255.255, a private address",
        "100.64.0.0, a shared address (CGNAT)",
        "100.100.100.200, a shared address (CGNAT)",
        "100.127.255.255, a shared address (CGNAT)",
        "127.0.0.1, a loopback address",
        "127.255.255.255, a loopback address",
        "168.63.129.16, the address of a metadata service",
        "169.254.169.254, the address of a metadata service",
        "169.254.0.1, a link-local address",
        "172.16.0.0, a private address",
        "172.31.255.255, a private address",
        "192.0.0.192, a reserved address",
        "192.168.0.0, a private address",
        "192.168.255.255, a private address",
        "198.18.0.0, an address for benchmarks",
        "224.0.0.1, a multicast address",
        "239.255.255.255, a multicast address",
        "240.0.0.1, a reserved address",
        "255.255.255.255, a reserved address",
        "::, an unspecified address",
        "::1, a loopback address",
        "::7f00:1, an IPv4-compatible address",
        "64:ff9b::7f00:1, a NAT64 address",
        "64:ff9b::808:808, a NAT64 address",
        "64:ff9b:1::1, a NAT64 address",
        "2002:7f00:1::, a 6to4 address",
        "2002:808:808::1, a 6to4 address",
        "2001:0:4136:e378:8000:63bf:80ff:fffe, a Teredo address",
        "2001:2::1, a reserved address",
        "2001:db8::1, an address for documentation",
        "3fff::1, an address for documentation",
        "4000::1, a reserved address",
        "5f00::1, a reserved address",
        "fc00::1, a private address",
        "fd00:ec2::254, a private address",
        "fe80::1, a link-local address",
        "fec0::1, a private address",
        "ff02::1, a multicast address"
    })
    void allOthersAreRefused(String text, String kind) throws Exception {
        assertThat(allowing().problem(address(text))).isEqualTo(kind);
    }

    /** Java turns such an address into an IPv4 one when it parses it, but not when a name server has sent it. */
    @Test
    void anIpv4MappedAddressIsRefusedAlsoIfItIsPublic() throws Exception {
        byte[] mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 8, 8, 8, 8};
        InetAddress address = Inet6Address.getByAddress("mapped.example", mapped, -1);
        assertThat(address).isInstanceOf(Inet6Address.class);
        assertThat(allowing().problem(address)).isEqualTo("an IPv4-mapped address");
        assertThat(allowing("8.0.0.0/8").problem(address)).isEqualTo("an IPv4-mapped address");
        assertThat(allowing("::ffff:0:0/96").problem(address)).isNull();
        mapped[12] = 10;
        InetAddress ofPrivate = Inet6Address.getByAddress("mapped.example", mapped, -1);
        assertThat(allowing("::ffff:0:0/96").problem(ofPrivate)).isEqualTo("an IPv4-mapped address");
        assertThat(allowing("::ffff:0:0/96", "10.0.0.0/8").problem(ofPrivate)).isNull();
    }

    @Test
    void theListAllowsWhatItNamesAndNothingElse() throws Exception {
        AddressGuard guard = allowing("10.1.0.0/16", "127.0.0.1", "fd00:1::/32", "169.254.169.254");
        assertThat(guard.problem(address("10.1.0.0"))).isNull();
        assertThat(guard.problem(address("10.1.255.255"))).isNull();
        assertThat(guard.problem(address("10.2.0.0"))).isNotNull();
        assertThat(guard.problem(address("10.0.255.255"))).isNotNull();
        assertThat(guard.problem(address("127.0.0.1"))).isNull();
        assertThat(guard.problem(address("127.0.0.2"))).isNotNull();
        assertThat(guard.problem(address("fd00:1:ffff::1"))).isNull();
        assertThat(guard.problem(address("fd00:2::1"))).isNotNull();
        assertThat(guard.problem(address("169.254.169.254"))).isNull();
        assertThat(guard.problem(address("169.254.169.253"))).isNotNull();
    }

    @Test
    void anAddressInAnAddressNeedsBothToBeAllowed() throws Exception {
        AddressGuard nat64 = allowing("64:ff9b::/96");
        assertThat(nat64.problem(address("64:ff9b::808:808"))).isNull();
        assertThat(nat64.problem(address("64:ff9b::a00:1"))).isEqualTo("a NAT64 address");
        assertThat(nat64.problem(address("64:ff9b::a9fe:a9fe"))).isEqualTo("a NAT64 address");
        assertThat(allowing("64:ff9b::/96", "10.0.0.0/8").problem(address("64:ff9b::a00:1")))
                .isNull();
        // The bits of the address in a Teredo address are flipped: 7f00:0001 is 80ff:fffe there.
        assertThat(allowing("2001::/32").problem(address("2001:0:4136:e378:8000:63bf:80ff:fffe")))
                .isEqualTo("a Teredo address");
        assertThat(allowing("2001::/32").problem(address("2001:0:4136:e378:8000:63bf:f7f7:f7f7")))
                .isNull();
        assertThat(allowing("2002::/16").problem(address("2002:c0a8:1::"))).isEqualTo("a 6to4 address");
        assertThat(allowing("2002::/16").problem(address("2002:808:808::"))).isNull();
    }

    @Test
    void everythingCanBeAllowed() throws Exception {
        AddressGuard guard = allowing("0.0.0.0/0", "::/0");
        for (String text : List.of("127.0.0.1", "10.0.0.1", "::1", "fe80::1", "64:ff9b::7f00:1", "ff02::1")) {
            assertThat(guard.problem(address(text))).as(text).isNull();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "10.0.0.0/33",
                "10.0.0.1/8",
                "::/129",
                "fd00::1/64",
                "localhost",
                "beef.de",
                "10.0.0.0/-1",
                "10.0.0.0/",
                "10.0.0",
                "300.0.0.1",
                "fd00::/8/8",
                "*"
            })
    void whatIsNoNetworkIsNamed(String text) {
        assertThatThrownBy(() -> Cidr.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(text);
    }
}
