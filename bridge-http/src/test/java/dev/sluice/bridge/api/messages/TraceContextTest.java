package dev.sluice.bridge.api.messages;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The trace of a request. {@link PushDefaultsTest} has the forms of a {@code traceparent}. */
class TraceContextTest {
    private static final String TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    private static @Nullable String state(String... fields) {
        TraceContext context = TraceContext.of(TRACEPARENT, Arrays.asList(fields));
        assertThat(context).as("a malformed tracestate does not end the trace").isNotNull();
        return context.headers().get("tracestate");
    }

    @Test
    void theTraceparentStaysAsItIs() {
        String later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what";
        assertThat(TraceContext.of(TRACEPARENT, List.of()).headers().get("traceparent"))
                .isEqualTo(TRACEPARENT);
        assertThat(TraceContext.of(later, List.of()).headers().get("traceparent"))
                .isEqualTo(later);
    }

    @Test
    void withoutATraceparentThereIsNoTracestate() {
        assertThat(TraceContext.of("00-1", List.of("a=1"))).isNull();
        assertThat(TraceContext.of("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-\u0001", List.of()))
                .isNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a=1|a=1",
                "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE|rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
                "fw529a3039@dt=FfFfFfFfFfFfF=|",
                "1tenant@v=x y!|1tenant@v=x y!",
                "a=1 , ,b=2,|a=1,b=2",
                "a*/_-=~|a*/_-=~"
            })
    void aTracestateIsAListOfMembers(String field, @Nullable String expected) {
        assertThat(state(field)).isEqualTo(expected);
    }

    @Test
    void severalFieldsAreOneList() {
        assertThat(state("a=1", "b=2,c=3")).isEqualTo("a=1,b=2,c=3");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",", "a", "a=", "=1", "A=1", "a=1,b", "a=é", "a=1=2", "a =1", "a=\u0001"})
    void aMalformedOneIsDropped(String field) {
        assertThat(state(field)).isNull();
    }

    @Test
    void membersHaveLengthsAndANumber() {
        assertThat(state("k".repeat(256) + "=" + "v".repeat(256))).isNotNull();
        assertThat(state("k".repeat(257) + "=v")).isNull();
        assertThat(state("k=" + "v".repeat(257))).isNull();
        assertThat(state(members(32))).isEqualTo(members(32));
        assertThat(state(members(33))).isNull();
    }

    private static String members(int count) {
        return IntStream.range(0, count).mapToObj(i -> "k" + i + "=1").collect(Collectors.joining(","));
    }
}
