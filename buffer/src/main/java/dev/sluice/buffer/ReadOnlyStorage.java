package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/** A view of a storage in which every operation that would change it throws. */
record ReadOnlyStorage(Storage storage) implements Storage {

    private static IOException refused(String operation, String name) {
        return new IOException("the log was opened for reading: no " + operation + " of " + name);
    }

    @Override
    public Closeable lock() throws IOException {
        return storage.lock();
    }

    @Override
    public List<String> list(String directory) throws IOException {
        return storage.list(directory);
    }

    @Override
    public StoredFile create(String name) throws IOException {
        throw refused("creation", name);
    }

    @Override
    public StoredFile open(String name, boolean writable) throws IOException {
        if (writable) {
            throw refused("writing", name);
        }
        return storage.open(name, false);
    }

    @Override
    public void rename(String from, String to) throws IOException {
        throw refused("renaming", from);
    }

    @Override
    public void delete(String name) throws IOException {
        throw refused("deletion", name);
    }

    @Override
    public void createDirectory(String name) throws IOException {
        throw refused("creation", name);
    }

    @Override
    public void syncDirectory(String directory) throws IOException {
        throw refused("sync", directory);
    }

    @Override
    public long usableBytes() throws IOException {
        return storage.usableBytes();
    }
}
