package dev.sluice.bridge.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** How the driver reads answers of HTTP. */
class AnswerTest {
    private static final String CHUNKED =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + "5\r\nfirst\r\nB;x=y\r\n and second\r\n0\r\n\r\n";

    /** A channel that gives {@code step} bytes at a time, and none in between, as a socket that does not block. */
    private static ReadableByteChannel channel(String text, int step) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return new ReadableByteChannel() {
            private int at;
            private boolean pauses;

            @Override
            public int read(ByteBuffer room) {
                if (at == bytes.length) {
                    return -1;
                }
                pauses = !pauses;
                int count = pauses ? Math.min(step, Math.min(room.remaining(), bytes.length - at)) : 0;
                room.put(bytes, at, count);
                at += count;
                return count;
            }

            @Override
            public boolean isOpen() {
                return true;
            }

            @Override
            public void close() {}
        };
    }

    private static Answer read(String text, int step) throws IOException {
        var answer = new Answer();
        answer.clear();
        ReadableByteChannel channel = channel(text, step);
        while (!answer.read(channel)) {
            // The next call reads on.
        }
        return answer;
    }

    @Test
    void readsABodyOfAKnownLengthHoweverItArrives() throws IOException {
        String body = "äpfel".repeat(9000); // More than the first buffer.
        int length = body.getBytes(StandardCharsets.UTF_8).length;
        for (int step : new int[] {1, 7, 100_000}) {
            Answer answer = read("HTTP/1.1 201 Created\r\nX: y\r\nCONTENT-LENGTH: " + length + "\r\n\r\n" + body, step);
            assertThat(answer.status()).isEqualTo(201);
            assertThat(answer.isSuccess()).isTrue();
            assertThat(answer.text()).isEqualTo(body);
        }
    }

    @Test
    void joinsChunksHoweverTheyArrive() throws IOException {
        for (int step : new int[] {1, 3, 1000}) {
            assertThat(read(CHUNKED, step).text()).isEqualTo("first and second");
        }
    }

    @Test
    void anAnswerWithoutABodyIsComplete() throws IOException {
        Answer answer = read("HTTP/1.1 204 No Content\r\n\r\n", 1);
        assertThat(answer.status()).isEqualTo(204);
        assertThat(answer.text()).isEmpty();
    }

    @Test
    void forgetsTheAnswerBefore() throws IOException {
        var answer = new Answer();
        for (String body : new String[] {"a long body", "short"}) {
            answer.clear();
            String text = "HTTP/1.1 500 Oh\r\nContent-Length: " + body.length() + "\r\n\r\n" + body;
            assertThat(answer.read(
                            Channels.newChannel(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)))))
                    .isTrue();
            assertThat(answer.text()).isEqualTo(body);
            assertThat(answer.isSuccess()).isFalse();
        }
    }

    @Test
    void refusesWhatIsNoAnswerAndOneThatEndsEarly() {
        assertThatThrownBy(() -> read("SSH-2.0-OpenSSH\r\n\r\n", 100))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("not HTTP/1.1");
        assertThatThrownBy(() -> read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", 100))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("closed the connection");
    }
}
