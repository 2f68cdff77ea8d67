package dev.sluice.bridge.api.messages;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PushDefaultsTest {
    private static final UUID TRACE = UUID.fromString("0af76519-16cd-43dd-8448-eb211c80319c");

    @Test
    void theTraceIdOfATraceparentIsAUuid() {
        assertThat(PushDefaults.traceId("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
                .isEqualTo(TRACE);
    }

    @Test
    void aLaterVersionMaySayMore() {
        assertThat(PushDefaults.traceId("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what"))
                .isEqualTo(TRACE);
        assertThat(PushDefaults.traceId("fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
                .isEqualTo(TRACE);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "00",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.",
                "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what",
                "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01"
            })
    void whatIsNoTraceparentIsIgnored(String header) {
        assertThat(PushDefaults.traceId(header)).isNull();
    }
}
