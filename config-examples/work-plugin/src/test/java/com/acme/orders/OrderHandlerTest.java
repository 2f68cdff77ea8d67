package com.acme.orders;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.work.Work;
import dev.sluice.work.testing.WorkTester;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs the handler with the kit for tests, on the thread of the test and without a database. */
class OrderHandlerTest {
    @TempDir
    Path directory;

    private WorkTester tester;

    @BeforeEach
    void make() {
        var handler = new OrderHandlers().create(Map.of("directory", directory.toString()));
        tester = WorkTester.builder().handler("orders", handler).build();
    }

    @Test
    void writesTheSameInvoiceEachTime() throws Exception {
        for (int run = 0; run < 2; run++) {
            tester.enqueue(Work.of("orders", "{\"order\":\"A-17\",\"cents\":1205}"));
            tester.runDue();
            assertEquals(
                    "Order A-17: 12.05",
                    Files.readString(directory.resolve("A-17.txt")).strip());
        }
        assertTrue(tester.deadLetters().isEmpty());
    }

    @Test
    void refusesAnOrderWithoutANameAtOnce() {
        var id = tester.enqueue(Work.of("orders", "{\"cents\":1205}")).id();
        tester.runDue();
        assertEquals(1, tester.runs(id).size());
        assertEquals(1, tester.deadLetters().size());
    }

    @Test
    void needsADirectory() {
        assertThrows(IllegalArgumentException.class, () -> new OrderHandlers().create(Map.of()));
    }
}
