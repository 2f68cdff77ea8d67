package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.QueueException;
import java.net.SocketTimeoutException;
import java.sql.SQLException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BatchLimitTest {
    private final BatchLimit limit = new BatchLimit();

    private static QueueException failure(String state) {
        return new QueueException("test", new SQLException("test", state));
    }

    @Test
    void isTheOneThatIsConfiguredWhileAllGoesWell() {
        limit.succeeded();
        assertThat(limit.records(20_000)).isEqualTo(20_000);
    }

    @ParameterizedTest
    @ValueSource(strings = {"57014", "55P03"})
    void isHalvedByAFailureByTimeDownToOneRecord(String state) {
        limit.failed(failure(state), 5);
        assertThat(limit.records(20_000)).isEqualTo(2);
        limit.failed(failure(state), 2);
        limit.failed(failure(state), 1);
        assertThat(limit.records(20_000)).isEqualTo(1);
    }

    @Test
    void isHalvedWhenNoAnswerCame() {
        var cut = new SQLException("no answer", "08006", new SocketTimeoutException());
        limit.failed(new QueueException("test", cut), 100);
        assertThat(limit.records(20_000)).isEqualTo(50);
    }

    @ParameterizedTest
    @ValueSource(strings = {"08006", "40P01", "57P01", "25006"})
    void staysWithOtherFailures(String state) {
        limit.failed(failure(state), 100);
        assertThat(limit.records(20_000)).isEqualTo(20_000);
    }

    @Test
    void doublesWithEachSuccessUpToTheOneThatIsConfigured() {
        limit.failed(failure("57014"), 8);
        limit.succeeded();
        assertThat(limit.records(20)).isEqualTo(8);
        limit.succeeded();
        assertThat(limit.records(20)).isEqualTo(16);
        limit.succeeded();
        assertThat(limit.records(20)).isEqualTo(20);
        for (int i = 0; i < 100; i++) {
            limit.succeeded();
        }
        assertThat(limit.records(20)).isEqualTo(20);
    }
}
