package dev.sluice.buffer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A file that occupies space for the committed position. When the disk is full, the log deletes the file; then it can
 * store the position and delete segments. Used by one thread at a time.
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

    /** Creates the file unless it exists. A full disk is no error here. */
    void take() {
        if (held || bytes == 0) {
            return;
        }
        try (var file = storage.create(FILE)) {
            // Random bytes, so that a file system that compresses reserves the space too.
            var filling = new byte[bytes];
            ThreadLocalRandom.current().nextBytes(filling);
            file.write(ByteBuffer.wrap(filling), 0);
            file.force();
            held = true;
        } catch (FileAlreadyExistsException earlier) {
            held = true;
        } catch (IOException e) {
            log.debug("The disk has no space for the reserve now reason={}", e.getMessage());
            release();
        }
    }

    /** Deletes the file, also that of an earlier opening; returns whether there was one. */
    boolean release() {
        held = false;
        try {
            boolean had = storage.list("").contains(FILE);
            storage.delete(FILE);
            return had;
        } catch (IOException e) {
            log.debug("The reserve could not be deleted reason={}", e.getMessage());
            return false;
        }
    }

    /** Stores the position. If the disk is full, releases the reserve and tries again. */
    void store(CommittedPosition position) throws IOException {
        try {
            position.store(storage);
        } catch (DiskFullException e) {
            if (!release()) {
                throw e;
            }
            position.store(storage);
        }
    }
}
