package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.buffer.SegmentLogConfig;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The format of the logs in {@code lanes.properties}. */
class LanesFormatTest {
    @TempDir
    private Path directory;

    private Lanes open(String drain) throws IOException {
        return Lanes.open(directory, 2, SegmentLogConfig.defaults(directory), drain);
    }

    private void write(String drain) throws IOException {
        Files.writeString(directory.resolve("lanes.properties"), "generation=1\nlanes=2\ndrain=" + drain + "\n");
    }

    private Properties file() throws IOException {
        var properties = new Properties();
        properties.load(new StringReader(Files.readString(directory.resolve("lanes.properties"))));
        return properties;
    }

    /** An earlier program takes the text for another destination, and refuses to start while messages are left. */
    @Test
    void isPartOfTheNameOfTheDestinationForEarlierPrograms() throws IOException {
        open("embedded").close();
        assertThat(file().getProperty("drain")).isEqualTo("embedded (log format 2)");
        open("kafka").close();
        assertThat(file().getProperty("drain")).isEqualTo("kafka (log format 2)");
    }

    @Test
    void isWrittenBeforeTheFirstAppendToTheLanesOfAnEarlierProgramWhichStayAsTheyAre() throws Exception {
        open("embedded").close();
        write("embedded");
        try (Lanes lanes = open("embedded")) {
            assertThat(file().getProperty("drain")).isEqualTo("embedded (log format 2)");
            assertThat(file().getProperty("generation")).isEqualTo("1");
            assertThat(lanes.earlier()).isEmpty();
        }
    }

    @Test
    void doesNotHideAnotherDestination() throws Exception {
        try (Lanes lanes = open("embedded")) {
            lanes.current().get(0).segments().append(List.of("message".getBytes(UTF_8)));
        }
        assertThatThrownBy(() -> open("kafka"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("holds 1 messages that drain.mode=embedded has not drained yet");
    }

    @Test
    void isRefusedIfItIsLaterThanThatOfThisProgram() throws Exception {
        write("embedded (log format 3)");
        assertThatThrownBy(() -> open("embedded"))
                .isInstanceOf(IOException.class)
                .hasMessage(directory.resolve("lanes.properties")
                        + ": the logs have format 3 of a later version, this program knows formats up to 2; start the"
                        + " later version until the log holds no messages, or move the directory away");
        assertThat(file().getProperty("drain")).isEqualTo("embedded (log format 3)");
        assertThat(directory.resolve("generation-1")).doesNotExist();
    }
}
