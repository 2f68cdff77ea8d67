package dev.sluice.bridge.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.limits.ConnectionLimits;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConnectionsTest {
    private static final int MOST = 16;
    private static final Duration HEADER_TIMEOUT = Duration.ofSeconds(10);
    private static final int HEADER_BYTES = 16 << 10;

    private long nanos = Long.MAX_VALUE - 1000; // Overflows soon, as a clock of nanoseconds may.
    private final Connections connections =
            new Connections(new ConnectionLimits(MOST, HEADER_TIMEOUT, HEADER_BYTES), () -> nanos);
    private final List<Fake> closed = new ArrayList<>();

    private class Fake implements Connections.Held {
        @Nullable
        Long idleSince = nanos;

        @Nullable
        Long headersSince;

        @Override
        public @Nullable Long idleSinceNanos() {
            return idleSince;
        }

        @Override
        public @Nullable Long headersSinceNanos() {
            return headersSince;
        }

        @Override
        public boolean closeUnlessUsed() {
            if (idleSince == null) {
                return false;
            }
            closed.add(this);
            connections.closed(this);
            return true;
        }
    }

    private Fake open() {
        var made = new Fake();
        connections.opened(made);
        nanos++;
        return made;
    }

    private List<Fake> open(int count) {
        var made = new ArrayList<Fake>();
        for (int i = 0; i < count; i++) {
            made.add(open());
        }
        return made;
    }

    private static void use(List<Fake> all) {
        all.forEach(each -> each.idleSince = null);
    }

    @Test
    void thereIsRoomBelowSevenEighths() {
        open(MOST * 7 / 8 - 1);
        assertThat(connections.makeRoom()).isTrue();
        assertThat(closed).isEmpty();
    }

    @Test
    void fromSevenEighthsOnTheLongestIdleIsClosedButNotARecentOne() {
        List<Fake> all = open(MOST * 7 / 8);
        assertThat(connections.makeRoom()).isTrue();
        assertThat(closed).as("all were used a moment ago").isEmpty();
        nanos += Duration.ofSeconds(1).toNanos();
        all.get(0).idleSince = null;
        all.get(1).idleSince = nanos;
        assertThat(connections.makeRoom()).isTrue();
        assertThat(closed).containsExactly(all.get(2));
        assertThat(connections.evicted()).isEqualTo(1);
    }

    @Test
    void atTheBoundThereIsNoRoomUntilOneHasBeenIdleForHalfASecond() {
        List<Fake> all = open(MOST);
        long opened = all.get(0).idleSince;
        nanos = opened + Duration.ofMillis(500).toNanos() - 1;
        assertThat(connections.makeRoom()).isFalse();
        nanos += Duration.ofMillis(50).toNanos(); // The next search.
        assertThat(connections.makeRoom()).isTrue();
        assertThat(closed).containsExactly(all.get(0));
    }

    /** The thread that accepts asks every few milliseconds. */
    @Test
    void roomIsFoundHoweverOftenItIsAskedFor() {
        open(MOST);
        boolean room = false;
        for (int i = 0; i < 60 && !room; i++) {
            nanos += Duration.ofMillis(10).toNanos();
            room = connections.makeRoom();
        }
        assertThat(room).isTrue();
        assertThat(closed).isNotEmpty();
    }

    @Test
    void atTheBoundThereIsNoRoomWhileAllCarryRequests() {
        List<Fake> all = open(MOST);
        use(all);
        assertThat(connections.makeRoom()).isFalse();
        all.get(7).idleSince = nanos;
        nanos += Duration.ofSeconds(1).toNanos();
        assertThat(connections.makeRoom()).isTrue();
        assertThat(closed).containsExactly(all.get(7));
    }

    @Test
    void aConnectionThatWasUsedSinceItWasChosenStays() {
        List<Fake> all = open(MOST);
        nanos += Duration.ofSeconds(1).toNanos();
        assertThat(connections.makeRoom()).isTrue();
        open();
        use(all.subList(1, 3));
        all.get(3).idleSince = nanos;
        assertThat(connections.makeRoom()).isTrue();
        assertThat(closed).containsExactly(all.get(0), all.get(4));
    }

    @Test
    void filesThatRunOutAreGivenBackAndLeftToOthersForAMinute() {
        var many = new Connections(new ConnectionLimits(1000, HEADER_TIMEOUT, HEADER_BYTES), () -> nanos);
        var all = new ArrayList<Fake>();
        for (int i = 0; i < 100; i++) {
            var one = new Fake() {
                @Override
                public boolean closeUnlessUsed() {
                    many.closed(this);
                    return super.closeUnlessUsed();
                }
            };
            all.add(one);
            many.opened(one);
            nanos++;
        }
        nanos += Duration.ofSeconds(1).toNanos();
        many.noMoreFiles();
        assertThat(closed)
                .as("16 files, and one for the next connection")
                .containsExactlyElementsOf(all.subList(0, 17));
        assertThat(many.most()).isEqualTo(84);
        nanos += Duration.ofSeconds(59).toNanos();
        many.closeOverdue();
        assertThat(many.most()).isEqualTo(84);
        nanos += Duration.ofSeconds(1).toNanos();
        many.closeOverdue();
        assertThat(many.most()).isEqualTo(1000);
    }

    @Test
    void connectionsThatAreBeingOpenedCount() {
        use(open(MOST - 1));
        assertThat(connections.makeRoom()).isTrue();
        connections.opening();
        assertThat(connections.makeRoom()).isFalse();
        connections.openingEnded();
        assertThat(connections.makeRoom()).isTrue();
    }

    @Test
    void popsWaitOnSevenEighthsAndOthersHardlyWait() {
        Duration minute = Duration.ofMinutes(1);
        var waits = new ArrayList<Duration>();
        var pops = new ArrayList<CompletableFuture<String>>();
        for (int i = 0; i < MOST; i++) {
            var pop = new CompletableFuture<String>();
            pops.add(pop);
            CompletableFuture<String> unused = connections.waiting(minute, wait -> {
                waits.add(wait);
                return pop;
            });
        }
        int may = MOST * 7 / 8;
        assertThat(waits.subList(0, may)).containsOnly(minute);
        assertThat(waits.subList(may, MOST)).containsOnly(Connections.CROWDED_WAIT);
        pops.get(0).complete("answer");
        pops.get(1).completeExceptionally(new IllegalStateException());
        pops.get(MOST - 1).complete("answer");
        for (Duration wait : List.of(minute, minute, minute)) {
            CompletableFuture<String> unused = connections.waiting(wait, possible -> {
                waits.add(possible);
                return new CompletableFuture<>();
            });
        }
        assertThat(waits.subList(MOST, MOST + 3)).containsExactly(minute, minute, Connections.CROWDED_WAIT);
        assertThat(connections.waiting(Duration.ZERO, CompletableFuture::completedFuture))
                .isCompletedWithValue(Duration.ZERO);
    }

    @Test
    void moreThanSevenEighthsAreACrowd() {
        use(open(MOST * 7 / 8));
        assertThat(connections.crowded()).isFalse();
        use(open(1));
        assertThat(connections.crowded()).isTrue();
    }

    @Test
    void headersThatAreLateEndTheirConnectionAndOthersDoNot() {
        List<Fake> all = open(3);
        all.get(0).headersSince = nanos;
        all.get(1).headersSince = nanos + 1;
        nanos += HEADER_TIMEOUT.toNanos();
        connections.closeOverdue();
        assertThat(closed).containsExactly(all.get(0));
        assertThat(connections.overdue()).isEqualTo(1);
        nanos++;
        connections.closeOverdue();
        assertThat(closed).containsExactly(all.get(0), all.get(1));
    }

    @ParameterizedTest
    @CsvSource({
        "25000, 536870912, 1000000, 100, 25000", // as configured
        "25000, 201326592, 1000000, 100, 12288", // a heap of 192 MiB
        "25000, 536870912, 1024, 150, 618", // 256 files are reserved
        "25000, 536870912, 400, 150, 150", // a quarter of the files is reserved
        "25000, 536870912, 100, 99, 16", // never fewer
        "100, 536870912, 1024, 150, 100"
    })
    void asManyAreAllowedAsHeapAndFilesHold(int configured, long heap, long files, long open, int expected) {
        assertThat(new ConnectionLimits(configured, HEADER_TIMEOUT, HEADER_BYTES)
                        .within(heap, files, open)
                        .most())
                .isEqualTo(expected);
    }
}
