/**
 * Calls to addresses that others have chosen, such as those of webhooks. This package keeps such a call away from what
 * only this machine or its network can reach: an attacker who may name a URL must not read a metadata service, or post
 * to a database, through us.
 *
 * <h2>The guard</h2>
 *
 * <p>A name says nothing: its owner may change its addresses between a check and a connect. So nothing here checks
 * names. {@link dev.sluice.bridge.outbound.GuardedResolver} takes the place of the client's resolver: it looks a name
 * up, drops every address that {@link dev.sluice.bridge.outbound.AddressGuard} refuses, and hands the rest to the
 * connector. So each address that is connected to has been checked, and there is no second look-up. The name stays with
 * the address, so TLS sends it and checks it against the certificate.
 *
 * <pre>
 *  URL ──▶ OutboundUrl ──▶ OutboundClient ──▶ GuardedResolver ──▶ connect to a checked address ──▶ TLS for the name
 *          https only?     one for a process       │
 *          no user info                            └─▶ through a proxy: CONNECT with a checked address
 * </pre>
 *
 * <p>Refused is what is not an address of the public internet: private, loopback, link-local with the metadata services
 * of clouds, shared (CGNAT), multicast, documentation and reserved addresses, and IPv6 addresses with an IPv4 address
 * in them (IPv4-mapped, NAT64, 6to4, Teredo). A list of networks (CIDR) allows addresses again. An IPv6 address with an
 * IPv4 address in it needs both to be allowed.
 *
 * <p>With an egress proxy the client looks the name up itself, checks it, and asks the proxy for a tunnel to the
 * address, for {@code http} too. If only the proxy can look names up, a switch leaves that to the proxy, which then has
 * to guard itself.
 *
 * <h2>The answer</h2>
 *
 * <p>A target may answer whatever it likes, for as long as it likes. One deadline covers the look-up, the connect, the
 * request and the answer. The client reads at most {@code maxAnswer} bytes, keeps the first of them, and closes the
 * connection if there is more. It follows no redirect, keeps no cookie, answers no challenge, and decompresses nothing:
 * it does not offer a content coding, and takes a compressed answer as bytes.
 *
 * <h2>Threads</h2>
 *
 * <p>One {@link dev.sluice.bridge.outbound.OutboundClient} serves the process. A call in flight holds a socket and no
 * thread. One selector and a few threads move the bytes; look-ups, which block, have a few threads of their own, and a
 * name is looked up once at a time, so names whose servers do not answer hold up no others.
 */
@NullMarked
package dev.sluice.bridge.outbound;

import org.jspecify.annotations.NullMarked;
