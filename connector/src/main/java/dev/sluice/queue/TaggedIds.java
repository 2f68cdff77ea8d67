package dev.sluice.queue;

import java.util.OptionalLong;
import java.util.UUID;

/**
 * Converts ids of one kind to UUIDs of version 8 (RFC 9562 §5.8), and back. The upper half of the UUID is a fixed mark,
 * which tells one kind of id from another. The 62 free bits of the lower half hold the id.
 *
 * @param mark upper half of the UUIDs of this kind, with its version in it
 */
record TaggedIds(long mark) {
    private static final long VARIANT = 0x8000_0000_0000_0000L;
    private static final long ID_MASK = 0x3fff_ffff_ffff_ffffL;

    UUID toUuid(long id) {
        if (id < 1 || id > ID_MASK) {
            throw new IllegalArgumentException("not an id of the database: " + id);
        }
        return new UUID(mark, VARIANT | id);
    }

    OptionalLong fromUuid(UUID uuid) {
        long low = uuid.getLeastSignificantBits();
        long id = low & ID_MASK;
        if (uuid.getMostSignificantBits() != mark || (low & ~ID_MASK) != VARIANT || id == 0) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(id);
    }
}
