package dev.sluice.bridge;

import dev.sluice.bridge.system.StartException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The open parts of a service. They close in the reverse order of their opening. */
final class OpenParts implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(OpenParts.class);

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final BooleanSupplier calledOff;

    /**
     * Makes it without a part.
     *
     * @param calledOff whether a start must give up; asked after each part
     */
    OpenParts(BooleanSupplier calledOff) {
        this.calledOff = calledOff;
    }

    /**
     * Adds a part.
     *
     * @throws StartException if the start is called off
     */
    <T extends AutoCloseable> T add(T part) throws StartException {
        onClose(part);
        if (calledOff.getAsBoolean()) {
            throw new StartException("stopped before it served");
        }
        return part;
    }

    /** Adds an action for the close. */
    void onClose(AutoCloseable action) {
        parts.push(action);
    }

    /** Closes all parts. If one fails, closes the others. Does nothing the second time. */
    @Override
    public void close() {
        while (!parts.isEmpty()) {
            AutoCloseable part = parts.pop();
            try {
                part.close();
            } catch (Exception e) {
                log.error(
                        "A part of the service did not close part={}",
                        part.getClass().getSimpleName(),
                        e);
            }
        }
    }
}
