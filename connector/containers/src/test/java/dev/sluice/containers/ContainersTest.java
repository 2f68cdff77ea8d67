package dev.sluice.containers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.TestPostgres;
import org.junit.jupiter.api.Test;

/** The server under the suites is the one in the container: its data lie where the image keeps them. */
class ContainersTest {
    @Test
    void theQueueIsOnTheServerInTheContainer() {
        try (TestPostgres database = TestPostgres.withSchema()) {
            assertThat(database.url()).contains(System.getProperty(TestPostgres.ADDRESS));
            assertThat(database.query("show data_directory"))
                    .singleElement()
                    .asString()
                    .startsWith("/var/lib/postgresql");
        }
    }
}
