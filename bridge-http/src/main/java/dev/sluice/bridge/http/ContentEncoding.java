package dev.sluice.bridge.http;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import dev.sluice.bridge.limits.InvalidRequestException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.DataFormatException;

/** The compression of a request body (RFC 9110 §8.4; gzip of RFC 1952, zstd of RFC 8878). */
enum ContentEncoding {
    IDENTITY,
    GZIP,
    ZSTD;

    private static final String ALL = "gzip, zstd";
    private static final String WITHOUT_ZSTD = "gzip";
    private static final int LEAST_BYTES = 16 << 10;
    private static final int USUAL_RATIO = 4;
    private static final byte[] NONE = new byte[0];

    /** Bounds a body while it is decompressed, and takes its memory. */
    interface Room {
        /** Returns the largest size of the body. */
        int limitBytes();

        /** Returns the refusal of a larger body. */
        InvalidRequestException tooLarge();

        /**
         * Takes bytes of memory.
         *
         * @throws RuntimeException if none are left
         */
        void take(int bytes);

        /** Gives back bytes of memory. */
        void giveBack(int bytes);
    }

    /**
     * Reads the header {@code Content-Encoding}.
     *
     * @throws InvalidRequestException (415) if it names another encoding or several, or zstd where its library cannot
     *     be loaded; the answer then has {@code Accept-Encoding}
     */
    static ContentEncoding of(Request request) {
        String header = String.join(", ", request.headers("Content-Encoding"));
        String name = header.strip().toLowerCase(Locale.ROOT);
        return switch (name) {
            case "", "identity" -> IDENTITY;
            case "gzip", "x-gzip" -> GZIP;
            case "zstd" -> {
                Optional<String> problem = ZstdLibrary.problem();
                if (problem.isPresent()) {
                    throw refusal(request, "Content-Encoding zstd cannot be used here: " + problem.get());
                }
                yield ZSTD;
            }
            default -> throw refusal(request, "Content-Encoding is not supported: " + header);
        };
    }

    private static InvalidRequestException refusal(Request request, String reason) {
        String supported = ZstdLibrary.problem().isPresent() ? WITHOUT_ZSTD : ALL;
        request.answerHeader("Accept-Encoding", supported);
        return InvalidRequestException.unsupportedMediaType(reason + " (supported: " + supported + ")");
    }

    /**
     * Decompresses a body. An empty body stays empty. The memory of the result stays taken.
     *
     * @throws InvalidRequestException (400) if the body does not have the format of its header, is cut off, or has
     *     bytes behind its end; (413) if it has no room
     */
    byte[] decode(byte[] body, Room room) {
        if (body.length == 0) {
            return body;
        }
        return switch (this) {
            case IDENTITY -> body;
            case GZIP -> gunzip(body, room);
            case ZSTD -> unzstd(body, room);
        };
    }

    private static byte[] gunzip(byte[] body, Room room) {
        long announced = Gzip.announcedBytes(body);
        boolean plausible = announced > 0 && announced <= room.limitBytes();
        var bytes = new GrowingBytes(room, plausible ? (int) announced : firstSize(body, room));
        try {
            Gzip.decompress(body, bytes);
        } catch (DataFormatException e) {
            throw badRequest("The request body is not gzip, or is cut off");
        }
        return bytes.exact();
    }

    private static int firstSize(byte[] body, Room room) {
        return (int) Math.min(Math.max(LEAST_BYTES, (long) USUAL_RATIO * body.length), room.limitBytes());
    }

    /**
     * Decompresses into one array that is large enough. A stream would allocate the window that a frame asks for, up to
     * 128 MiB outside the heap; one array needs no window. Accepts several frames, and refuses bytes behind the last.
     */
    private static byte[] unzstd(byte[] body, Room room) {
        long announced = Zstd.getFrameContentSize(body);
        if (announced > room.limitBytes()) {
            throw room.tooLarge();
        }
        int size = announced > 0 ? (int) announced : firstSize(body, room);
        room.take(size);
        byte[] bytes = new byte[size];
        while (true) {
            try {
                int length = (int) Zstd.decompressByteArray(bytes, 0, bytes.length, body, 0, body.length);
                return exact(bytes, length, room);
            } catch (ZstdException e) {
                if (e.getErrorCode() != Zstd.errDstSizeTooSmall()) {
                    throw badRequest("The request body is not zstd, or is cut off");
                }
            }
            if (bytes.length == room.limitBytes()) {
                throw room.tooLarge();
            }
            int larger = (int) Math.min(Math.max(LEAST_BYTES, 2L * bytes.length), room.limitBytes());
            room.giveBack(bytes.length);
            bytes = NONE; // Two arrays at once would need more memory than was taken.
            room.take(larger);
            bytes = new byte[larger];
        }
    }

    private static byte[] exact(byte[] bytes, int length, Room room) {
        if (length == bytes.length) {
            return bytes;
        }
        room.take(length);
        byte[] exact = Arrays.copyOf(bytes, length);
        room.giveBack(bytes.length);
        return exact;
    }
}
