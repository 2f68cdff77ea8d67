package dev.sluice.bridge.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The bridge that is measured: one that runs already, or one that the benchmark starts. Knows how to see what it costs.
 * Owned by one thread.
 */
final class Target implements AutoCloseable {
    private static final int HTTP_PORT = 80;

    private final InetSocketAddress address;
    private final @Nullable OwnBridge own;
    private final BenchOptions options;
    private final List<String> queues = new ArrayList<>();
    private @Nullable BenchDatabase database;
    private @Nullable JvmView jvm;
    private @Nullable Observer observer;

    private Target(InetSocketAddress address, @Nullable OwnBridge own, BenchOptions options) {
        this.address = address;
        this.own = own;
        this.options = options;
    }

    static Target running(URI url, BenchOptions options) {
        int port = url.getPort() < 0 ? HTTP_PORT : url.getPort();
        return new Target(new InetSocketAddress(url.getHost(), port), null, options);
    }

    static Target own(OwnBridge bridge, BenchOptions options) {
        return new Target(bridge.address(), bridge, options);
    }

    InetSocketAddress address() {
        return address;
    }

    /** Returns the value of the header {@code Host}. */
    String host() {
        return address.getHostString() + ":" + address.getPort();
    }

    Optional<OwnBridge> own() {
        return Optional.ofNullable(own);
    }

    Optional<BenchDatabase> database() {
        return Optional.ofNullable(database);
    }

    /** Begins to see the processes as they are now. Call it after each start. */
    Observer observe() throws IOException, SQLException {
        unobserve();
        long pid = own == null ? options.pid() : own.pid();
        long postgres = own == null ? options.postgresPid() : own.postgresPid();
        String url = own == null ? options.database() : own.databaseUrl().orElse(null);
        if (url != null) {
            database = BenchDatabase.open(url);
        }
        if (own != null) {
            jvm = JvmView.attach(pid);
            jvm.recordIn(options.stages() ? own.directory() : null);
        }
        var sees = new Observer(new Observer.Sight(address, host(), pid, postgres, database, jvm, disk(pid)));
        observer = sees;
        return sees;
    }

    /** Returns a directory on the disk of the bridge and its database; null if they are not on this machine. */
    private @Nullable Path disk(long pid) {
        Path directory = own == null ? options.directory() : own.directory();
        return pid > 0 ? directory : null;
    }

    /** Returns the observer of the last call of {@link #observe}. */
    Observer observer() {
        if (observer == null) {
            throw new IllegalStateException("the bridge is not observed yet");
        }
        return observer;
    }

    /** Closes what {@link #observe} opened. */
    void unobserve() throws IOException, SQLException {
        if (jvm != null) {
            jvm.close();
            jvm = null;
        }
        if (database != null) {
            database.close();
            database = null;
        }
        observer = null;
    }

    /** Returns the name of a queue that nothing else uses. */
    String queue(String run, String path) {
        String queue = "bench-" + run + "-" + path.replaceAll("[^a-z0-9-]", "-");
        queues.add(queue);
        return queue;
    }

    /** Deletes the queues of the benchmark from a bridge that goes on running. */
    private void deleteQueues() throws IOException {
        try (var call = new HttpCall(address)) {
            for (String queue : queues) {
                call.send(ByteBuffer.wrap(
                        ("DELETE /api/v1/resources/queues/" + queue + " HTTP/1.1\r\nHost: " + host() + "\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII)));
            }
        }
    }

    @Override
    public void close() throws IOException, SQLException {
        try {
            unobserve();
            if (own == null) {
                deleteQueues();
            }
        } finally {
            if (own != null) {
                own.close();
            }
        }
    }
}
