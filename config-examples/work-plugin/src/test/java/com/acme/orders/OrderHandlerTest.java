package com.acme.orders;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.work.Context;
import dev.sluice.work.Handler;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OrderHandlerTest {
    /** The handler reports its progress, and asks nothing. */
    private static final Context CONTEXT = (Context) Proxy.newProxyInstance(
            Context.class.getClassLoader(), new Class<?>[] {Context.class}, (proxy, method, arguments) -> null);

    @TempDir
    Path directory;

    private Handler handler() {
        return new OrderHandlers().create(Map.of("directory", directory.toString()));
    }

    @Test
    void writesTheSameInvoiceEachTime() throws Exception {
        Work work = Work.of("orders", "{\"order\":\"A-17\",\"cents\":1205}");
        handler().validate(work);
        for (int run = 0; run < 2; run++) {
            assertEquals(Outcome.done(), handler().handle(work, CONTEXT));
            assertEquals("Order A-17: 12.05", Files.readString(directory.resolve("A-17.txt")).strip());
        }
    }

    @Test
    void refusesAnOrderWithoutAName() {
        Work work = Work.of("orders", "{\"cents\":1205}");
        assertThrows(IllegalArgumentException.class, () -> handler().validate(work));
    }

    @Test
    void needsADirectory() {
        assertThrows(IllegalArgumentException.class, () -> new OrderHandlers().create(Map.of()));
    }
}
