package dev.sluice.queue.letters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.ErrorShape;
import dev.sluice.queue.letters.ErrorGroups.Filter;
import dev.sluice.queue.letters.ErrorGroups.Found;
import dev.sluice.queue.letters.ErrorGroups.Order;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ErrorGroupsTest extends LettersFixture {
    private static final Filter ALL = new Filter(null, null, null, null, null, null);

    private ErrorGroups groups;

    @BeforeEach
    void makeGroups() {
        groups = new ErrorGroups(postgres.dataSource(), "sluice");
    }

    private Found find(Filter filter) {
        return groups.find(filter, true, Order.COUNT, 100);
    }

    private static List<String> lines(Found found) {
        return found.groups().stream()
                .map(group -> group.queue() + " " + group.group() + " " + group.shape() + " " + group.letters())
                .toList();
    }

    @Test
    void countsAllLettersByShape() {
        bury("a", 30, "Timeout after % ms for user %");
        bury("a", 5, "refused");
        bury("b.c", 7, "Timeout after % ms for user %");
        Found found = find(ALL);
        assertThat(lines(found))
                .containsExactly(
                        "a g Timeout after # ms for user # 30",
                        "b.c g Timeout after # ms for user # 7",
                        "a g refused 5");
        assertThat(found.letters()).isEqualTo(42);
        assertThat(found.allGroups()).isEqualTo(3);
        assertThat(found.withoutShape()).isZero();
        ErrorGroup first = found.groups().get(0);
        assertThat(first.example()).isEqualTo(30);
        assertThat(first.error()).isEqualTo("Timeout after 30 ms for user 30");
        assertThat(first.shapeId()).isEqualTo(ErrorShape.of(first.error()).id());
        Found limited = groups.find(ALL, true, Order.COUNT, 1);
        assertThat(limited.groups()).hasSize(1);
        assertThat(limited.letters()).isEqualTo(42);
        assertThat(limited.allGroups()).isEqualTo(3);
    }

    @Test
    void filtersByQueueNamespaceGroupTimeAndText() {
        bury("a", 3, "Timeout %");
        bury("b.c", 2, "refused %");
        postgres.execute("update sluice.dead_letters set failed_at = '2026-01-01Z' where id = 1;"
                + " update sluice.dead_letters set group_name = 'h' where id = 2");
        assertThat(find(new Filter("a", null, null, null, null, null)).letters())
                .isEqualTo(3);
        assertThat(find(new Filter(null, "b", null, null, null, null)).letters())
                .isEqualTo(2);
        assertThat(find(new Filter(null, null, "h", null, null, null)).letters())
                .isEqualTo(1);
        Instant later = Instant.parse("2026-01-02T00:00:00Z");
        assertThat(find(new Filter("a", null, null, later, null, null)).letters())
                .isEqualTo(2);
        assertThat(find(new Filter("a", null, null, null, later, null)).letters())
                .isEqualTo(1);
        assertThat(lines(find(new Filter(null, null, null, null, null, "TIMEOUT"))))
                .containsExactly("a g Timeout # 2", "a h Timeout # 1");
        assertThat(find(new Filter(null, null, null, null, null, "5")).groups()).isEmpty();
        assertThat(find(new Filter("nowhere", null, null, null, null, null)).letters())
                .isZero();
    }

    @Test
    void sortsByTimeToo() {
        bury("a", 2, "old %");
        bury("a", 1, "new %");
        postgres.execute("update sluice.dead_letters set failed_at = '2026-01-01Z' where error like 'old%';"
                + " update sluice.dead_letters set failed_at = '2026-02-01Z' where error like 'new%'");
        assertThat(lines(groups.find(ALL, true, Order.LAST, 10))).containsExactly("a g new # 1", "a g old # 2");
        assertThat(lines(groups.find(ALL, true, Order.FIRST, 10))).containsExactly("a g old # 2", "a g new # 1");
        ErrorGroup all = groups.find(ALL, false, Order.COUNT, 10).groups().get(0);
        assertThat(all.letters()).isEqualTo(3);
        assertThat(all.shape()).isNull();
        assertThat(all.firstAt()).isEqualTo(Instant.parse("2026-01-01T00:00:00Z"));
        assertThat(all.lastAt()).isEqualTo(Instant.parse("2026-02-01T00:00:00Z"));
    }

    /** Letters that an older version has stored have no shape. They count from the beginning. */
    @Test
    void foldsOldLettersInBoundedSteps() {
        bury("a", ErrorGroups.FOLDED + 10, "Timeout %");
        postgres.execute("update sluice.dead_letters set error_shape = null, shape_id = null");
        Found before = find(ALL);
        assertThat(before.letters()).isEqualTo(ErrorGroups.FOLDED + 10);
        assertThat(before.withoutShape()).isEqualTo(ErrorGroups.FOLDED + 10);
        assertThat(groups.fold()).isTrue();
        assertThat(find(ALL).withoutShape()).isEqualTo(10);
        assertThat(groups.fold()).isFalse();
        Found after = find(ALL);
        assertThat(after.withoutShape()).isZero();
        assertThat(lines(after)).containsExactly("a g Timeout # " + (ErrorGroups.FOLDED + 10));
        assertThat(groups.fold()).isFalse();
    }
}
