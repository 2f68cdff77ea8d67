package dev.sluice.queue;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.UUID;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PayloadCipherTest {
    private static final String KEY_A = "00".repeat(31) + "0a";
    private static final String KEY_B = "00".repeat(31) + "0B";
    private static final PayloadCipher A = PayloadCipher.of("a:" + KEY_A, null);
    private static final String PAYLOAD = "{\"card\": \"4111 1111\", \"s\":\"\\u0000 é 𝄞\"}";

    private static String seal(PayloadCipher cipher, String queue, String payload) {
        NewMessage sealed = cipher.seal(Messages.message(queue, "p", "t", payload));
        return new String(sealed.payload(), UTF_8);
    }

    @Nested
    class Headers {
        private final NewMessage clear = NewMessage.builder(new UUID(1, 2), "q", "p", "t", PAYLOAD.getBytes(UTF_8))
                .headers(Messages.HEADERS)
                .build();
        private final NewMessage sealed = A.seal(clear);

        @Test
        void areSealedAsOneTextAndComeBackIdentical() {
            assertThat(sealed.headers().asMap()).containsOnlyKeys("encrypted", "iv", "authTag", "keyId");
            assertThat(A.open("q", sealed.headers()).json()).isEqualTo(Messages.HEADERS.json());
            assertThat(A.open("q", MessageHeaders.parse(sealed.headers().json())))
                    .isEqualTo(Messages.HEADERS);
        }

        @Test
        void areSealedOnceThoughTheMessageIsSealedTwice() {
            assertThat(A.seal(sealed)).isSameAs(sealed);
        }

        @Test
        void areSealedIfOnlyThePayloadIs() {
            NewMessage half = NewMessage.builder(new UUID(1, 2), "q", "p", "t", sealed.payload())
                    .headers(Messages.HEADERS)
                    .build();
            NewMessage whole = A.seal(half);
            assertThat(whole.payload()).isSameAs(half.payload());
            assertThat(A.open("q", whole.headers())).isEqualTo(Messages.HEADERS);
        }

        @Test
        void stayNoHeaders() {
            assertThat(A.seal(NewMessage.of(new UUID(1, 2), "q", "p", "t", new byte[] {'1'}))
                            .headers())
                    .isSameAs(MessageHeaders.NONE);
            assertThat(A.open("q", MessageHeaders.NONE)).isSameAs(MessageHeaders.NONE);
        }

        @Test
        void areDeliveredAsStoredWithoutTheKeyOrInAnotherQueue() {
            assertThat(PayloadCipher.NONE.open("q", sealed.headers())).isSameAs(sealed.headers());
            assertThat(A.open("other", sealed.headers())).isSameAs(sealed.headers());
        }

        @Test
        void ofAProducerInTheSealedFormStayHis() {
            var own = Messages.headers("encrypted", "AAAA", "iv", "AAAAAAAAAAAAAAAA", "authTag", "A".repeat(22) + "==");
            NewMessage message = NewMessage.builder(new UUID(1, 2), "q", "p", "t", new byte[] {'1'})
                    .headers(own)
                    .build();
            assertThat(A.open("q", own)).isSameAs(own);
            assertThat(A.open("q", A.seal(message).headers())).isEqualTo(own);
        }
    }

    @Nested
    class Sealed {
        private final String sealed = seal(A, "q", PAYLOAD);

        @ParameterizedTest
        @ValueSource(strings = {PAYLOAD, "null", "0", "\"\"", "[]", "{}"})
        void payloadsComeBackByteForByte(String payload) {
            String stored = seal(A, "q", payload);
            assertThat(stored)
                    .matches("\\{\"encrypted\":\"[A-Za-z0-9+/]+=*\",\"iv\":\"[A-Za-z0-9+/]{16}\","
                            + "\"authTag\":\"[A-Za-z0-9+/]{22}==\",\"keyId\":\"a\"}");
            assertThat(A.open("q", stored)).isEqualTo(payload);
            assertThat((long) stored.length()).isLessThanOrEqualTo(PayloadCipher.sealedBytes(payload.length()));
        }

        @Test
        void payloadsOfLargeMessagesComeBack() {
            String large = "\"" + "x".repeat(5_000_000) + "\"";
            String stored = seal(A, "q", large);
            assertThat(A.open("q", stored)).isEqualTo(large);
            assertThat((long) stored.length()).isLessThanOrEqualTo(PayloadCipher.sealedBytes(large.length()));
        }

        @Test
        void payloadsNeverShareAnIv() {
            var ivs = new HashSet<String>();
            for (int i = 0; i < 1000; i++) {
                ivs.add(HexFormat.of()
                        .formatHex(SealedPayload.parse(seal(A, "q", "1").getBytes(UTF_8))
                                .iv()));
                var another = PayloadCipher.of("a:" + KEY_A, null);
                ivs.add(HexFormat.of()
                        .formatHex(SealedPayload.parse(seal(another, "q", "1").getBytes(UTF_8))
                                .iv()));
            }
            assertThat(ivs).hasSize(2000);
        }

        @Test
        void payloadsAreNotSealedAgain() {
            assertThat(seal(A, "q", sealed)).isEqualTo(sealed);
        }

        @Test
        void payloadsOfAnotherQueueAreSealedAgainAndNeverOpened() {
            assertThat(A.open("other", sealed)).isEqualTo(sealed);
            String again = seal(A, "other", sealed);
            assertThat(again).isNotEqualTo(sealed);
            assertThat(A.open("other", again)).isEqualTo(sealed);
        }

        @Test
        void payloadsThatWereChangedAreDeliveredAsStored() {
            var cipher = PayloadCipher.of("a:" + KEY_A, null);
            SealedPayload parts = SealedPayload.parse(sealed.getBytes(UTF_8));
            for (int part = 0; part < 3; part++) {
                byte[][] bytes = {
                    parts.encrypted().clone(), parts.iv().clone(), parts.tag().clone()
                };
                bytes[part][3] ^= 1;
                String changed = new SealedPayload(bytes[0], bytes[1], bytes[2], "a").toJson();
                assertThat(cipher.open("q", changed)).isEqualTo(changed);
                assertThat(seal(cipher, "q", changed)).as("a client's own").isNotEqualTo(changed);
            }
            assertThat(cipher.unopened()).isEqualTo(3);
            String unnamed = new SealedPayload(parts.encrypted(), parts.iv(), parts.tag(), null).toJson();
            assertThat(cipher.open("q", unnamed)).as("its key's name removed").isEqualTo(unnamed);
        }
    }

    @Nested
    class Keys {
        @Test
        void mayBeReplaced() {
            String old = seal(A, "q", PAYLOAD);
            var rotated = PayloadCipher.of(" b:" + KEY_B + " , a:" + KEY_A, "b");
            assertThat(rotated.open("q", old)).isEqualTo(PAYLOAD);
            assertThat(seal(rotated, "q", PAYLOAD)).contains("\"keyId\":\"b\"");
            assertThat(seal(PayloadCipher.of("b:" + KEY_B + ",a:" + KEY_A, ""), "q", PAYLOAD))
                    .as("the first one encrypts")
                    .contains("\"keyId\":\"b\"");
            assertThat(seal(rotated, "q", old)).as("sealed with the old key").isEqualTo(old);
        }

        @Test
        void thatAreMissingLeaveThePayloadAsItIs() {
            String stored = seal(A, "q", PAYLOAD);
            var other = PayloadCipher.of("b:" + KEY_B, null);
            assertThat(other.open("q", stored)).isEqualTo(stored);
            assertThat(other.unopened()).isEqualTo(1);
            assertThat(PayloadCipher.NONE.open("q", stored)).isEqualTo(stored);
        }

        @Test
        void thatAreWrongLeaveThePayloadAsItIs() {
            String stored = seal(A, "q", PAYLOAD);
            var wrong = PayloadCipher.of("a:" + KEY_B, null);
            assertThat(wrong.open("q", stored)).isEqualTo(stored);
            assertThat(wrong.unopened()).isEqualTo(1);
        }

        @Test
        void ofTwoServicesAreOpenedOneInTheOther() {
            var b = PayloadCipher.of("b:" + KEY_B, null);
            String twice = seal(b, "q", seal(A, "q", PAYLOAD));
            assertThat(PayloadCipher.of("a:" + KEY_A + ",b:" + KEY_B, null).open("q", twice))
                    .isEqualTo(PAYLOAD);
        }

        @Test
        void areRefusedWithoutShowingThem() {
            refused("entry 1", KEY_A, null);
            refused("entry 2", "a:" + KEY_A + ",", null);
            refused("entry 1", "a b:" + KEY_A, null);
            refused("entry 1", "x".repeat(65) + ":" + KEY_A, null);
            refused("the key a must be 64", "a:" + KEY_A.substring(1), null);
            refused("the key a must be 64", "a:" + KEY_A + "00", null);
            refused("the key a must be 64", "a:" + KEY_A.replace("0a", "0g"), null);
            refused("two keys of the id a", "a:" + KEY_A + ",a:" + KEY_B, null);
            refused("must be one of [a], was b", "a:" + KEY_A, "b");
            refused("the id of entry 2 looks like a key", "a:" + KEY_A + "," + KEY_B + ":b", null);
            refused("encryption.key.id must be one of [a]", "a:" + KEY_A, KEY_B);
            refused("encryption.key.id must be 1 to 64 letters", "a:" + KEY_A, "b:" + KEY_B);
            refused("no use without encryption.keys", null, "a");
            assertThat(PayloadCipher.of(" ", "").hasKey()).isFalse();
            assertThat(PayloadCipher.of("x".repeat(64) + ":" + KEY_A, null).hasKey())
                    .isTrue();
        }

        private void refused(String message, String keys, String id) {
            assertThatThrownBy(() -> PayloadCipher.of(keys, id))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(message)
                    .hasMessageStartingWith("encryption.key")
                    .satisfies(e -> assertThat(e.getMessage()).doesNotContain("00000000"));
        }
    }

    @Nested
    class ObjectsOfQueensShape {
        private String stored(int ivBytes, String format) throws GeneralSecurityException {
            byte[] iv = new byte[ivBytes];
            Arrays.fill(iv, (byte) 7);
            var cipher = Cipher.getInstance("AES/GCM/NoPadding");
            cipher.init(
                    Cipher.ENCRYPT_MODE,
                    new SecretKeySpec(HexFormat.of().parseHex(KEY_A), "AES"),
                    new GCMParameterSpec(128, iv));
            byte[] out = cipher.doFinal(PAYLOAD.getBytes(UTF_8));
            var base64 = Base64.getEncoder();
            return String.format(
                    format,
                    base64.encodeToString(Arrays.copyOf(out, out.length - 16)),
                    base64.encodeToString(iv),
                    base64.encodeToString(Arrays.copyOfRange(out, out.length - 16, out.length)));
        }

        @ParameterizedTest
        @ValueSource(ints = {12, 16})
        void areDecryptedWithTheKeyThatEncrypts(int ivBytes) throws GeneralSecurityException {
            String ordinary = stored(ivBytes, "{\"encrypted\":\"%s\",\"iv\":\"%s\",\"authTag\":\"%s\"}");
            String asOfJsonb = stored(ivBytes, "{\"iv\": \"%2$s\", \"authTag\": \"%3$s\", \"encrypted\": \"%1$s\"}\n");
            var rotated = PayloadCipher.of("b:" + KEY_B + ",a:" + KEY_A, "a");
            for (String stored : new String[] {ordinary, asOfJsonb}) {
                assertThat(rotated.open("any queue", stored)).isEqualTo(PAYLOAD);
                assertThat(PayloadCipher.of("a:" + KEY_B, null).open("q", stored))
                        .isEqualTo(stored);
            }
            assertThat(A.open("q", seal(A, "q", ordinary)))
                    .as("pushed to an encrypted queue")
                    .isEqualTo(PAYLOAD);
        }

        @Test
        void areDeliveredAsStoredUnlessAllFits() throws GeneralSecurityException {
            for (String other : new String[] {
                stored(12, "{\"encrypted\":\"%s\",\"iv\":\"%s\",\"authTag\":\"%s\",\"more\":\"1\"}"),
                stored(12, "{\"encrypted\":\"%s\",\"iv\":\"%s\",\"authTag\":\"%s\",\"keyId\":\"\"}"),
                stored(12, "{\"encrypted\":\"%s\",\"iv\":\"%s\",\"authTag\":\"%s\",\"keyId\":1}"),
                stored(12, "{\"encrypted\":\"%s\",\"iv\":\"%s\",\"authTag\":\"%s\",\"iv\":\"AAAA\"}"),
                stored(12, "[{\"encrypted\":\"%s\",\"iv\":\"%s\",\"authTag\":\"%s\"}]"),
                stored(12, "{\"encrypted\":\"%s\",\"iv\":\"%s\"}"),
                stored(13, "{\"encrypted\":\"%s\",\"iv\":\"%s\",\"authTag\":\"%s\"}"),
                "{\"encrypted\":\"\",\"iv\":\"\",\"authTag\":\"\"}",
                "{\"encrypted\":\"=\",\"iv\":\"!\",\"authTag\":\"\\n\"}",
                "{\"encrypted\":\"",
                "{",
                "{}",
                ""
            }) {
                assertThat(A.open("q", other)).isEqualTo(other);
            }
        }
    }
}
