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
 * Locks a directory for one holder: a lock on a file in it, whose one line names the holder. The operating system frees
 * the lock when the process ends, however it ends.
 *
 * <p>On some systems, closing any handle of a locked file frees the lock of the whole process. So the holders within
 * this process are in a map, and a second attempt does not open the file.
 */
public final class DirectoryLock implements Closeable {
    private static final int MAX_HOLDER_BYTES = 512;
    private static final Pattern HOLDER = Pattern.compile("process (?<pid>\\d{1,18}) on (?<host>.*) since .*");
    private static final Map<Path, String> holdersHere = new HashMap<>(); // By lock file. Guarded by itself.

    private final Path file;
    private final FileChannel channel;
    private final FileLock lock;

    private DirectoryLock(Path file, FileChannel channel, FileLock lock) {
        this.file = file;
        this.channel = channel;
        this.lock = lock;
    }

    /**
     * Takes the lock until it is closed or the process ends.
     *
     * @param name the name of the lock file; created if it is missing
     * @param attributes attributes of a new lock file
     * @throws DirectoryLockedException if another holder, in this process or another one, has the lock
     */
    public static DirectoryLock take(Path directory, String name, FileAttribute<?>... attributes) throws IOException {
        var file = directory.toRealPath().resolve(name);
        synchronized (holdersHere) {
            var here = holdersHere.get(file);
            if (here != null) {
                throw new DirectoryLockedException(directory, here);
            }
            var channel = FileChannel.open(
                    file,
                    Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                    attributes);
            try {
                var lock = channel.tryLock();
                if (lock == null) {
                    throw new DirectoryLockedException(directory, holder(channel));
                }
                var holder = "process " + ProcessHandle.current().pid() + " on " + host() + " since " + Instant.now();
                channel.truncate(0);
                channel.write(ByteBuffer.wrap((holder + "\n").getBytes(StandardCharsets.UTF_8)), 0);
                holdersHere.put(file, holder);
                return new DirectoryLock(file, channel, lock);
            } catch (IOException | RuntimeException e) {
                channel.close();
                throw e;
            }
        }
    }

    /**
     * Returns who has the lock now. If the process that the file names may still run, this takes the lock for a moment
     * (shared), which a concurrent {@link #take} could meet; so it does not try if that process has ended.
     */
    static Optional<String> holder(Path directory, String name) throws IOException {
        var file = directory.toRealPath().resolve(name);
        synchronized (holdersHere) {
            var here = holdersHere.get(file);
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

    /** Returns whether the holder was a process of this machine that has ended. */
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
        synchronized (holdersHere) {
            holdersHere.remove(file);
            try {
                lock.release();
            } finally {
                channel.close();
            }
        }
    }
}
