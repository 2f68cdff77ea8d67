package dev.sluice.bridge.outbound;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.Origin;
import org.eclipse.jetty.client.ProxyConfiguration;
import org.eclipse.jetty.io.ClientConnectionFactory;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;

/**
 * The egress proxy, for the client. Each connection is a tunnel, for {@code http} too: in a request to a proxy without
 * a tunnel, the proxy would look the name up once more.
 */
final class TunnelProxy extends ProxyConfiguration.Proxy {
    private final EgressProxy proxy;
    private final GuardedResolver resolver;

    TunnelProxy(EgressProxy proxy, GuardedResolver resolver) {
        super(new Origin("http", new Origin.Address(proxy.host(), proxy.port())), null);
        this.proxy = proxy;
        this.resolver = resolver;
    }

    @Override
    public ClientConnectionFactory newClientConnectionFactory(ClientConnectionFactory inTunnel) {
        return (endPoint, context) -> open(endPoint, context, inTunnel);
    }

    private Connection open(EndPoint endPoint, Map<String, Object> context, ClientConnectionFactory inTunnel) {
        var destination = (Destination) context.get(Destination.CONTEXT_KEY);
        Executor executor = destination.getHttpClient().getExecutor();
        Origin.Address target = destination.getOrigin().getAddress();
        CompletableFuture<String> address = proxy.resolves()
                ? CompletableFuture.completedFuture(target.getHost())
                : resolver.checked(target.getHost())
                        .thenApply(addresses -> addresses.get(0).getHostAddress());
        return new TunnelConnection(
                endPoint,
                executor,
                address.thenApply(host -> request(host, target.getPort())),
                new TunnelConnection.Inside(destination, context, inTunnel));
    }

    private String request(String host, int port) {
        String target = (host.indexOf(':') >= 0 && host.charAt(0) != '[' ? "[" + host + "]" : host) + ":" + port;
        String authorization =
                proxy.authorization() == null ? "" : "Proxy-Authorization: " + proxy.authorization() + "\r\n";
        return "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n" + authorization + "\r\n";
    }
}
