package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;

/** An open file of a {@link Storage}. */
interface StoredFile extends Closeable {

    /** Reads into the buffer from the position; returns the bytes read, or -1 at or beyond the end. */
    int read(ByteBuffer target, long position) throws IOException;

    /** Writes all that remains in the buffer at the position. After an exception, part of it may be there. */
    void write(ByteBuffer source, long position) throws IOException;

    /** Makes the contents (and the size) durable. After an exception nothing is known about earlier writes. */
    void force() throws IOException;

    /** Cuts the file to the size. */
    void truncate(long size) throws IOException;

    /** Returns the size in bytes. */
    long size() throws IOException;
}
