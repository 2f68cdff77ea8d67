package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.joran.spi.JoranException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;

/** The format of log lines. */
class LogLinesTest {
    private static String written(String message, Object... arguments) throws JoranException {
        var context = new LoggerContext();
        var configurator = new JoranConfigurator();
        configurator.setContext(context);
        configurator.doConfigure(LogLinesTest.class.getResource("/logback.xml"));
        var root = context.getLogger(Logger.ROOT_LOGGER_NAME);
        try {
            var appender = (ConsoleAppender<ILoggingEvent>) root.getAppender("stderr");
            var event = new LoggingEvent("test", root, Level.INFO, message, null, arguments);
            return new String(appender.getEncoder().encode(event), StandardCharsets.UTF_8);
        } finally {
            context.stop();
        }
    }

    @Test
    void aNameWithALineFeedCannotLookLikeALineOfItsOwn() throws JoranException {
        assertThat(written("Retention deleted messages queue={} messages={}", "a\n2026 ERROR forged\r\nb", 1))
                .endsWith("queue=a | 2026 ERROR forged |  | b messages=1\n");
    }

    @Test
    void ourOwnMessagesGoOnInIndentedLines() throws JoranException {
        assertThat(written("Settings{}", "\n  http.port = 1")).endsWith("Settings\n  http.port = 1\n");
    }
}
