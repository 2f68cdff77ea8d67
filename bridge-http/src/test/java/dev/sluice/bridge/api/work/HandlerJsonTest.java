package dev.sluice.bridge.api.work;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.RetryPolicy;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class HandlerJsonTest {
    private static JsonNode shown(@Nullable HandlerSettings settings) {
        var out = new JsonOutput(256);
        HandlerJson.handler(out.object(), settings);
        return RunningBridge.json(new String(out.endObject().toBytes(), StandardCharsets.UTF_8))
                .get("handler");
    }

    @Test
    void everySettingOfAHandlerIsShown() {
        JsonNode handler = shown(HandlerSettings.DEFAULT
                .concurrency(3)
                .timeout(Duration.ofSeconds(4))
                .retry(RetryPolicy.ofWaits(Duration.ZERO, Duration.ofMillis(1500))
                        .jitter(0.5)
                        .neverOn(IllegalStateException.class)
                        .on(IOException.class, RetryPolicy.ofWaits(Duration.ofSeconds(7))))
                .maxCrashes(6)
                .deferRetries()
                .maxAge(Duration.ofMinutes(1))
                .keepResults()
                .idempotencyWindow(Duration.ofHours(1))
                .limitKey("/tenant")
                .limit(Limit.ofConcurrency(50))
                .limitOfEachKey(
                        Limit.ofRate(10, Duration.ofSeconds(2)).burst(20).weight(3))
                .breaker(BreakerSettings.DEFAULT
                        .failures(40, 50, 10)
                        .slow(60, Duration.ofSeconds(9))
                        .openFor(Duration.ofSeconds(8))
                        .halfOpenCalls(2)
                        .ignoring(IOException.class)));
        assertThat(handler.toString().replace('"', '\''))
                .isEqualTo("{'concurrency':3,'timeoutMs':4000,'maxAttempts':3,"
                        + "'retry':{'backoffMs':0,'backoffMaxMs':3600000,'jitter':0.5,'waitsMs':[0,1500],'rules':["
                        + "{'error':'java.lang.IllegalStateException','maxAttempts':1,'waitsMs':[]},"
                        + "{'error':'java.io.IOException','maxAttempts':2,'waitsMs':[7000]}]},"
                        + "'maxCrashes':6,'deferRetries':true,'maxAgeMs':60000,'keepResults':true,"
                        + "'idempotencyWindowMs':3600000,'limits':{'key':'/tenant',"
                        + "'type':{'concurrency':50,'rate':0,'periodMs':1000,'burst':0,'weight':1},"
                        + "'eachKey':{'concurrency':0,'rate':10,'periodMs':2000,'burst':20,'weight':3}},"
                        + "'breaker':{'failureRate':40,'window':50,'minimumCalls':10,'slowRate':60,"
                        + "'slowerThanMs':9000,'openMs':8000,'halfOpenCalls':2,'ignored':['java.io.IOException']}}");
    }

    @Test
    void whatIsNotSetIsNull() {
        JsonNode handler = shown(HandlerSettings.DEFAULT);
        assertThat(handler.get("breaker").isNull()).isTrue();
        assertThat(handler.get("limits").toString()).isEqualTo("{\"key\":null,\"type\":null,\"eachKey\":null}");
        assertThat(shown(null).isNull()).isTrue();
    }

    /** A setting that is added needs a field. */
    @Test
    void theFieldsAreAsManyAsTheSettings() {
        JsonNode handler =
                shown(HandlerSettings.DEFAULT.breaker(BreakerSettings.DEFAULT).limit(Limit.ofConcurrency(1)));
        assertThat(handler).hasSize(HandlerSettings.class.getRecordComponents().length + 1);
        assertThat(handler.get("retry")).hasSize(RetryPolicy.class.getRecordComponents().length - 1);
        assertThat(handler.get("breaker")).hasSize(BreakerSettings.class.getRecordComponents().length);
        assertThat(handler.at("/limits/type")).hasSize(Limit.class.getRecordComponents().length);
    }
}
