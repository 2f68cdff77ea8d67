package dev.sluice.connect.worker;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Keys and a password for a listener with TLS. {@code keytool} makes new keys for each test. */
public final class BrokerTls {
    private static final String STORE_PASSWORD = "of-the-store";
    private static final String USER = "bridge";
    private static final String USER_PASSWORD = "of-the-user";
    private static final String LISTENER = "listener.name.sasl_ssl.";
    private static final String LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required ";

    private final Path keys;
    private final Path trusted;

    private BrokerTls(Path keys, Path trusted) {
        this.keys = keys;
        this.trusted = trusted;
    }

    /** Makes a key for 127.0.0.1, and a trust store that contains only this key. */
    public static BrokerTls make(Path directory, String name) throws IOException, InterruptedException {
        Path keys = directory.resolve(name + "-keys.p12");
        Process keytool = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-J-XX:TieredStopAtLevel=1",
                        "-genkeypair",
                        "-alias",
                        name,
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=" + name,
                        "-ext",
                        "san=ip:127.0.0.1",
                        "-validity",
                        "2",
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        keys.toString(),
                        "-storepass",
                        STORE_PASSWORD))
                .redirectErrorStream(true)
                .start();
        String output = new String(keytool.getInputStream().readAllBytes(), UTF_8);
        if (!keytool.waitFor(60, TimeUnit.SECONDS) || keytool.exitValue() != 0) {
            throw new IOException("keytool has failed: " + output);
        }
        return new BrokerTls(keys, trusting(keys, name, directory.resolve(name + "-trusted.p12")));
    }

    private static Path trusting(Path keys, String alias, Path trusted) throws IOException {
        try {
            KeyStore from = KeyStore.getInstance("PKCS12");
            try (InputStream in = Files.newInputStream(keys)) {
                from.load(in, STORE_PASSWORD.toCharArray());
            }
            Certificate certificate = from.getCertificate(alias);
            KeyStore to = KeyStore.getInstance("PKCS12");
            to.load(null, null);
            to.setCertificateEntry(alias, certificate);
            try (OutputStream out = Files.newOutputStream(trusted)) {
                to.store(out, STORE_PASSWORD.toCharArray());
            }
            return trusted;
        } catch (GeneralSecurityException e) {
            throw new IOException(e);
        }
    }

    /** Returns the settings of a broker that listens with these keys and knows one user. */
    Map<String, String> broker() {
        return Map.of(
                LISTENER + "ssl.keystore.location",
                keys.toString(),
                LISTENER + "ssl.keystore.type",
                "PKCS12",
                LISTENER + "ssl.keystore.password",
                STORE_PASSWORD,
                LISTENER + "sasl.enabled.mechanisms",
                "PLAIN",
                LISTENER + "plain.sasl.jaas.config",
                LOGIN + "user_" + USER + "=\"" + USER_PASSWORD + "\";");
    }

    /** Returns the settings of a client that trusts these keys and has the right password. */
    public Map<String, String> client() {
        return client(USER_PASSWORD);
    }

    /** Returns the settings of a client that trusts these keys and has another password. */
    public Map<String, String> client(String password) {
        return Map.of(
                "security.protocol",
                "SASL_SSL",
                "ssl.truststore.location",
                trusted.toString(),
                "ssl.truststore.type",
                "PKCS12",
                "ssl.truststore.password",
                STORE_PASSWORD,
                "sasl.mechanism",
                "PLAIN",
                "sasl.jaas.config",
                LOGIN + "username=\"" + USER + "\" password=\"" + password + "\";");
    }
}
