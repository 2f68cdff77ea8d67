package dev.sluice.bridge.e2e;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.bridge.outbound.Cidr;
import dev.sluice.bridge.outbound.OutboundClient;
import dev.sluice.bridge.outbound.OutboundSettings;
import dev.sluice.bridge.outbound.OutboundUrl;
import dev.sluice.bridge.webhook.Attempts;
import dev.sluice.bridge.webhook.Observers;
import dev.sluice.bridge.webhook.SystemTimers;
import dev.sluice.bridge.webhook.WebhookHandler;
import dev.sluice.bridge.webhook.WebhookRules;
import dev.sluice.bridge.webhook.WebhookSender;
import dev.sluice.bridge.webhook.WebhookTarget;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.WorkBuffer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A program that delivers the works of type {@code hook} to a URL until it is killed. */
final class DeliveringProcess {
    private static final HandlerSettings SETTINGS = HandlerSettings.DEFAULT
            .concurrency(20)
            .maxCrashes(1000)
            .retry(RetryPolicy.ofWaits(Duration.ofMillis(50)).maxAttempts(1000));

    private DeliveringProcess() {}

    static Process start(String database, OutboundUrl target, Path log) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xmx128m",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        DeliveringProcess.class.getName(),
                        database,
                        target.toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
    }

    public static void main(String[] arguments) throws Exception {
        var config = new HikariConfig();
        config.setJdbcUrl(arguments[0]);
        config.setUsername("postgres");
        config.setMaximumPoolSize(6);
        config.setMinimumIdle(0);
        WebhookTarget target = WebhookTarget.of(OutboundUrl.parse(arguments[1]));
        var client = new OutboundClient(OutboundSettings.DEFAULT.allowed(List.of(Cidr.parse("127.0.0.1"))));
        var handler = new WebhookHandler(
                new WebhookSender(client, new SystemTimers()),
                work -> target,
                new WebhookRules(SETTINGS.retry(), Duration.ofHours(1), false),
                new Observers(Attempts.NONE, (work, reason) -> {}));
        WorkBuffer.builder(new HikariDataSource(config))
                .lease(Duration.ofSeconds(1))
                .asyncHandler("hook", handler, SETTINGS)
                .start();
        Thread.currentThread().join();
    }
}
