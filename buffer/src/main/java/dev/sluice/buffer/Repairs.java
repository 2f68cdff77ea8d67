package dev.sluice.buffer;

import dev.sluice.buffer.RecoveryReport.Finding;
import dev.sluice.buffer.RecoveryReport.Kind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The findings of a {@link Recovery}, and the few ways in which it changes files. Without {@code repair} the files stay
 * as they are, and the numbers are those of a repair.
 */
final class Repairs {
    private final Storage storage;
    private final Quarantine quarantine;
    private final boolean repair;
    private final List<Finding> findings = new ArrayList<>();
    private long cutBytes;
    private long quarantinedBytes;
    private long lostEntries;

    Repairs(Storage storage, boolean repair) {
        this.storage = storage;
        this.quarantine = new Quarantine(storage);
        this.repair = repair;
    }

    void report(Kind kind, String file, long position, long bytes, String detail) {
        findings.add(new Finding(kind, file, position, bytes, detail));
    }

    boolean hasFound(Kind kind) {
        return findings.stream().anyMatch(finding -> finding.kind() == kind);
    }

    void countLost(long offsets) {
        lostEntries += offsets;
    }

    /** Copies a damaged range to the quarantine; returns false if that failed, so the file must be kept. */
    boolean copy(String name, long from, long to) {
        return copy(name, name, from, to);
    }

    /** Copies the damaged position under a name of its own, because another one may follow. */
    void copyPosition() {
        var unused = copy(
                CommittedPosition.FILE,
                CommittedPosition.FILE + "-" + System.currentTimeMillis(),
                0,
                CommittedPosition.BYTES);
    }

    private boolean copy(String name, String copyName, long from, long to) {
        quarantinedBytes += to - from;
        if (!repair) {
            return true;
        }
        try (var file = storage.open(name, false)) {
            quarantine.copy(file, copyName, from, to);
            return true;
        } catch (IOException e) {
            report(
                    Kind.NOT_COPIED,
                    name,
                    from,
                    to - from,
                    "it could not be copied to the quarantine: " + e.getMessage());
            return false;
        }
    }

    /** Moves a file to the quarantine. */
    void move(String name, long bytes) throws IOException {
        quarantinedBytes += bytes;
        if (repair) {
            quarantine.move(name);
        }
    }

    /** Deletes a file that holds nothing. */
    void delete(String name) throws IOException {
        if (repair) {
            storage.delete(name);
        }
    }

    /** Cuts a file at {@code size} and makes the rest durable. */
    void cut(String name, long size, long bytes) throws IOException {
        cutBytes += bytes;
        if (repair) {
            try (var file = storage.open(name, true)) {
                if (file.size() > size) {
                    file.truncate(size);
                }
                file.force();
            }
        }
    }

    /** Makes a segment durable. */
    void sync(String name) throws IOException {
        cut(name, Long.MAX_VALUE, 0);
    }

    List<Finding> findings() {
        return findings;
    }

    long cutBytes() {
        return cutBytes;
    }

    long quarantinedBytes() {
        return quarantinedBytes;
    }

    long lostEntries() {
        return lostEntries;
    }
}
