package com.acme.orders;

import dev.sluice.work.Handler;
import dev.sluice.work.HandlerProvider;
import java.nio.file.Path;
import java.util.Map;

/** Makes the handler of orders. The service finds this class by the file in META-INF/services. */
public final class OrderHandlers implements HandlerProvider {
    @Override
    public String type() {
        return "orders";
    }

    @Override
    public Handler create(Map<String, String> config) {
        String directory = config.get("directory");
        if (directory == null || directory.isBlank()) {
            throw new IllegalArgumentException("config.directory must be set: where invoices are written");
        }
        return new OrderHandler(Path.of(directory));
    }
}
