package dev.sluice.bridge.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/** The process of {@link BarePost}. */
final class BarePostServer implements AutoCloseable {
    private final Process process;
    private final InetSocketAddress address;

    private BarePostServer(Process process, InetSocketAddress address) {
        this.process = process;
        this.address = address;
    }

    /** Starts the process and waits until it listens. */
    static BarePostServer start(String answer) throws IOException {
        var command = OwnBridge.Program.java(BarePost.class.getName());
        command.add(answer);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        var lines = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        String port = lines.readLine();
        if (port == null) {
            process.destroyForcibly();
            throw new IOException("the server of the bare POST did not start");
        }
        return new BarePostServer(
                process, new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(port.strip())));
    }

    InetSocketAddress address() {
        return address;
    }

    long pid() {
        return process.pid();
    }

    @Override
    public void close() {
        process.destroyForcibly(); // It has nothing to finish.
    }
}
