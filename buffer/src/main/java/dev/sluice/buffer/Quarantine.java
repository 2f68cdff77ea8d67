package dev.sluice.buffer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Locale;

/**
 * The directory {@code quarantine/}, which keeps damaged bytes for people to examine. The name of a copy states file
 * and byte range, so the same damage is copied once. A foreign file moves there whole. The log never reads or deletes
 * anything in it.
 */
final class Quarantine {
    static final String DIRECTORY = "quarantine";
    private static final int COPY_BYTES = 1 << 16;

    private final Storage storage;

    Quarantine(Storage storage) {
        this.storage = storage;
    }

    /** Copies the bytes {@code from} (inclusive) to {@code to} (exclusive) of a file, durably, unless a copy exists. */
    void copy(StoredFile source, String name, long from, long to) throws IOException {
        var copy = String.format(Locale.ROOT, "%s.%d-%d", name, from, to);
        create();
        if (storage.list(DIRECTORY).contains(copy)) {
            return;
        }
        AtomicFile.replace(storage, DIRECTORY + "/" + copy, target -> copy(source, target, from, to));
    }

    private static void copy(StoredFile source, StoredFile target, long from, long to) throws IOException {
        var buffer = ByteBuffer.allocate(COPY_BYTES);
        for (long position = from; position < to; position += buffer.limit()) {
            buffer.clear().limit((int) Math.min(COPY_BYTES, to - position));
            while (buffer.hasRemaining() && source.read(buffer, position + buffer.position()) >= 0) {}
            buffer.flip();
            if (!buffer.hasRemaining()) {
                break;
            }
            target.write(buffer.duplicate(), position - from);
        }
    }

    private void create() throws IOException {
        storage.createDirectory(DIRECTORY);
        storage.syncDirectory("");
    }

    /** Moves a whole file into the quarantine, durably. */
    void move(String name) throws IOException {
        create();
        var taken = storage.list(DIRECTORY);
        var target = name;
        for (int n = 1; taken.contains(target); n++) {
            target = name + "." + n;
        }
        storage.rename(name, DIRECTORY + "/" + target);
        storage.syncDirectory(DIRECTORY);
        storage.syncDirectory("");
    }
}
