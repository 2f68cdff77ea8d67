package dev.sluice.bridge.outbound;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.sluice.bridge.system.StartException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Certificates, and the way through a proxy. The names {@code *.example} are those of this machine here. */
class TlsAndProxyTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final char[] PASSWORD = "password".toCharArray();
    private static final OutboundSettings LOCAL = OutboundSettings.DEFAULT.allowed(List.of(Cidr.parse("127.0.0.1")));
    private static final HostLookup HERE = host -> List.of(InetAddress.getLoopbackAddress());

    @TempDir
    static Path directory;

    private static Path pem;
    private static HttpsServer server;

    private final List<AutoCloseable> open = new ArrayList<>();

    /** Makes a certificate for hook.example that signs itself, and a server that has it. */
    @BeforeAll
    static void serve() throws Exception {
        Path keys = directory.resolve("keys");
        Path keytool = Path.of(System.getProperty("java.home"), "bin", "keytool");
        Process made = new ProcessBuilder(
                        keytool.toString(),
                        "-J-XX:TieredStopAtLevel=1",
                        "-genkeypair",
                        "-alias",
                        "hook",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=hook.example",
                        "-ext",
                        "san=dns:hook.example",
                        "-validity",
                        "30",
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        keys.toString(),
                        "-storepass",
                        new String(PASSWORD))
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("keytool.log").toFile())
                .start();
        assertThat(made.waitFor(60, TimeUnit.SECONDS)).isTrue();
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream file = Files.newInputStream(keys)) {
            store.load(file, PASSWORD);
        }
        pem = directory.resolve("ca.pem");
        Files.writeString(
                pem,
                "-----BEGIN CERTIFICATE-----\n"
                        + Base64.getMimeEncoder()
                                .encodeToString(store.getCertificate("hook").getEncoded())
                        + "\n-----END CERTIFICATE-----\n");
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(store, PASSWORD);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(managers.getKeyManagers(), null, null);
        server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(tls));
        server.createContext("/", exchange -> {
            exchange.getRequestBody().readAllBytes();
            byte[] host = exchange.getRequestHeaders().getFirst("host").getBytes(UTF_8);
            exchange.sendResponseHeaders(200, host.length);
            exchange.getResponseBody().write(host);
            exchange.close();
        });
        server.start();
    }

    @AfterAll
    static void stop() {
        server.stop(0);
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open) {
            each.close();
        }
    }

    private static OutboundUrl url(String scheme, String host, int port) {
        return OutboundUrl.parse(scheme + "://" + host + ":" + port + "/");
    }

    private static OutboundUrl url(String host) {
        return url("https", host, server.getAddress().getPort());
    }

    private OutboundAnswer call(OutboundSettings settings, HostLookup lookup, OutboundUrl url) throws Exception {
        var client = new OutboundClient(settings, lookup);
        open.add(client);
        var call = new OutboundCall(url, Map.of("content-type", "application/json"), "{}".getBytes(UTF_8), PATIENCE);
        return client.call(call).get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    private CallFailure failure(OutboundSettings settings, HostLookup lookup, OutboundUrl url) throws Exception {
        try {
            throw new AssertionError("was answered: " + call(settings, lookup, url));
        } catch (ExecutionException e) {
            return (CallFailure) e.getCause();
        }
    }

    @Test
    void aCertificateThatNobodyTrustsEndsTheCall() throws Exception {
        CallFailure failure = failure(LOCAL, HERE, url("hook.example"));
        assertThat(failure.kind()).isEqualTo(CallFailure.Kind.TLS);
        assertThat(failure).hasMessageStartingWith("TLS with hook.example:").hasMessageContaining("PKIX");
    }

    /** The address is pinned, and the name of the URL is still what TLS sends and checks. */
    @Test
    void theNameOfTheUrlIsCheckedAgainstTheCertificate() throws Exception {
        OutboundSettings trusting = LOCAL.trusted(pem);
        OutboundAnswer answer = call(trusting, HERE, url("hook.example"));
        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.snippet())
                .isEqualTo("hook.example:" + server.getAddress().getPort());
        for (String other : List.of("other.example", "127.0.0.1")) {
            CallFailure failure = failure(trusting, HERE, url(other));
            assertThat(failure.kind()).as(other).isEqualTo(CallFailure.Kind.TLS);
            assertThat(failure).hasMessageContaining("No ");
        }
    }

    @Test
    void aFileWithoutCertificatesEndsTheStart() throws Exception {
        Path empty = Files.writeString(directory.resolve("empty.pem"), "");
        Path noise = Files.writeString(directory.resolve("noise.pem"), "noise");
        for (Path wrong : List.of(empty, noise, directory.resolve("missing.pem"))) {
            assertThatThrownBy(() -> new OutboundClient(LOCAL.trusted(wrong)))
                    .isInstanceOf(StartException.class)
                    .hasMessageStartingWith("outbound.ca.file=" + wrong);
        }
    }

    /** A proxy that knows CONNECT only, and keeps the requests that it gets. */
    private final class Proxy implements AutoCloseable {
        private final ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        private final List<String> requests = new CopyOnWriteArrayList<>();
        private final int target;
        private final String answer;

        Proxy(int target, String answer) throws IOException {
            this.target = target;
            this.answer = answer;
            open.add(this);
            run(() -> {
                while (true) {
                    Socket client = socket.accept();
                    run(() -> tunnel(client));
                }
            });
        }

        private void tunnel(Socket client) throws IOException {
            var head = new StringBuilder();
            while (head.indexOf("\r\n\r\n") < 0) {
                head.append((char) client.getInputStream().read());
            }
            requests.add(head.toString());
            FaultyTarget.write(client, answer);
            if (!answer.startsWith("HTTP/1.1 200")) {
                client.close();
                return;
            }
            var inner = new Socket(InetAddress.getLoopbackAddress(), target);
            run(() -> client.getInputStream().transferTo(inner.getOutputStream()));
            inner.getInputStream().transferTo(client.getOutputStream());
        }

        private interface Task {
            void run() throws IOException;
        }

        private static void run(Task task) {
            var thread = new Thread(
                    () -> {
                        try {
                            task.run();
                        } catch (IOException e) {
                            // The test has ended.
                        }
                    },
                    "test-proxy");
            thread.setDaemon(true);
            thread.start();
        }

        OutboundSettings settings(String user) {
            return LOCAL.trusted(pem).proxy(EgressProxy.parse("http://" + user + "127.0.0.1:" + socket.getLocalPort()));
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    private static final String OK = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";

    @Test
    void aProxyGetsTheAddressThatWasCheckedAndTlsChecksTheName() throws Exception {
        int port = server.getAddress().getPort();
        var proxy = new Proxy(port, OK);
        OutboundAnswer answer = call(proxy.settings("me:secret@"), HERE, url("hook.example"));
        assertThat(answer.snippet()).isEqualTo("hook.example:" + port);
        assertThat(proxy.requests)
                .containsExactly("CONNECT 127.0.0.1:" + port + " HTTP/1.1\r\nHost: 127.0.0.1:" + port
                        + "\r\nProxy-Authorization: Basic "
                        + Base64.getEncoder().encodeToString("me:secret".getBytes(UTF_8))
                        + "\r\n\r\n");
        assertThat(failure(proxy.settings(""), HERE, url("other.example")).kind())
                .isEqualTo(CallFailure.Kind.TLS);
    }

    @Test
    void aProxyTunnelsPlainHttpToo() throws Exception {
        var target = new FaultyTarget(FaultyTarget.answer(200, "plain"));
        open.add(target);
        var proxy = new Proxy(target.port(), OK);
        OutboundAnswer answer = call(proxy.settings(""), HERE, url("http", "hook.example", target.port()));
        assertThat(answer.snippet()).isEqualTo("plain");
        assertThat(proxy.requests).singleElement().asString().startsWith("CONNECT 127.0.0.1:");
        assertThat(target.requests()).singleElement().satisfies(request -> {
            assertThat(request.line()).isEqualTo("POST / HTTP/1.1");
            assertThat(request.headers()).containsEntry("host", "hook.example:" + target.port());
        });
    }

    @Test
    void whatTheGuardRefusesIsNotAskedOfTheProxy() throws Exception {
        var proxy = new Proxy(1, OK);
        HostLookup inner = host -> List.of(InetAddress.getByName(host.equals("127.0.0.1") ? host : "10.0.0.1"));
        CallFailure failure = failure(proxy.settings(""), inner, url("http", "inner.example", 80));
        assertThat(failure.kind()).isEqualTo(CallFailure.Kind.REFUSED);
        assertThat(proxy.requests).isEmpty();
    }

    @Test
    void aProxyThatResolvesGetsTheName() throws Exception {
        int port = server.getAddress().getPort();
        var proxy = new Proxy(port, OK);
        OutboundSettings settings = proxy.settings("");
        HostLookup onlyProxy = host -> {
            assertThat(host).isEqualTo("127.0.0.1");
            return HERE.lookUp(host);
        };
        OutboundAnswer answer = call(settings.proxy(settings.proxy().resolves(true)), onlyProxy, url("hook.example"));
        assertThat(answer.status()).isEqualTo(200);
        assertThat(proxy.requests).singleElement().asString().startsWith("CONNECT hook.example:" + port + " ");
    }

    @Test
    void aProxyThatRefusesOrAnswersNonsenseIsAProblemOfTheConnection() throws Exception {
        for (String answer :
                List.of("HTTP/1.1 403 Forbidden\r\n\r\n", "SSH-2.0\r\n\r\n", "HTTP/1.1 200 x\r\n" + "y".repeat(9000))) {
            CallFailure failure = failure(new Proxy(1, answer).settings(""), HERE, url("hook.example"));
            assertThat(failure.kind()).as(answer).isEqualTo(CallFailure.Kind.CONNECT);
            assertThat(failure).hasMessageContaining("the proxy 127.0.0.1:");
        }
    }

    @Test
    void aUrlOfAProxyIsCheckedWithoutShowingItsPassword() {
        for (String wrong : List.of("proxy:3128", "https://proxy:1", "http://proxy", "http://me:hunter2@proxy")) {
            assertThatThrownBy(() -> EgressProxy.parse(wrong))
                    .hasMessageStartingWith("must be http://HOST:PORT")
                    .satisfies(e -> assertThat(e.getMessage()).doesNotContain("hunter2"));
        }
        assertThat(EgressProxy.parse("http://me:hunter2@proxy:3128").toString()).isEqualTo("http://proxy:3128");
    }
}
