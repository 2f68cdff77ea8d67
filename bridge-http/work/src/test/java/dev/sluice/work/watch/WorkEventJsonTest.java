package dev.sluice.work.watch;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkEvent.Kind;
import dev.sluice.work.WorkId;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** An event has one shape as JSON. */
class WorkEventJsonTest {
    private static final WorkId ID = new WorkId(new UUID(1, 2));

    @Test
    void anEventIsAnObjectWithFiveFieldsInOrder() {
        assertThat(WorkEventJson.of(new WorkEvent(Kind.DEAD_LETTERED, "mail", ID, 5, "no luck")))
                .isEqualTo("{\"event\":\"dead-lettered\",\"type\":\"mail\",\"id\":\"" + ID
                        + "\",\"attempt\":5,\"detail\":\"no luck\"}");
        assertThat(WorkEventJson.of(new WorkEvent(Kind.PAUSED, "mail", null, 0, null)))
                .isEqualTo("{\"event\":\"paused\",\"type\":\"mail\",\"id\":null,\"attempt\":0,\"detail\":null}");
    }

    @Test
    void everyKindHasANameAndADetailMayHaveAnyText() throws Exception {
        for (Kind kind : Kind.values()) {
            String detail = "\"quoted\" \\ \n \uD83D\uDE00 \uD800";
            JsonNode json = new ObjectMapper().readTree(WorkEventJson.of(new WorkEvent(kind, "a.b", ID, 1, detail)));
            assertThat(json.get("event").asText())
                    .isEqualTo(WorkEventJson.name(kind))
                    .matches("[a-z-]+");
            assertThat(json.get("detail").asText()).isEqualTo("\"quoted\" \\ \n \uD83D\uDE00 \uFFFD");
        }
    }
}
