package dev.sluice.buffer;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * Replaces a file in one step: after a crash at any moment, the file has its old contents or its new ones, durably.
 *
 * <p>The new contents go into {@code <name>.new} beside the file. That file is synced and renamed over the old one, and
 * the directory is synced. A crash may leave {@code <name>.new} behind; the next replacement deletes it. The new file
 * belongs to its owner alone (mode 0600). Callers exclude each other.
 */
public final class AtomicFile {
    /** The suffix of a file that is not complete yet. */
    public static final String SUFFIX = ".new";

    private static final int BUFFER_BYTES = 1 << 16;

    private AtomicFile() {}

    /** Writes the new contents of a file. */
    @FunctionalInterface
    public interface Contents {
        /** Writes all of the contents; an exception leaves the old file as it is. */
        void writeTo(OutputStream out) throws IOException;
    }

    /** Writes the new contents of a file of a {@link Storage}. */
    interface StoredContents {
        void writeTo(StoredFile file) throws IOException;
    }

    /** Creates or replaces a file. */
    public static void replace(Path file, byte[] contents) throws IOException {
        replace(file, out -> out.write(contents));
    }

    /** Creates or replaces a file with contents that may be too large for memory. */
    public static void replace(Path file, Contents contents) throws IOException {
        var target = file.toAbsolutePath();
        replace(DiskStorage.existing(target.getParent()), target.getFileName().toString(), stored -> {
            try (var out = new BufferedOutputStream(new FileStream(stored), BUFFER_BYTES)) {
                contents.writeTo(out);
            }
        });
    }

    static void replace(Storage storage, String name, StoredContents contents) throws IOException {
        var unfinished = name + SUFFIX;
        storage.delete(unfinished);
        try (var file = storage.create(unfinished)) {
            contents.writeTo(file);
            file.force();
        }
        storage.rename(unfinished, name);
        storage.syncDirectory(name.substring(0, Math.max(0, name.lastIndexOf('/'))));
    }

    /** Appends to a file that begins empty; closing does not close the file. */
    private static final class FileStream extends OutputStream {
        private final StoredFile file;
        private long position;

        FileStream(StoredFile file) {
            this.file = file;
        }

        @Override
        public void write(int value) throws IOException {
            write(new byte[] {(byte) value}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            file.write(ByteBuffer.wrap(bytes, from, length), position);
            position += length;
        }
    }
}
