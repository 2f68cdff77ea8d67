package dev.sluice.bridge.outbound;

import dev.sluice.bridge.system.Threads;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.SocketAddressResolver;

/**
 * Looks names up for the connector, and hands it only addresses that the guard lets pass. A name is looked up once at a
 * time: calls that need it meanwhile share the result.
 */
final class GuardedResolver implements SocketAddressResolver, AutoCloseable {
    /** Names whose servers do not answer each hold a thread. */
    private static final int THREADS = 16;

    private static final int IDLE_SECONDS = 10;

    private final AddressGuard guard;
    private final HostLookup lookup;
    private final ThreadPoolExecutor threads;
    private final Map<String, CompletableFuture<List<InetAddress>>> running = new ConcurrentHashMap<>();

    GuardedResolver(AddressGuard guard, HostLookup lookup) {
        this.guard = guard;
        this.lookup = lookup;
        threads = new ThreadPoolExecutor(
                THREADS,
                THREADS,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Threads.numbered("sluice-outbound-lookup"));
        threads.allowCoreThreadTimeOut(true);
    }

    /** Looks up what a connection goes to: the target, after the check, or the proxy, which the operator has named. */
    @Override
    public void resolve(String host, int port, Map<String, Object> context, Promise<List<InetSocketAddress>> promise) {
        boolean isProxy = context.get(Destination.CONTEXT_KEY) instanceof Destination destination
                && destination.getProxy() != null;
        var ignored = (isProxy ? lookUp(host) : checked(host)).whenComplete((addresses, problem) -> {
            if (problem == null) {
                promise.succeeded(addresses.stream()
                        .map(address -> new InetSocketAddress(address, port))
                        .toList());
            } else {
                promise.failed(CallFailure.cause(problem));
            }
        });
    }

    /** Looks a name up. The result has only addresses that may be connected to, and fails if there is none. */
    CompletableFuture<List<InetAddress>> checked(String host) {
        return lookUp(host).thenCompose(addresses -> {
            var passed = new ArrayList<InetAddress>();
            var refused = new ArrayList<String>();
            for (InetAddress address : addresses) {
                String problem = guard.problem(address);
                if (problem == null) {
                    passed.add(address);
                } else {
                    refused.add(address.getHostAddress() + " is " + problem);
                }
            }
            return passed.isEmpty()
                    ? CompletableFuture.failedFuture(new RefusedAddressException(
                            host + " has no address that may be called: " + String.join(", ", refused)))
                    : CompletableFuture.completedFuture(passed);
        });
    }

    private CompletableFuture<List<InetAddress>> lookUp(String host) {
        var mine = new CompletableFuture<List<InetAddress>>();
        CompletableFuture<List<InetAddress>> other = running.putIfAbsent(host, mine);
        if (other != null) {
            return other;
        }
        Executor executor = isLiteral(host) ? Runnable::run : threads;
        try {
            executor.execute(() -> complete(host, mine));
        } catch (RejectedExecutionException e) {
            running.remove(host, mine);
            mine.completeExceptionally(e);
        }
        return mine;
    }

    private void complete(String host, CompletableFuture<List<InetAddress>> result) {
        try {
            var named = new ArrayList<InetAddress>();
            String name = isLiteral(host) ? host.replaceAll("[\\[\\]]", "") : host;
            for (InetAddress address : lookup.lookUp(host)) {
                // TLS takes the name from the address.
                named.add(InetAddress.getByAddress(name, address.getAddress()));
            }
            if (named.isEmpty()) {
                throw new UnknownHostException(host);
            }
            running.remove(host, result);
            result.complete(named);
        } catch (UnknownHostException | RuntimeException e) {
            running.remove(host, result);
            result.completeExceptionally(e);
        }
    }

    /** Returns whether a host is an address, for which no server is asked. */
    private static boolean isLiteral(String host) {
        return host.indexOf(':') >= 0 || host.matches("\\d{1,3}(?:\\.\\d{1,3}){3}");
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
