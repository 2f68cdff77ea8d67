package dev.sluice.bridge.security;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.CountDownLatch;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/** Makes tokens and keys as an issuer does, valid and invalid. */
public final class TestTokens {
    /** A secret of HS256. */
    public static final String SECRET = "a secret of at least thirty-two bytes";

    private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();
    private static final ObjectMapper JSON = new ObjectMapper();

    private TestTokens() {}

    /** Begins the claims of a token. */
    public static ObjectNode claims() {
        return JSON.createObjectNode();
    }

    static ObjectNode header(String algorithm) {
        return JSON.createObjectNode().put("alg", algorithm).put("typ", "JWT");
    }

    /** Returns a token signed with HS256. */
    public static String hs256(ObjectNode claims, String secret) {
        return hs256(header("HS256"), claims, secret.getBytes(UTF_8));
    }

    static String hs256(ObjectNode header, ObjectNode claims, byte[] secret) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            String signed = unsigned(header, claims);
            return signed + "." + BASE64.encodeToString(mac.doFinal(signed.getBytes(UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static String signed(ObjectNode header, ObjectNode claims, String javaAlgorithm, PrivateKey key) {
        try {
            Signature signature = Signature.getInstance(javaAlgorithm);
            signature.initSign(key);
            String signed = unsigned(header, claims);
            signature.update(signed.getBytes(UTF_8));
            return signed + "." + BASE64.encodeToString(signature.sign());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static String unsigned(ObjectNode header, ObjectNode claims) {
        return encode(header.toString()) + "." + encode(claims.toString());
    }

    static String encode(String text) {
        return BASE64.encodeToString(text.getBytes(UTF_8));
    }

    static KeyPair rsa(int bits) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
            generator.initialize(bits);
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static KeyPair ed25519() {
        try {
            return KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static String pem(PublicKey key) {
        return "-----BEGIN PUBLIC KEY-----\n"
                + Base64.getMimeEncoder().encodeToString(key.getEncoded())
                + "\n-----END PUBLIC KEY-----\n";
    }

    static ObjectNode jwk(String id, PublicKey key) {
        ObjectNode jwk = JSON.createObjectNode().put("kid", id).put("use", "sig");
        if (key instanceof RSAPublicKey rsa) {
            return jwk.put("kty", "RSA")
                    .put("n", unsigned(rsa.getModulus()))
                    .put("e", unsigned(rsa.getPublicExponent()));
        }
        byte[] encoded = key.getEncoded();
        return jwk.put("kty", "OKP")
                .put("crv", "Ed25519")
                .put("x", BASE64.encodeToString(Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length)));
    }

    private static String unsigned(BigInteger number) {
        byte[] bytes = number.toByteArray();
        return BASE64.encodeToString(bytes[0] == 0 ? Arrays.copyOfRange(bytes, 1, bytes.length) : bytes);
    }

    static String jwks(ObjectNode... keys) {
        var set = JSON.createObjectNode();
        set.putArray("keys").addAll(Arrays.asList(keys));
        return set.toString();
    }

    /** An issuer with an Ed25519 key, which it may publish. */
    public static final class Issuer implements AutoCloseable {
        private final KeyPair key = ed25519();
        private final String id;
        private final CountDownLatch end = new CountDownLatch(1);
        private volatile boolean hangs;
        private @Nullable HttpServer server;

        /** An issuer whose key has the id {@code e1}. */
        public Issuer() {
            this("e1");
        }

        /** An issuer whose key has this id. */
        public Issuer(String id) {
            this.id = id;
        }

        /** Accepts requests from now on without answering them. */
        public void hang() {
            hangs = true;
        }

        /** Returns a token. */
        public String token(ObjectNode claims) {
            return signed(header("EdDSA").put("kid", id), claims, "Ed25519", key.getPrivate());
        }

        /** Serves its keys on a port, under any path. */
        public void publish(int port) throws IOException {
            byte[] set = jwks(jwk(id, key.getPublic())).getBytes(UTF_8);
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
            server.createContext("/", exchange -> {
                awaitEndIfHanging();
                exchange.sendResponseHeaders(200, set.length);
                exchange.getResponseBody().write(set);
                exchange.close();
            });
            server.start();
        }

        private void awaitEndIfHanging() {
            try {
                if (hangs) {
                    end.await();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void close() {
            end.countDown();
            if (server != null) {
                server.stop(0);
            }
        }
    }
}
