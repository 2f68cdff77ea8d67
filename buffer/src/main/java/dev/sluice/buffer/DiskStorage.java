package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A directory of the real file system. New directories get mode 0700 and new files 0600 where modes exist. */
final class DiskStorage implements Storage {
    private static final Logger log = LoggerFactory.getLogger(DiskStorage.class);
    private static final Set<String> NETWORK_FILE_SYSTEMS =
            Set.of("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "9p", "afs");

    /** The file whose lock keeps other processes from opening the log. */
    static final String LOCK_FILE = "lock";

    private final Path directory;
    private final FileAttribute<?>[] fileAttributes;
    private final FileAttribute<?>[] directoryAttributes;

    private DiskStorage(Path directory) {
        this.directory = directory;
        var posix = directory.getFileSystem().supportedFileAttributeViews().contains("posix");
        this.fileAttributes = attributes(posix, "rw-------");
        this.directoryAttributes = attributes(posix, "rwx------");
    }

    private static FileAttribute<?>[] attributes(boolean posix, String permissions) {
        return posix
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }

    /** Returns the storage of an existing directory. */
    static DiskStorage existing(Path directory) {
        return new DiskStorage(directory.toAbsolutePath().normalize());
    }

    /** Creates the directory if it is missing, durably, and returns its storage. */
    static DiskStorage create(Path path) throws IOException {
        var storage = existing(path);
        storage.createAll(storage.directory);
        var type = Files.getFileStore(storage.directory).type().toLowerCase(Locale.ROOT);
        if (NETWORK_FILE_SYSTEMS.contains(type) || type.startsWith("fuse.sshfs")) {
            log.warn(
                    "The log is on a network file system, whose locks and syncs may not hold; use a local disk "
                            + "directory={} type={}",
                    storage.directory,
                    type);
        }
        return storage;
    }

    private void createAll(Path missing) throws IOException {
        if (Files.isDirectory(missing)) {
            return;
        }
        var parent = missing.getParent();
        if (parent != null) {
            createAll(parent);
        }
        Files.createDirectory(missing, directoryAttributes);
        if (parent != null) {
            sync(parent);
        }
    }

    @Override
    public Closeable lock() throws IOException {
        return DirectoryLock.take(directory, LOCK_FILE, fileAttributes);
    }

    @Override
    public List<String> list(String subdirectory) throws IOException {
        var names = new ArrayList<String>();
        try (var paths = Files.newDirectoryStream(directory.resolve(subdirectory))) {
            for (var path : paths) {
                var suffix = Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS) ? "/" : "";
                names.add(path.getFileName() + suffix);
            }
        }
        Collections.sort(names);
        return names;
    }

    @Override
    public StoredFile create(String name) throws IOException {
        return channel(
                name,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
                fileAttributes);
    }

    @Override
    public StoredFile open(String name, boolean writable) throws IOException {
        return channel(
                name,
                writable ? Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE) : Set.of(StandardOpenOption.READ));
    }

    private StoredFile channel(String name, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
            throws IOException {
        var path = directory.resolve(name);
        try {
            return new DiskFile(path, FileChannel.open(path, options, attributes));
        } catch (IOException e) {
            throw explained("open", path, e);
        }
    }

    @Override
    public void rename(String from, String to) throws IOException {
        Files.move(
                directory.resolve(from),
                directory.resolve(to),
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
    }

    @Override
    public void delete(String name) throws IOException {
        Files.deleteIfExists(directory.resolve(name));
    }

    @Override
    public void createDirectory(String name) throws IOException {
        var path = directory.resolve(name);
        if (!Files.isDirectory(path)) {
            Files.createDirectory(path, directoryAttributes);
        }
    }

    @Override
    public void syncDirectory(String name) throws IOException {
        sync(directory.resolve(name));
    }

    private static void sync(Path path) throws IOException {
        if (path.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    @Override
    public long usableBytes() throws IOException {
        return Files.getFileStore(directory).getUsableSpace();
    }

    private static IOException explained(String action, Path path, IOException cause) {
        var message = String.valueOf(cause.getMessage());
        return message.contains("No space left on device") || message.contains("Disk quota exceeded")
                ? new DiskFullException("cannot " + action + " " + path + ": " + message, cause)
                : cause;
    }

    /** A file through a channel. An interrupt of a thread in it closes the channel, so threads do not share one. */
    private record DiskFile(Path path, FileChannel channel) implements StoredFile {
        @Override
        public int read(ByteBuffer target, long position) throws IOException {
            return channel.read(target, position);
        }

        @Override
        public void write(ByteBuffer source, long position) throws IOException {
            try {
                long at = position;
                while (source.hasRemaining()) {
                    at += channel.write(source, at);
                }
            } catch (IOException e) {
                throw explained("write", path, e);
            }
        }

        @Override
        public void force() throws IOException {
            try {
                channel.force(false);
            } catch (IOException e) {
                throw explained("sync", path, e);
            }
        }

        @Override
        public void truncate(long size) throws IOException {
            channel.truncate(size);
        }

        @Override
        public long size() throws IOException {
            return channel.size();
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
