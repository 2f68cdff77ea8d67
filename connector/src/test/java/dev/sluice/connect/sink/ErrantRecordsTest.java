package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ErrantRecordsTest {
    private final SinkRecord record = new SinkRecord("orders", 3, null, null, null, "1", 1042);
    private final CompletableFuture<Void> report = new CompletableFuture<>();
    private final ErrantRecords errant = new ErrantRecords();

    private static SinkTaskContext context(Supplier<@Nullable ErrantRecordReporter> reporter) {
        return (SinkTaskContext) Proxy.newProxyInstance(
                ErrantRecordsTest.class.getClassLoader(),
                new Class<?>[] {SinkTaskContext.class},
                (proxy, method, arguments) -> reporter.get());
    }

    private ConnectException onlyFailure() {
        List<ErrantRecords.Unreported> unreported = errant.takeUnreported();
        assertThat(unreported).extracting(ErrantRecords.Unreported::record).containsExactly(record);
        assertThat(errant.takeUnreported()).isEmpty();
        return unreported.get(0).failure();
    }

    @Test
    void areReportedWithTheReasonAndForgottenOnce() {
        errant.reportTo(context(() -> (reported, error) -> report), Map.of());
        errant.refuse(record, new DataException("no name"));
        assertThat(errant.isEmpty()).isFalse();
        assertThat(errant.remove(record)).isEqualTo("no name");
        assertThat(errant.remove(record)).isNull();
        assertThat(errant.isEmpty()).isTrue();
    }

    @Test
    void areWaitedForOnlySoLong() {
        errant.reportTo(context(() -> (reported, error) -> report), Map.of());
        errant.refuse(record, new DataException("no name"));
        assertThatThrownBy(() -> errant.await(Duration.ofMillis(1))).isInstanceOf(RetriableException.class);
        report.complete(null);
        errant.await(Duration.ofMillis(1));
    }

    @Test
    void endTheTaskWhereTheyCannotBeReported() {
        errant.reportTo(context(() -> (reported, error) -> report), Map.of());
        errant.refuse(record, new DataException("no name"));
        report.completeExceptionally(new IllegalStateException("no such topic"));
        errant.await(Duration.ofMinutes(1));
        assertThat(onlyFailure()).isExactlyInstanceOf(ConnectException.class).hasRootCauseMessage("no such topic");
    }

    @ParameterizedTest
    @ValueSource(classes = {NoSuchMethodError.class, NoClassDefFoundError.class})
    void endTheTaskOnAWorkerThatKnowsNoReporter(Class<? extends LinkageError> missing) {
        errant.reportTo(
                context(() -> {
                    throw missing == NoSuchMethodError.class ? new NoSuchMethodError() : new NoClassDefFoundError();
                }),
                Map.of());
        errant.refuse(record, new DataException("no name"));
        assertThat(onlyFailure())
                .isExactlyInstanceOf(ConnectException.class)
                .hasMessage(
                        "record orders-3 offset 1042 cannot be written and there is nowhere to report it: no name. With"
                                + " errors.tolerance=all it would go to the topic errors.deadletterqueue.topic.name and the task"
                                + " would go on.");
    }
}
