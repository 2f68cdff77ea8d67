package dev.sluice.bridge.outbound;

import dev.sluice.bridge.system.FileProblem;
import dev.sluice.bridge.system.StartException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Collection;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** The certificates of authorities that calls trust. */
final class Trust {
    private Trust() {}

    /**
     * Returns the authorities of the Java runtime, and those of a file.
     *
     * @throws StartException if the file has no certificates
     */
    static KeyStore with(Path pem) throws StartException {
        try (InputStream file = Files.newInputStream(pem)) {
            KeyStore all = KeyStore.getInstance(KeyStore.getDefaultType());
            all.load(null, null);
            Collection<? extends Certificate> more =
                    CertificateFactory.getInstance("X.509").generateCertificates(file);
            if (more.isEmpty()) {
                throw new StartException("outbound.ca.file=" + pem + " has no certificate (PEM)");
            }
            int number = 0;
            for (Certificate each : more) {
                all.setCertificateEntry("file-" + number++, each);
            }
            TrustManagerFactory usual = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            usual.init((KeyStore) null);
            for (TrustManager manager : usual.getTrustManagers()) {
                if (manager instanceof X509TrustManager authorities) {
                    for (X509Certificate each : authorities.getAcceptedIssuers()) {
                        all.setCertificateEntry("java-" + number++, each);
                    }
                }
            }
            return all;
        } catch (IOException e) {
            throw new StartException("outbound.ca.file=" + pem + " cannot be read: " + FileProblem.of(e), e);
        } catch (GeneralSecurityException e) {
            throw new StartException("outbound.ca.file=" + pem + " has no certificates (PEM): " + e.getMessage(), e);
        }
    }
}
