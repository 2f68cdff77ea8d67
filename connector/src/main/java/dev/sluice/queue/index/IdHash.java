package dev.sluice.queue.index;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.zip.CRC32C;

/** The hash of a transaction id, as the table {@code transaction_id_hashes} has it. */
final class IdHash {
    /** Buckets of a block. The lowest bits of a hash choose one. */
    static final int BUCKETS = 64;

    private IdHash() {}

    static int of(String transactionId) {
        var crc = new CRC32C();
        crc.update(transactionId.getBytes(UTF_8));
        return (int) crc.getValue();
    }

    static int bucket(int hash) {
        return hash & (BUCKETS - 1);
    }
}
