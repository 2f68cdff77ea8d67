package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The file {@code lock}: locked by the process that has the log open, and saying in a line who that is. The operating
 * system frees the lock when the process ends, however it ends.
 *
 * <p>Closing any handle of a locked file frees the lock of the whole process on some systems, so within the process the
 * holder is looked up first and the file is not touched.
 */
final class DirectoryLock implements Closeable {
    static final String FILE = "lock";
    private static final int MAX_HOLDER_BYTES = 512;
    private static final Pattern HOLDER = Pattern.compile("process (?<pid>\\d{1,18}) on (?<host>.*) since .*");
    private static final Map<Path, String> heldHere = new HashMap<>();

    private final Path key;
    private final FileChannel channel;
    private final FileLock lock;

    private DirectoryLock(Path key, FileChannel channel, FileLock lock) {
        this.key = key;
        this.channel = channel;
        this.lock = lock;
    }

    static DirectoryLock take(Path directory, FileAttribute<?>... attributes) throws IOException {
        var key = directory.toRealPath();
        synchronized (heldHere) {
            var here = heldHere.get(key);
            if (here != null) {
                throw new LogLockedException(directory, here);
            }
            var channel = FileChannel.open(
                    directory.resolve(FILE),
                    Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                    attributes);
            try {
                var lock = channel.tryLock();
                if (lock == null) {
                    throw new LogLockedException(directory, holder(channel));
                }
                var holder = "process " + ProcessHandle.current().pid() + " on " + host() + " since " + Instant.now();
                channel.truncate(0);
                channel.write(ByteBuffer.wrap((holder + "\n").getBytes(StandardCharsets.UTF_8)), 0);
                heldHere.put(key, holder);
                return new DirectoryLock(key, channel, lock);
            } catch (IOException | RuntimeException e) {
                channel.close();
                throw e;
            }
        }
    }

    /**
     * Says who has the directory locked now. Somebody who is about to lock it is not disturbed: the lock is tried,
     * shared and for a moment, only if the process named in the file may still be there.
     */
    static Optional<String> holder(Path directory) throws IOException {
        var key = directory.toRealPath();
        synchronized (heldHere) {
            var here = heldHere.get(key);
            var file = directory.resolve(FILE);
            if (here != null || !Files.exists(file)) {
                return Optional.ofNullable(here);
            }
            try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
                var named = holder(channel);
                if (hasEnded(named)) {
                    return Optional.empty();
                }
                try (var lock = channel.tryLock(0, Long.MAX_VALUE, true)) {
                    return lock == null ? Optional.of(named) : Optional.empty();
                }
            }
        }
    }

    /** Says whether the holder was a process of this machine that is not there any more. */
    private static boolean hasEnded(String holder) {
        var name = HOLDER.matcher(holder);
        return name.matches()
                && name.group("host").equals(host())
                && ProcessHandle.of(Long.parseLong(name.group("pid"))).isEmpty();
    }

    private static String holder(FileChannel channel) throws IOException {
        var text = ByteBuffer.allocate(MAX_HOLDER_BYTES);
        channel.read(text, 0);
        var holder = StandardCharsets.UTF_8.decode(text.flip()).toString().strip();
        return holder.isEmpty() ? "another process" : holder;
    }

    private static String host() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        } catch (IOException notLinux) {
            var name = System.getenv().getOrDefault("HOSTNAME", System.getenv().get("COMPUTERNAME"));
            return name == null ? "this host" : name;
        }
    }

    @Override
    public void close() throws IOException {
        synchronized (heldHere) {
            heldHere.remove(key);
            try {
                lock.release();
            } finally {
                channel.close();
            }
        }
    }
}
