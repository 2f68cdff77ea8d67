package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * A request that is not valid HTTP gets an error that names its cause, whatever its method, and ends its connection.
 */
class MalformedRequestsTest extends HttpServiceFixture {
    private static final String HOST = "Host: localhost\r\n";
    private static final String BAD_HOST =
            "Host must be one host name or address, with a port of 0 to 65535 behind it or without one";
    private static final String VERSION = "The request line must end with HTTP/1.1 or HTTP/1.0";
    private static final String ILLEGAL = "The request line or a header has a character that is not allowed there: ";
    private static final String LINE_END = "A line of the request must end with CR LF";
    private static final String LF = LINE_END + ", not with LF alone";
    private static final String UNDECODABLE = "The address is not percent-encoded correctly";
    private static final String NOT_UTF8 = "The path is not percent-encoded UTF-8";

    private final List<String> wrong = new ArrayList<>();

    /** Sends a request, and remembers it if its answer is another one. */
    private void refused(int status, String error, String request) throws IOException {
        String answer = raw(request);
        boolean right = answer.startsWith("HTTP/1.1 " + status + " ")
                && answer.contains("\r\nConnection: close\r\n")
                && answer.endsWith("\r\n\r\n{\"error\":\"" + error.replace("\"", "\\\"") + "\"}");
        if (!right) {
            wrong.add(request + "\n  expected: " + status + " " + error + "\n  answered: " + answer);
        }
    }

    private static String get(String address, String headers) {
        return "GET " + address + " HTTP/1.1\r\n" + headers + "\r\n";
    }

    private static String post(String headers, String body) {
        return "POST /api/v1/ack HTTP/1.1\r\n" + HOST + headers + "\r\n" + body;
    }

