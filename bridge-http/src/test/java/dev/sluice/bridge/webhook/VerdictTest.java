package dev.sluice.bridge.webhook;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.outbound.CallFailure;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VerdictTest {
    private static final Instant NOW = Instant.parse("2026-12-01T12:00:00Z");
    private static final Duration HOUR = Duration.ofHours(1);

    private static Attempt answered(int status, @Nullable String retryAfter, String snippet) {
        return new Attempt(
                "id", "https://example.com:443/in", NOW, Duration.ZERO, status, retryAfter, snippet, null, null);
    }

    @ParameterizedTest
    @CsvSource({
        "200, DELIVERED",
        "201, DELIVERED",
        "204, DELIVERED",
        "299, DELIVERED",
        "199, FAILED",
        "300, FAILED",
        "301, FAILED",
        "302, FAILED",
        "304, FAILED",
        "308, FAILED",
        "400, FAILED",
        "401, FAILED",
        "404, FAILED",
        "409, FAILED",
        "410, GONE",
        "411, FAILED",
        "413, FAILED",
        "422, FAILED",
        "429, SLOW_DOWN",
        "500, FAILED",
        "501, FAILED",
        "502, SLOW_DOWN",
        "503, SLOW_DOWN",
        "504, SLOW_DOWN",
        "505, FAILED",
        "999, FAILED"
    })
    void aStatusMeansWhatTheStandardSays(int status, Verdict.Kind kind) {
        assertThat(Verdict.of(answered(status, null, ""), NOW, HOUR).kind()).isEqualTo(kind);
    }

    @Test
    void aReasonSaysWhatToDoAndHasABound() {
        assertThat(Verdict.of(answered(302, null, ""), NOW, HOUR).reason())
                .isEqualTo("https://example.com:443/in answered 302 (redirects are not followed: give the URL of their"
                        + " target)");
        assertThat(Verdict.of(answered(500, null, " broken "), NOW, HOUR).reason())
                .isEqualTo("https://example.com:443/in answered 500: broken");
        assertThat(Verdict.of(answered(500, null, "x".repeat(1000)), NOW, HOUR).reason())
                .endsWith(": " + "x".repeat(200) + "…");
    }

    @Test
    void anAnswerThatDidNotEndIsAFailureWhateverItsStatus() {
        var attempt =
                new Attempt("id", "u", NOW, Duration.ZERO, 200, null, "", "it broke off", CallFailure.Kind.BROKEN);
        assertThat(Verdict.of(attempt, NOW, HOUR)).isEqualTo(new Verdict(Verdict.Kind.FAILED, "it broke off", null));
        var stopped = new Attempt("id", "u", NOW, Duration.ZERO, 0, null, "", "stops", CallFailure.Kind.STOPPED);
        assertThat(Verdict.of(stopped, NOW, HOUR).kind()).isEqualTo(Verdict.Kind.STOPPED);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0|0",
                "7|7",
                " 120 |120",
                "3600|3600",
                "3601|3600",
                "99999999999999999|3600",
                "Tue, 01 Dec 2026 12:00:30 GMT|30",
                "Tue, 01 Dec 2026 11:00:00 GMT|0",
                "Wed, 02 Dec 2026 12:00:00 GMT|3600",
                "Tuesday, 01-Dec-26 12:00:30 GMT|30",
                "Tue Dec  1 12:00:30 2026|30"
            })
    void retryAfterHasBothFormsAndABound(String header, long seconds) {
        assertThat(Verdict.of(answered(503, header, ""), NOW, HOUR).retryAfter())
                .isEqualTo(Duration.ofSeconds(seconds));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"-1", "1.5", "soon", "99999999999999999999999", "Tue, 32 Dec 2026 12:00:30 GMT", "''"})
    void aRetryAfterThatIsNeitherDoesNotCount(String header) {
        assertThat(Verdict.of(answered(503, header, ""), NOW, HOUR).retryAfter())
                .isNull();
    }
}
