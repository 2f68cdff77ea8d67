package dev.sluice.bridge.pop;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.CommitOutcome;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** What the log says about messages that PostgreSQL refuses to take back. {@link PopOutageTest} has the rest. */
class GiveBacksTest {
    private static final PopTarget TARGET = new PopTarget(new PopTarget.InQueue("orders", null), "billing");

    private final Logger log = (Logger) LoggerFactory.getLogger(GiveBacks.class);
    private final ListAppender<ILoggingEvent> logged = new ListAppender<>();
    private final GiveBacks giveBacks = new GiveBacks(
            (target, result) -> {
                throw new QueueException("could not give back", new SQLException("no right", "42501"));
            },
            unknown -> CommitOutcome.LOST,
            Runnable::run,
            new ManualTimers(),
            queue -> {});

    @BeforeEach
    void listen() {
        logged.start();
        log.addAppender(logged);
    }

    @AfterEach
    void close() {
        log.detachAppender(logged);
    }

    private static PopResult popped(@Nullable UUID lease) {
        var message = new Message(
                1,
                "p",
                "orders",
                7,
                UUID.randomUUID(),
                "o-7",
                "{}".getBytes(UTF_8),
                MessageHeaders.NONE,
                null,
                null,
                Instant.EPOCH);
        return new PopResult(PopResult.Status.MESSAGES, lease, List.of(message), 1, null);
    }

    @Test
    void namesMessagesThatWereConsumedAndReachedNobody() {
        giveBacks.now(TARGET, popped(null));
        giveBacks.close();
        assertThat(logged.list).singleElement().satisfies(event -> {
            assertThat(event.getLevel()).isEqualTo(Level.ERROR);
            assertThat(event.getFormattedMessage())
                    .contains("seek the group back", "no right", "messages=orders/p/o-7");
        });
    }

    @Test
    void saysThatLeasedMessagesComeBackByThemselves() {
        giveBacks.now(TARGET, popped(UUID.randomUUID()));
        giveBacks.close();
        assertThat(logged.list).singleElement().satisfies(event -> {
            assertThat(event.getLevel()).isEqualTo(Level.WARN);
            assertThat(event.getFormattedMessage()).contains("stay leased until the lease ends");
        });
    }
}
