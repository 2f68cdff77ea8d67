package dev.sluice.bridge.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ConfigReferenceTest {
    private static final Path PAGE = Path.of("..", "docs", "configuration.md");

    @Test
    void pageInTheDocumentationIsWhatTheProgramSays() throws IOException {
        if (Boolean.getBoolean("sluice.write.docs")) {
            Files.writeString(PAGE, ConfigReference.page());
        }
        assertThat(Files.readString(PAGE))
                .as(
                        "docs/configuration.md; write it again with: mvn -pl bridge-http -am test"
                                + " -Dtest=ConfigReferenceTest -Dsurefire.failIfNoSpecifiedTests=false -Dsluice.write.docs=true")
                .isEqualTo(ConfigReference.page());
    }
}
