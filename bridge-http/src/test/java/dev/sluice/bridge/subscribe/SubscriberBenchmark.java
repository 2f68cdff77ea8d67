package dev.sluice.bridge.subscribe;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Prints how long messages take to many subscribers of one queue, and what the heap holds. One of them does not read.
 * Arguments: subscribers, messages, bytes of a payload.
 */
public final class SubscriberBenchmark {
    private static final byte[] MARK = "event: message".getBytes(US_ASCII);
    private static final int STEPS = 5;

    private SubscriberBenchmark() {}

    /** A client that counts messages. */
    private static final class Reader {
        private int matched;
        private int messages;

        void read(ByteBuffer bytes) {
            while (bytes.hasRemaining()) {
                byte next = bytes.get();
                matched = next == MARK[matched] ? matched + 1 : next == MARK[0] ? 1 : 0;
                if (matched == MARK.length) {
                    messages++;
                    matched = 0;
                }
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        int count = Integer.parseInt(arguments[0]);
        int messages = Integer.parseInt(arguments[1]);
        String payload = "\"" + "x".repeat(Integer.parseInt(arguments[2])) + "\"";
        try (var postgres = TestPostgres.empty();
                var bridge = RunningBridge.start(
                        postgres.url(),
                        Files.createTempDirectory("subscribers"),
                        Map.of("subscribe.buffer.bytes", "262144"));
                Selector selector = Selector.open()) {
            bridge.push(body(payload));
            var stuck = connect(bridge.port());
            for (int i = 0; i < count; i++) {
                SocketChannel channel = connect(bridge.port());
                channel.configureBlocking(false);
                channel.register(selector, SelectionKey.OP_READ, new Reader());
            }
            while (metric(bridge, "sluice_subscribers ") < count + 1) {
                Thread.onSpinWait();
            }
            readUntil(selector, 0, 0);
            System.out.printf("%d subscribers and one that does not read, heap %d MiB%n", count, heap());
            long reads = metric(bridge, "sluice_subscribers_reads_total ");
            for (int step = 1; step <= STEPS; step++) {
                var times = new ArrayList<Long>();
                for (int i = 0; i < messages / STEPS; i++) {
                    int each = (step - 1) * (messages / STEPS) + i + 1;
                    long began = System.nanoTime();
                    bridge.push(body(payload));
                    times.addAll(readUntil(selector, each, began));
                }
                long[] sorted =
                        times.stream().mapToLong(Long::longValue).sorted().toArray();
                System.out.printf(
                        "%d messages to each: p50 %.1f ms, p99 %.1f ms, most %.1f ms; heap %d MiB, waiting %d KiB%n",
                        step * (messages / STEPS),
                        sorted[sorted.length / 2] / 1e6,
                        sorted[sorted.length * 99 / 100] / 1e6,
                        sorted[sorted.length - 1] / 1e6,
                        heap(),
                        metric(bridge, "sluice_subscribers_waiting_bytes ") >> 10);
            }
            System.out.printf(
                    "reads %d, dropped as slow %d%n",
                    metric(bridge, "sluice_subscribers_reads_total ") - reads,
                    metric(bridge, "sluice_subscribers_dropped_total{reason=\"slow\"} "));
            stuck.close();
        }
    }

    private static String body(String payload) {
        return "{\"items\":[{\"queue\":\"q\",\"payload\":" + payload + "}]}";
    }

    private static SocketChannel connect(int port) throws IOException {
        SocketChannel channel = SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        channel.write(ByteBuffer.wrap(
                "GET /api/v1/subscribe/q HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
                        .getBytes(US_ASCII)));
        return channel;
    }

    /** Reads until every client has got so many messages; returns when each of them had, since a time. */
    private static List<Long> readUntil(Selector selector, int messages, long began) throws IOException {
        var times = new ArrayList<Long>();
        var bytes = ByteBuffer.allocate(64 << 10);
        int missing = selector.keys().size();
        if (messages == 0) {
            return times;
        }
        for (SelectionKey key : selector.keys()) {
            missing -= ((Reader) key.attachment()).messages >= messages ? 1 : 0;
        }
        while (missing > 0) {
            selector.select();
            for (SelectionKey key : selector.selectedKeys()) {
                Reader reader = (Reader) key.attachment();
                boolean had = reader.messages >= messages;
                bytes.clear();
                if (((SocketChannel) key.channel()).read(bytes) < 0) {
                    throw new IOException("a subscriber was dropped");
                }
                reader.read(bytes.flip());
                if (!had && reader.messages >= messages) {
                    missing--;
                    times.add(System.nanoTime() - began);
                }
            }
            selector.selectedKeys().clear();
        }
        return times;
    }

    private static long heap() {
        System.gc();
        return (Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory()) >> 20;
    }

    private static long metric(RunningBridge bridge, String name) {
        return Arrays.stream(bridge.get("/metrics/prometheus").body().split("\n", -1))
                .filter(line -> line.startsWith(name))
                .mapToLong(line -> (long) Double.parseDouble(line.substring(name.length())))
                .sum();
    }
}
