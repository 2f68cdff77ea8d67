package com.acme.orders;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.work.Context;
import dev.sluice.work.Handler;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes an invoice for each order: a file whose name is that of the order. A work may be handled more than once, and
 * the second time writes the same file, so nothing happens twice.
 */
final class OrderHandler implements Handler {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path directory;

    OrderHandler(Path directory) {
        this.directory = directory;
    }

    /** Checks the order. An order that is not valid becomes a dead letter at once: a retry would not help. */
    @Override
    public void validate(Work work) throws IOException {
        JsonNode order = JSON.readTree(work.payload());
        if (!order.path("order").asText().matches("[A-Za-z0-9-]{1,40}")) {
            throw new IllegalArgumentException("order must be 1 to 40 letters, digits and hyphens");
        }
        if (!order.path("cents").canConvertToLong()) {
            throw new IllegalArgumentException("cents must be a whole number");
        }
    }

    /** Writes the invoice. If the disk fails, the work is tried again as its retry policy says. */
    @Override
    public Outcome handle(Work work, Context context) throws IOException {
        JsonNode order = JSON.readTree(work.payload());
        String name = order.path("order").asText();
        context.progress(50, "writing the invoice of " + name);
        long cents = order.path("cents").asLong();
        String invoice = String.format("Order %s: %d.%02d%n", name, cents / 100, Math.abs(cents % 100));
        Files.createDirectories(directory);
        Files.write(directory.resolve(name + ".txt"), invoice.getBytes(StandardCharsets.UTF_8));
        return Outcome.done();
    }
}
