package dev.sluice.bridge.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.limits.RequestMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The slowest arriving body gives way to others. */
class ArrivingBodiesTest {
    private static final int LIMIT = 1 << 20;
    private static final int HALF = LIMIT / 2;
    private static final int CLIENT_LIMIT = HALF / 2;

    private final RequestMemory memory = new RequestMemory(LIMIT);
    private final ArrivingBodies arriving = new ArrivingBodies(HALF, CLIENT_LIMIT);
    private final List<Arriving> evicted = new ArrayList<>();

    private final class Arriving implements ArrivingBodies.Arriving {
        private final String client;
        private final long ageMillis;
        private final RequestMemory.Claim claim = memory.claim();

        Arriving(String client, long ageMillis) {
            this.client = client;
            this.ageMillis = ageMillis;
        }

        @Override
        public String client() {
            return client;
        }

        @Override
        public RequestMemory.Claim claim() {
            return claim;
        }

        @Override
        public long startNanos() {
            return System.nanoTime() - TimeUnit.MILLISECONDS.toNanos(ageMillis);
        }

        @Override
        public void evicted() {
            claim.close();
            evicted.add(this);
        }
    }

    private Arriving arrived(String client, long ageMillis, int bytes) {
        var body = new Arriving(client, ageMillis);
        arriving.take(body, bytes);
        return body;
    }

    @Test
    void theSlowestOfAClientGivesWayWhenTheClientHasItsShare() {
        arrived("other", 90_000, 10);
        Arriving slow = arrived("a", 60_000, CLIENT_LIMIT / 2);
        Arriving quick = arrived("a", 5_000, CLIENT_LIMIT / 2);
        Arriving next = arrived("a", 0, CLIENT_LIMIT / 2);
        assertThat(evicted).containsExactly(slow);
        arriving.remove(quick);
        arriving.take(next, CLIENT_LIMIT / 2);
        assertThat(evicted).containsExactly(slow);
    }

    @Test
    void theSlowestOfAllGivesWayWhenAllHaveTheirShare() {
        Arriving a = arrived("a", 5_000, CLIENT_LIMIT);
        Arriving b = arrived("b", 50_000, CLIENT_LIMIT);
        arrived("c", 0, CLIENT_LIMIT);
        assertThat(evicted).containsExactly(b);
        arrived("d", 0, CLIENT_LIMIT);
        assertThat(evicted).containsExactly(b, a);
        assertThatThrownBy(() -> arrived("e", 0, 1)).isInstanceOf(OverloadedException.class);
        assertThatThrownBy(() -> arriving.take(a, 1)).isInstanceOf(OverloadedException.class);
    }

    @Test
    void aBodyThatIsItselfTheSlowestIsRefused() {
        arrived("a", 5_000, CLIENT_LIMIT - 10);
        assertThatThrownBy(() -> arrived("a", 50_000, 11)).isInstanceOf(OverloadedException.class);
        assertThat(evicted).isEmpty();
    }

    @Test
    void slowBodiesGiveWayToOthersWhenRequestsHaveTheRest() {
        memory.claim().take(LIMIT - HALF);
        Arriving slow = arrived("a", 50_000, CLIENT_LIMIT);
        memory.claim().take(HALF - CLIENT_LIMIT - 8192);
        arrived("b", 0, CLIENT_LIMIT);
        assertThat(evicted).containsExactly(slow);
        assertThatThrownBy(() -> arrived("c", 0, CLIENT_LIMIT)).isInstanceOf(OverloadedException.class);
    }
}