    @Test
    void aLengthOfABodyThatIsNoneIsNamed() throws IOException {
        for (String length : List.of("abc", "-1", "+2", "", "2, 2", "0x2", "2.0")) {
            refused(
                    400,
                    "Content-Length must be one number of bytes, in digits",
                    post("Content-Length: " + length + "\r\n", "{}"));
        }
        refused(
                400,
                "Content-Length is larger than any body",
                post("Content-Length: " + "9".repeat(40) + "\r\n", "{}"));
        for (String second : List.of("2", "3")) {
            refused(
                    400,
                    "Content-Length must occur once",
                    post("Content-Length: 2\r\nContent-Length: " + second + "\r\n", "{}"));
        }
        refused(
                400,
                "A request must not have both Content-Length and Transfer-Encoding",
                post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"));
        assertThat(wrong).isEmpty();
    }

    @Test
    void aHostThatIsNoneIsNamed() throws IOException {
        for (String host : List.of(
                "a b",
                "localhost:abc",
                "localhost:99999",
                "localhost:-1",
                "localhost:",
                ":80",
                "[::1",
                "u@localhost",
                "localhost, localhost",
                "localhost/x",
                "l\u00e9o")) {
            refused(400, BAD_HOST, get("/live", "Host: " + host + "\r\n"));
        }
        refused(400, "Host must not be empty", get("/live", "Host:\r\n"));
        refused(400, "A request of HTTP/1.1 must have a Host", get("/live", "Accept: */*\r\n"));
        refused(400, "Host must occur once", get("/live", HOST + HOST));
        assertThat(wrong).isEmpty();
    }

    @Test
    void aRequestLineThatIsNoneIsNamed() throws IOException {
        for (String line : List.of(
                "GET /live",
                "/live HTTP/1.1",
                "GET /live HTTP/2.0",
                "GET /live HTTP/1.2",
                "GET /live HTTP/1.15",
                "GET /live HTTP/0.9",
                "GET /live FTP/1.1")) {
            int status = line.endsWith("2.0") ? 426 : 505;
            refused(status, VERSION, line + "\r\n" + HOST + "\r\n");
        }
        refused(426, VERSION, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        refused(400, "The request line has no address", "GET\r\n\r\n");
        refused(400, ILLEGAL + "VCHAR='@'", "G@T /live HTTP/1.1\r\n" + HOST + "\r\n");
        refused(400, ILLEGAL + "CNTL=0x0", "G\0T /live HTTP/1.1\r\n" + HOST + "\r\n");
        refused(400, ILLEGAL + "CNTL=0x16", "\u0016\u0003\u0001\r\n\r\n");
        refused(400, ILLEGAL + "SPACE=' '", "GET /live HTTP/1.1 \r\n" + HOST + "\r\n");
        assertThat(wrong).isEmpty();
    }

    @Test
    void anAddressThatIsNoneIsNamed() throws IOException {
        for (String path : List.of("/%zz", "/%", "/%2", "/a%2/b", "/%2x")) {
            refused(400, UNDECODABLE, get(path, HOST));
        }
        for (String path : List.of("/%FF", "/%C0%AF", "/%ED%A0%80", "/%E2%82", "/%F5%80%80%80")) {
            refused(400, NOT_UTF8, get("/api/v1/pop/queue" + path, HOST));
        }
        for (String character : List.of("\u00e9", "\\", "\"", "<", "^", "`", "{", "|")) {
            refused(400, "The path has a character that must be percent-encoded", get("/a" + character, HOST));
        }
        refused(400, "The path must not have the escape of a control character", get("/a%00", HOST));
        refused(400, "The path must not have an escape %u; escapes are those of UTF-8", get("/%u0061", HOST));
        refused(400, "The path leads above its root with the segment ..", get("/../live", HOST));
        refused(400, "The address must not have a fragment; a # in a name is %23", get("/live#a", HOST));
        refused(400, "The address must be a path or a URL of http", get("*", HOST));
        refused(400, "The address must be a path that starts with /, or a URL of http", get("live", HOST));
        refused(400, "The address must not have a user in front of the host", get("http://u@localhost/live", HOST));
        refused(400, ILLEGAL + "HTAB=0x9", get("/a\tb", HOST));
        refused(400, ILLEGAL + "CNTL=0x0", get("/live?a\0b", HOST));
        assertThat(wrong).isEmpty();
    }

    @Test
    void aHeaderThatIsNoneIsNamed() throws IOException {
        String start = "A header line must start with the name of the header";
        refused(400, start, get("/live", HOST + ": x\r\n"));
        refused(400, start, get("/live", HOST + "X: a\r\n b\r\n"));
        refused(400, start, get("/live", " " + HOST));
        refused(400, ILLEGAL + "SPACE=' '", get("/live", HOST + "Two Words: x\r\n"));
        refused(400, ILLEGAL + "SPACE=' '", get("/live", HOST + "Name : x\r\n"));
        refused(400, "A header must have a colon", get("/live", HOST + "NoColon\r\n"));
        refused(400, ILLEGAL + "CNTL=0x0", get("/live", HOST + "X: a\0b\r\n"));
        refused(400, ILLEGAL + "CNTL=0x0", get("/live", HOST + "X\0: a\r\n"));
        refused(400, ILLEGAL + "OTEXT=0xe9", get("/live", HOST + "X\u00e9: a\r\n"));
        refused(400, LINE_END, get("/live", HOST + "X: a\rb\r\n"));
        refused(417, "Expect must be 100-continue", get("/live", HOST + "Expect: a-miracle\r\n"));
        assertThat(wrong).isEmpty();
    }

    @Test
    void aBodyThatIsCutOffOrMalformedIsNamed() throws IOException {
        String chunked = "Transfer-Encoding: chunked\r\n";
        for (String chunks : List.of(
                "zz\r\n{}\r\n0\r\n\r\n",
                "-2\r\n{}\r\n0\r\n\r\n",
                "9".repeat(40) + "\r\n{}\r\n0\r\n\r\n",
                "2\r\n{}x\r\n0\r\n\r\n",
                "2\n{}\n0\n\n",
                "\r\n{}\r\n0\r\n\r\n",
                "2\r\n{}\r\n0\r\nX y\r\n\r\n",
                "2\r\n{}\r\n0\r\nX: " + "y".repeat(HEADER_LIMIT) + "\r\n\r\n")) {
            refused(
                    400,
                    "The chunks of the request body are not valid, or the last one is missing",
                    post(chunked + "Connection: close\r\n", chunks));
        }
        try (Socket socket = connect()) {
            send(socket, post("Content-Length: 3\r\nConnection: close\r\n", "{}"));
            socket.shutdownOutput();
            assertThat(new String(socket.getInputStream().readAllBytes(), UTF_8))
                    .startsWith("HTTP/1.1 400 ")
                    .endsWith("{\"error\":\"The request body ends before its Content-Length\"}");
        }
        assertThat(wrong).isEmpty();
    }

    /** A proxy in front may take the line for a part of the one before it. */
    @Test
    void aLineThatEndsWithALineFeedAloneIsRefused() throws IOException {
        String close = "Connection: close\r\n";
        for (String request : List.of(
                "GET /live HTTP/1.1\n" + HOST + close + "\r\n",
                "GET /live HTTP/1.1\r\nHost: localhost\n" + close + "\r\n",
                "GET /live HTTP/1.1\r\n" + HOST + "Connection: close\n\r\n",
                "GET /live HTTP/1.1\r\n" + HOST + close + "\n",
                "GET /live HTTP/1.1\nHost: localhost\n\n")) {
            refused(400, LF, request);
        }
        assertThat(wrong).isEmpty();
        assertThat(raw("\r\n" + get("/live", HOST + close))).startsWith("HTTP/1.1 200 ");
    }

    @Test
    void aTransferCodingOtherThanChunkedIsNamed() throws IOException {
        String chunks = "2\r\n{}\r\n0\r\n\r\n";
        for (String coding :
                List.of("gzip, chunked", "x-custom, chunked", "deflate,gzip,chunked", "identity, chunked")) {
            String error =
                    "Transfer-Encoding must be chunked, was " + coding + "; a compressed body has a Content-Encoding";
            refused(501, error, post("Transfer-Encoding: " + coding + "\r\n", chunks));
            String[] two = coding.split(", ?chunked", -1);
            refused(
                    501,
                    error.replace(coding, two[0] + ", chunked"),
                    post("Transfer-Encoding: " + two[0] + "\r\nTransfer-Encoding: chunked\r\n", chunks));
        }
        for (String coding :
                List.of("gzip", "chunked, gzip", "chunked, chunked", "identity", "xchunked", "chunked;q=1", "")) {
            refused(
                    400,
                    "Transfer-Encoding must be chunked, once",
                    post("Transfer-Encoding: " + coding + "\r\n", chunks));
        }
        refused(
                400,
                "Transfer-Encoding must be chunked, once",
                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks));
        refused(
                400,
                "A request of HTTP/1.0 must have a Content-Length instead of a Transfer-Encoding",
                post("Transfer-Encoding: chunked\r\n", chunks).replace("HTTP/1.1", "HTTP/1.0"));
        assertThat(wrong).isEmpty();
        for (String coding : List.of("chunked", "Chunked", "CHUNKED")) {
            assertThat(raw(post("Connection: close\r\nTransfer-Encoding: " + coding + "\r\n", chunks)))
                    .endsWith("{\"error\":\"transactionId is required\"}");
        }
    }

    @Test
    void theErrorComesForEveryMethod() throws IOException {
        for (String method : List.of("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")) {
            refused(400, BAD_HOST, method + " /live HTTP/1.1\r\nHost: a b\r\n\r\n");
            refused(400, NOT_UTF8, method + " /%FF HTTP/1.1\r\n" + HOST + "\r\n");
        }
        assertThat(raw("HEAD /%FF HTTP/1.1\r\n" + HOST + "\r\n"))
                .startsWith("HTTP/1.1 400 ")
                .endsWith("\r\n\r\n");
        assertThat(wrong).isEmpty();
    }

    @Test
    void aRequestLineWithItsHeadersMayHaveTheLimit() throws IOException {
        String limit = "http.max.header.bytes (" + HEADER_LIMIT + " bytes)";
        String close = "Connection: close\r\n";
        int rest = get("/live?", HOST + "X: \r\n" + close).length();
        for (int over : new int[] {0, 1, 20_000}) {
            String filler = "x".repeat(HEADER_LIMIT - rest + over);
            String headers = get("/live?", HOST + "X: " + filler + "\r\n" + close);
            if (over == 0) {
                assertThat(raw(headers)).startsWith("HTTP/1.1 200 ");
            } else {
                refused(431, "The request line and the headers are larger than " + limit, headers);
            }
        }
        refused(414, "The address is longer than " + limit, get("/" + "x".repeat(HEADER_LIMIT), HOST));
        refused(414, "The address is longer than " + limit, get("/live?" + "x".repeat(HEADER_LIMIT), HOST));
        assertThat(wrong).isEmpty();
    }
}
