package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.NewMessage;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Where a run is cut into rows. {@link QueueWriterTest} tests the rows in PostgreSQL. */
class SegmentCopyTest {
    private static List<NewMessage> messages(int count, int payloadBytes) {
        return Collections.nCopies(count, message("q", "p", "t1", "\"" + "x".repeat(payloadBytes - 2) + "\""));
    }

    /** Returns how many messages each row has. */
    private static List<Integer> rows(List<NewMessage> messages, boolean compressed) {
        var rows = new ArrayList<Integer>();
        for (int from = 0; from < messages.size(); ) {
            int to = SegmentCopy.rowEnd(messages, from, compressed);
            rows.add(to - from);
            from = to;
        }
        return rows;
    }

    @Test
    void compressedRowsAreBoundedByMessages() {
        int most = SegmentCopy.MAX_SEGMENT_MESSAGES;
        assertThat(rows(messages(most, 10), true)).containsExactly(most);
        assertThat(rows(messages(most + 1, 10), true)).containsExactly(most, 1);
    }

    @Test
    void compressedRowsAreBoundedByBytes() {
        int half = SegmentCopy.MAX_SEGMENT_BYTES / 2;
        assertThat(rows(messages(2, half), true)).containsExactly(2);
        assertThat(rows(messages(2, half + 1), true)).containsExactly(1, 1);
        assertThat(rows(messages(2, 3 * half), true)).containsExactly(1, 1);
    }

    @Test
    void otherRowsFillAPage() {
        List<Integer> rows = rows(messages(100, 200), false);
        assertThat(rows).hasSize(4);
        int first = rows.get(0);
        assertThat(rows.subList(0, 3)).allMatch(each -> each == first);
        assertThat(first * 200).isBetween(SegmentCopy.MIN_PAGE_ROW_BYTES, SegmentCopy.PAGE_ROW_BYTES);
    }

    @Test
    void otherRowsAreLongIfAPageWouldBeFarFromFull() {
        int most = SegmentCopy.PAGE_ROW_BYTES;
        assertThat(rows(messages(4, most * 3 / 4), false))
                .as("one fills three quarters")
                .containsExactly(1, 1, 1, 1);
        assertThat(rows(messages(4, most * 5 / 8), false)).as("one fills less").containsExactly(4);
        assertThat(rows(messages(4, most * 2), false)).as("none fits at all").containsExactly(4);
        assertThat(rows(messages(7, most * 3 / 10), false))
                .as("three fill a page")
                .containsExactly(3, 3, 1);
    }

    @Test
    void otherRowsHaveTheBoundsOfCompressedRows() {
        int most = SegmentCopy.MAX_SEGMENT_BYTES;
        assertThat(rows(messages(40, most / 16), false)).containsExactly(16, 16, 8);
        assertThat(rows(messages(2, 2 * most), false)).containsExactly(1, 1);
    }
}
