package dev.sluice.buffer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A file that holds nothing but space, given back when the disk is full so that the committed position can still be
 * written and segments be deleted. One thread at a time.
 */
final class Reserve {
    static final String FILE = "reserve";
    static final int DEFAULT_BYTES = 256 << 10;
    private static final Logger log = LoggerFactory.getLogger(Reserve.class);

    private final Storage storage;
    private final int bytes;
    private boolean held;

    Reserve(Storage storage, int bytes) {
        this.storage = storage;
        this.bytes = bytes;
    }

    /** Takes the space if it is not held. Failing to is no error: there is no space to take. */
    void take() {
        if (held || bytes == 0) {
            return;
        }
        try (var file = storage.create(FILE)) {
            // Random, so that no file system stores it in less space than it promises to keep.
            var filling = new byte[bytes];
            ThreadLocalRandom.current().nextBytes(filling);
            file.write(ByteBuffer.wrap(filling), 0);
            file.force();
            held = true;
        } catch (FileAlreadyExistsException earlier) {
            held = true;
        } catch (IOException e) {
            log.debug("There is no space for the reserve now. reason={}", e.getMessage());
            give();
        }
    }

    /** Gives the space back, also that of an earlier opening; true if there was any. */
    boolean give() {
        held = false;
        try {
            boolean had = storage.list("").contains(FILE);
            storage.delete(FILE);
            return had;
        } catch (IOException e) {
            log.debug("The reserve could not be given back. reason={}", e.getMessage());
            return false;
        }
    }

    /** Stores the position, with the space of the reserve if there is no other. */
    void store(CommittedPosition position) throws IOException {
        try {
            position.store(storage);
        } catch (DiskFullException e) {
            if (!give()) {
                throw e;
            }
            position.store(storage);
        }
    }
}
