/**
 * A durable log on local disk: {@link dev.sluice.buffer.SegmentLog}. Bytes in, bytes out; it knows files, not messages.
 *
 * <h2>Aims</h2>
 *
 * <p>What was acknowledged is never lost; what is read is what was written; opening always succeeds, whatever the files
 * contain, and says what it found; nothing is deleted that has not been looked at; appends share syncs; reading takes
 * the same memory for any backlog and never holds up appends.
 *
 * <h2>Files</h2>
 *
 * <p>One directory per log, mode 0700, files 0600.
 *
 * <pre>
 * 00000000000000000042.log   a segment, named by the first offset it may hold
 * position                   how far the log has been moved on, and whether it was closed cleanly
 * position.new               the next one, before it is renamed
 * lock                       locked while the log is open; names the process that holds it
 * reserve                    space that is given back when the disk is full, so that position can be written
 * quarantine/                damaged bytes and foreign segments, kept for people; never read, never deleted
 * </pre>
 *
 * <p>A segment is a header of 64 bytes and frames without gaps between them. A frame is one append: checked, and
 * recovered, as a whole. All numbers are big-endian. Checksums are CRC-32C (RFC 3720 appendix B.4).
 *
 * <pre>
 * Segment header
 * offset  width  field      meaning
 *      0      8  magic      "SLUICLOG"
 *      8      4  version    1; magic, version and checksum stay where they are in every version
 *     12      4  reserved   0
 *     16     16  log id     UUID; its second half is computed from its first
 *     32      8  epoch      1 and up
 *     40      8  first      offset; the same as in the file's name
 *     48      8  created    milliseconds since 1970
 *     56      4  reserved   0
 *     60      4  checksum   of bytes 0..59
 *
 * Frame
 * offset  width  field      meaning
 *      0      4  checksum   of every byte of the frame after it
 *      4      4  length     bytes of the body, at most 64 MiB
 *      8      8  log        first half of the log id: a frame of another log is not one of ours
 *     16      4  epoch      1 and up
 *     20      4  count      records in the body, 1 to 1,048,576; 0 for a void frame
 *     24      8  first      offset of the first record
 *     32      8  appended   milliseconds since 1970
 *     40      n  body       per record: length (4 bytes), payload
 *
 * Void frame: its body is 8 bytes, the number of offsets from first on that hold nothing, because appends failed.
 *
 * position
 * offset  width  field      meaning
 *      0      8  magic      "SLUICPOS"
 *      8      4  version    1
 *     12      4  reserved   0
 *     16     16  log id
 *     32      8  epoch      the newest one begun
 *     40      8  committed  everything below has been moved on
 *     48      8  clean end  offset at which the log was closed cleanly, -1 while it is open
 *     56      4  reserved   0
 *     60      4  checksum   of bytes 0..59
 * </pre>
 *
 * <p>The first 119 bytes of segment 00000000000000000042.log of log 01234567-89ab-8def-a8e4-12a890f5108a: epoch 3,
 * created and appended in June 2025, one append of the two records {@code alpha} and {@code be}. A test decodes them
 * from here.
 *
 * <pre>
 * 00000000  53 4c 55 49 43 4c 4f 47 00 00 00 01 00 00 00 00
 * 00000010  01 23 45 67 89 ab 8d ef a8 e4 12 a8 90 f5 10 8a
 * 00000020  00 00 00 00 00 00 00 03 00 00 00 00 00 00 00 2a
 * 00000030  00 00 01 97 74 20 dc 00 00 00 00 00 f6 7c eb ae
 * 00000040  f2 b7 1a c0 00 00 00 0f 01 23 45 67 89 ab 8d ef
 * 00000050  00 00 00 03 00 00 00 02 00 00 00 00 00 00 00 2a
 * 00000060  00 00 01 97 74 20 dc 2a 00 00 00 05 61 6c 70 68
 * 00000070  61 00 00 00 02 62 65
 * </pre>
 *
 * <h2>Invariants</h2>
 *
 * <ol>
 *   <li>Within a log, each frame begins at the offset where the one before it ends. A gap means damage.
 *   <li>A segment ends where the next begins: frames at or above the next one's first offset do not count. They are
 *       what a failed write may leave.
 *   <li>(log id, epoch, offset) names at most one append, ever, whatever was lost. Offsets of failed appends are not
 *       given out again within an epoch, and an opening that does not follow a clean close begins a new epoch, made
 *       durable in {@code position} before the first append.
 *   <li>Only the newest segment has bytes that were not synced: a segment is synced before the next is begun. The
 *       exception is a segment whose sync failed; it is not written again, and its unsynced appends were reported as
 *       failed to all who waited for them or ask later.
 *   <li>{@code position} is durable before a segment below it is deleted. It is replaced in one step: another file,
 *       written and synced, is renamed over it, and the directory synced.
 *   <li>After an opening, or after {@link dev.sluice.buffer.SegmentLog#retain}, a segment is deleted only when a commit
 *       passes it once more, so that whoever reads the log can first compare it with where it was moved on to.
 *   <li>A segment's header and its name are durable before the first frame is written into it.
 *   <li>The mark of a clean close is durable only while nothing is appended: opening removes it first.
 *   <li>The bytes in use are the sum of the segments' lengths, so that they cannot drift.
 * </ol>
 *
 * <h2>Writing</h2>
 *
 * <p>{@link dev.sluice.buffer.SegmentLog#append} gives out offsets under a short lock and puts the append into a list.
 * One thread takes the list, encodes it into a buffer of one mebibyte, hands that to the operating system in one write,
 * lets readers and callers know, and, if anybody waits for the disk, syncs once for all of them. Meanwhile the next
 * list gathers.
 *
 * <p>If a write fails, the file is cut back to the last good frame, or left where it is for another segment if that
 * fails too; everything not yet written fails; a void frame takes the place of the offsets. A full disk is such a
 * failure, and the next append tries again. If a sync fails, the file is not trusted again: whoever waits is told, and
 * the log goes on in a new segment. Such a failure leaves the appends readable and their durability unknown, as after a
 * power cut.
 *
 * <p>Above {@code buffer.max.bytes} appends are refused until usage falls below 90 % of it. Appends waiting in memory
 * have a bound of their own. Both refusals say the numbers and are counted apart.
 *
 * <h2>Opening</h2>
 *
 * <ol>
 *   <li>Take the lock; list the files. Names that are not ours are reported and left alone.
 *   <li>Read {@code position} and all headers. The log's id is the one most headers state.
 *   <li>A file named like a segment but of another log, or of another place in this one, is moved to the quarantine.
 *       One that is empty or all zero is deleted. One of an unknown version is left alone, and the log goes on above
 *       every offset it could contain. One with a damaged header is kept if it has frames of ours: frames say all that
 *       headers say.
 *   <li>Read the newest segment, and {@code buffer.verify.bytes} of older ones, frame by frame. Where there is no
 *       intact frame, look for the next one. If there is one, in this segment or a later one, what lies between is
 *       damage: it is copied to the quarantine, counted, and passed over. If there is none, it is a torn tail, and is
 *       cut; a tail that holds a complete frame with a wrong checksum is copied first, since it might be damage.
 *   <li>Sync the newest segment: what a killed process had written is now durable.
 *   <li>Unless {@code position} carries the mark of a clean close that agrees with the data, raise the epoch. Store
 *       {@code position} without the mark. New appends go to a new segment, made when the first of them is written.
 * </ol>
 *
 * <p>Everything out of the ordinary is in the {@link dev.sluice.buffer.RecoveryReport}. Opening fails only when the
 * disk does, or when a file cannot be opened at all.
 *
 * <h2>Reading</h2>
 *
 * <p>A reader verifies each frame's checksum. Damage it finds is treated as at opening: copied once, counted, passed
 * over. A segment whose damaged bytes could not be copied, or that could not be read, is moved to the quarantine as a
 * whole when its turn to be deleted comes.
 *
 * <h2>What can be lost</h2>
 *
 * <table>
 *   <caption>Appends that can be lost after {@code sync(offset)} has completed, by policy</caption>
 *   <tr><th>{@code buffer.fsync}</th><th>{@code sync} completes</th><th>process killed</th><th>power cut</th></tr>
 *   <tr><td>{@code always}</td><td>after an fdatasync</td><td>none</td><td>none</td></tr>
 *   <tr><td>{@code interval:<ms>}</td><td>when written</td><td>none</td>
 *     <td>those of the last interval, and of the sync in progress</td></tr>
 *   <tr><td>{@code os}</td><td>when written</td><td>none</td>
 *     <td>those since the newest segment was begun, or what the system has not written by itself: about 30 s on Linux</td></tr>
 * </table>
 *
 * <p>With every policy, an append for which {@code sync} was not awaited can be lost in a power cut, and one whose
 * {@code written} has not completed also when the process is killed. An append that failed may nevertheless be found
 * after a crash: its outcome is unknown, as that of any request without an answer. None of this holds for a disk that
 * loses what it has said is durable, or for a network file system; opening warns about the latter.
 */
@NullMarked
package dev.sluice.buffer;

import org.jspecify.annotations.NullMarked;
