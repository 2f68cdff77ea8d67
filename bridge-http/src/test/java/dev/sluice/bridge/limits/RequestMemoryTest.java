package dev.sluice.bridge.limits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** The memory that all requests share. */
class RequestMemoryTest {
    private static final int LIMIT = 1 << 20;
    private static final int HALF = LIMIT / 2;

    private final RequestMemory memory = new RequestMemory(LIMIT);

    @Test
    void isOneRequestsUpToTheLimitAndNotOneByteMore() {
        RequestMemory.Claim claim = memory.claim();
        claim.take(LIMIT - 10);
        assertThatThrownBy(() -> claim.take(11))
                .isInstanceOfSatisfying(
                        InvalidRequestException.class,
                        e -> assertThat(e.status()).isEqualTo(413))
                .hasMessageContaining("http.memory.bytes (1048576 bytes)");
        assertThatCode(() -> claim.take(10)).doesNotThrowAnyException();
    }

    @Test
    void isSharedByAllAndComesBackWhenARequestIsAnswered() {
        RequestMemory.Claim first = memory.claim();
        RequestMemory.Claim second = memory.claim();
        first.take(HALF);
        second.take(HALF);
        assertThat(memory.isUsedUp()).isTrue();
        assertThatThrownBy(() -> second.take(1)).isInstanceOf(OverloadedException.class);
        first.close();
        first.close();
        assertThat(memory.usedBytes()).isEqualTo(HALF);
        second.take(HALF);
        second.giveBack(LIMIT);
        assertThat(memory.usedBytes()).isZero();
        assertThatThrownBy(() -> first.take(1)).isInstanceOf(OverloadedException.class);
        second.close();
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void isTakenIfFreeUpToTheLimitAndNotOneByteMore() {
        RequestMemory.Claim claim = memory.claim();
        assertThat(claim.takeIfFree(LIMIT + 1)).isFalse();
        assertThat(memory.usedBytes()).isZero();
        assertThat(claim.takeIfFree(LIMIT)).isTrue();
        assertThat(memory.isUsedUp()).isTrue();
        assertThat(memory.claim().takeIfFree(1)).isFalse();
        claim.close();
        assertThat(claim.takeIfFree(1)).isFalse();
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void isOverdrawnForWhatMustNotBeRefused() {
        RequestMemory.Claim claim = memory.claim();
        claim.takeAnyway(2L * LIMIT);
        assertThat(memory.isUsedUp()).isTrue();
        assertThatThrownBy(() -> memory.claim().take(1)).isInstanceOf(OverloadedException.class);
        claim.close();
        assertThat(memory.usedBytes()).isZero();
    }
}
