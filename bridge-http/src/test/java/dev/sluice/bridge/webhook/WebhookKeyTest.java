package dev.sluice.bridge.webhook;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.standardwebhooks.Webhook;
import com.standardwebhooks.exceptions.WebhookVerificationException;
import java.net.http.HttpHeaders;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WebhookKeyTest {
    /** The vector that the reference implementations of the standard share. */
    @Test
    void theVectorOfTheStandardIsReproduced() {
        WebhookKey key = WebhookKey.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assertThat(WebhookKey.signatures(
                        List.of(key),
                        "msg_p5jXN8AQM9LWM0D4loKWxJek",
                        1_614_265_330,
                        "{\"test\": 2432232314}".getBytes(UTF_8)))
                .isEqualTo("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /** Vectors of RFC 8032 §7.1: seed, public key, content, signature. */
    @ParameterizedTest
    @CsvSource({
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60,"
                + "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a,'',"
                + "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd"
                + "25bf5f0595bbe24655141438e7a100b",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb,"
                + "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c,72,"
                + "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387"
                + "b2eaeb4302aeeb00d291612bb0c00",
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7,"
                + "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025,af82,"
                + "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7"
                + "c15e9716ed28dc027beceea1ec40a"
    })
    void theVectorsOfEd25519AreReproduced(String seed, String publicKey, String content, String signature) {
        HexFormat hex = HexFormat.of();
        WebhookKey key = WebhookKey.parse("whsk_" + base64(hex.parseHex(seed)));
        assertThat(key.verificationKey()).isEqualTo("whpk_" + base64(hex.parseHex(publicKey)));
        assertThat(key.sign(hex.parseHex(content))).isEqualTo("v1a," + base64(hex.parseHex(signature)));
        assertThat(WebhookKey.parse("whsk_" + base64(hex.parseHex(seed + publicKey)))
                        .verificationKey())
                .isEqualTo(key.verificationKey());
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }

    /** The published verifier of the standard. */
    @Test
    void thePublishedVerifierAcceptsEveryBody() throws Exception {
        var random = new Random(19);
        String old = WebhookKey.newSecret();
        String current = WebhookKey.newSecret();
        List<WebhookKey> keys =
                List.of(WebhookKey.parse(current), WebhookKey.parse(old), WebhookKey.parse(WebhookKey.newPrivateKey()));
        for (int i = 0; i < 300; i++) {
            String body = body(random, i);
            String id = "msg_" + i;
            long now = Instant.now().getEpochSecond();
            String signatures = WebhookKey.signatures(keys, id, now, body.getBytes(UTF_8));
            HttpHeaders headers = headers(id, now, signatures);
            new Webhook(current).verify(body, headers);
            new Webhook(old).verify(body, headers);
            assertThatThrownBy(() -> new Webhook(WebhookKey.newSecret()).verify(body, headers))
                    .isInstanceOf(WebhookVerificationException.class);
            assertThatThrownBy(() -> new Webhook(current).verify(body + " ", headers))
                    .isInstanceOf(WebhookVerificationException.class);
        }
    }

    private static HttpHeaders headers(String id, long timestamp, String signatures) {
        return HttpHeaders.of(
                Map.of(
                        "webhook-id", List.of(id),
                        "webhook-timestamp", List.of(Long.toString(timestamp)),
                        "webhook-signature", List.of(signatures)),
                (name, value) -> true);
    }

    private static String body(Random random, int i) {
        return switch (i % 4) {
            case 0 -> "{\"number\":12345678901234567890.1234567890e-7}";
            case 1 -> "\"\\u0000\\ud83d\\ude00 " + new String(Character.toChars(0x1f600)) + "ä\"";
            case 2 -> "{ \"b\" : 1 ,\n \"a\":[ ] }";
            default -> "\"" + "x".repeat(random.nextInt(20_000)) + "\"";
        };
    }

    @Test
    void newKeysDifferAndAreAsTheStandardSays() {
        assertThat(WebhookKey.newSecret()).matches("whsec_[A-Za-z0-9+/]{43}=").isNotEqualTo(WebhookKey.newSecret());
        String key = WebhookKey.newPrivateKey();
        assertThat(key).matches("whsk_[A-Za-z0-9+/]{86}==").isNotEqualTo(WebhookKey.newPrivateKey());
        assertThat(WebhookKey.parse(key).verificationKey()).matches("whpk_[A-Za-z0-9+/]{43}=");
        assertThat(WebhookKey.parse(key).toString()).doesNotContain(key.substring(10));
    }

    @Test
    void theBoundsOfASecretAreThoseOfTheStandard() {
        for (int bytes : new int[] {24, 32, 64}) {
            WebhookKey.parse("whsec_" + base64(new byte[bytes]));
        }
        for (int bytes : new int[] {0, 23, 65}) {
            assertThatThrownBy(() -> WebhookKey.parse("whsec_" + base64(new byte[bytes])))
                    .hasMessageContaining("must have 24 to 64 bytes, has " + bytes);
        }
        for (int bytes : new int[] {31, 33, 63, 65}) {
            assertThatThrownBy(() -> WebhookKey.parse("whsk_" + base64(new byte[bytes])))
                    .hasMessageContaining("must have 32 or 64 bytes");
        }
        byte[] wrongHalf = Arrays.copyOf(new byte[32], 64);
        assertThatThrownBy(() -> WebhookKey.parse("whsk_" + base64(wrongHalf)))
                .hasMessageContaining("must be its public key");
    }

    @ParameterizedTest
    @CsvSource({
        "hunter2, must begin with whsec_ (HMAC) or whsk_ (Ed25519)",
        "whsec_%%%%, must be Base64",
        "whpk_AAAA, the public one"
    })
    void whatIsNoKeyIsRefusedWithoutShowingIt(String text, String reason) {
        assertThatThrownBy(() -> WebhookKey.parse(text))
                .hasMessageContaining(reason)
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain(text));
    }
}
