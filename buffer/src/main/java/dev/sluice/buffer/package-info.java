/**
 * A durable, append-only log on a local disk: {@link dev.sluice.buffer.SegmentLog}. The log stores byte arrays and
 * knows nothing about messages.
 *
 * <h2>Guarantees</h2>
 *
 * <ul>
 *   <li>The log never loses an acknowledged append. The table below states what that means for each sync policy.
 *   <li>A reader gets exactly the bytes that were appended.
 *   <li>Opening succeeds whatever the files contain, and reports what it found.
 *   <li>The log deletes nothing that it has not examined.
 *   <li>Concurrent appends share one sync.
 *   <li>A reader's memory does not depend on the backlog, and reading never delays appends.
 * </ul>
 *
 * <h2>Main classes</h2>
 *
 * <table>
 *   <caption>Main classes, in the order of the data</caption>
 *   <tr><th>Class</th><th>Does</th></tr>
 *   <tr><td>{@link dev.sluice.buffer.SegmentLog}</td><td>the log: append, sync, read, commit</td></tr>
 *   <tr><td>{@link dev.sluice.buffer.AppendQueue}</td>
 *     <td>assigns offsets, refuses appends above the bounds, holds the futures; under a lock, without I/O</td></tr>
 *   <tr><td>{@link dev.sluice.buffer.WriteLoop}</td>
 *     <td>writes and syncs group by group; on the writing thread</td></tr>
 *   <tr><td>{@link dev.sluice.buffer.SegmentWriter}</td><td>puts frames into the newest segment</td></tr>
 *   <tr><td>{@link dev.sluice.buffer.LogReader}</td><td>reads entries in order and verifies them</td></tr>
 *   <tr><td>{@link dev.sluice.buffer.PositionKeeper}</td>
 *     <td>stores the committed position and deletes segments below it; on the keeping thread</td></tr>
 *   <tr><td>{@link dev.sluice.buffer.Recovery}</td><td>examines and repairs the files when the log is opened</td></tr>
 *   <tr><td>{@link dev.sluice.buffer.SegmentFormat}</td><td>encodes and decodes headers and frames</td></tr>
 *   <tr><td>{@link dev.sluice.buffer.Storage}</td>
 *     <td>the file operations; {@link dev.sluice.buffer.DiskStorage} is the real one, tests simulate a disk</td></tr>
 * </table>
 *
 * <h2>Files</h2>
 *
 * <p>Each log has a directory of its own, with mode 0700; its files have mode 0600.
 *
 * <pre>
 * 00000000000000000042.log   a log segment, named by the first offset it may hold
 * position                   the committed position, and whether the log was closed cleanly
 * position.new               the next version of it, before it is renamed
 * lock                       locked while the log is open; names the process that holds it
 * reserve                    space that the log frees when the disk is full, to store the position
 * quarantine/                damaged bytes and foreign segments, for people; the log never reads or deletes them
 * </pre>
 *
 * <p>A log segment ("segment" in this package; PostgreSQL holds <i>stored segments</i>, which are something else) is a
 * header of 64 bytes, followed by frames without gaps. A frame is one append. The log verifies and recovers a frame as
 * a whole. All numbers are big-endian. Checksums are CRC-32C (RFC 3720 appendix B.4).
 *
 * <pre>
 * Segment header
 * offset  width  field      meaning
 *      0      8  magic      "SLUICLOG"
 *      8      4  version    2; magic, version and checksum have the same place in every version
 *     12      4  reserved   0
 *     16     16  log id     UUID; its second half is computed from its first half
 *     32      8  epoch      1 and up
 *     40      8  first      offset; the file's name states the same
 *     48      8  created    milliseconds since 1970
 *     56      4  reserved   0
 *     60      4  checksum   of bytes 0..59
 *
 * Frame
 * offset  width  field      meaning
 *      0      4  checksum   of every byte of the frame after it
 *      4      4  length     bytes of the body, at most 64 MiB
 *      8      8  log        first half of the log id; it tells frames of other logs apart
 *     16      4  epoch      1 and up
 *     20      4  count      records in the body, 1 to 1,048,576; 0 for a void frame
 *     24      8  first      offset of the first record
 *     32      8  appended   milliseconds since 1970
 *     40      n  body       per record: length (4 bytes), payload
 *
 * Void frame: its body is 8 bytes, the number of offsets from "first" on that hold nothing because appends failed.
 *
 * position
 * offset  width  field      meaning
 *      0      8  magic      "SLUICPOS"
 *      8      4  version    1
 *     12      4  reserved   0
 *     16     16  log id
 *     32      8  epoch      the newest epoch
 *     40      8  committed  everything below this offset has been moved on
 *     48      8  clean end  offset at which the log was closed cleanly, -1 while it is open
 *     56      4  format     newest version of segments that the program knew; 0 means 1
 *     60      4  checksum   of bytes 0..59
 * </pre>
 *
 * <p>Version 1 of a segment has the same format. Its records are messages in a form without headers. A program that
 * knows only version 1 cannot decode the records of version 2. So it must not read the segment, and the number tells it
 * so. This program reads both versions, and writes version 2 into new segments only.
 *
 * <p>These are the first 119 bytes of segment 00000000000000000042.log of log 01234567-89ab-8def-a8e4-12a890f5108a:
 * epoch 3, created and appended in June 2025, one append of the two records {@code alpha} and {@code be}. A test
 * decodes them from this comment.
 *
 * <pre>
 * 00000000  53 4c 55 49 43 4c 4f 47 00 00 00 02 00 00 00 00
 * 00000010  01 23 45 67 89 ab 8d ef a8 e4 12 a8 90 f5 10 8a
 * 00000020  00 00 00 00 00 00 00 03 00 00 00 00 00 00 00 2a
 * 00000030  00 00 01 97 74 20 dc 00 00 00 00 00 bb 1b 5f 59
 * 00000040  f2 b7 1a c0 00 00 00 0f 01 23 45 67 89 ab 8d ef
 * 00000050  00 00 00 03 00 00 00 02 00 00 00 00 00 00 00 2a
 * 00000060  00 00 01 97 74 20 dc 2a 00 00 00 05 61 6c 70 68
 * 00000070  61 00 00 00 02 62 65
 * </pre>
 *
 * <h2>Invariants</h2>
 *
 * <ol>
 *   <li>Within a log, each frame begins at the offset where the previous frame ends. A gap means damage.
 *   <li>A segment ends where the next segment begins. Frames at or above the first offset of the next segment do not
 *       count: a failed write may leave them.
 *   <li>(log id, epoch, offset) names at most one append, for ever. The log does not reuse offsets of failed appends
 *       within an epoch. An opening that does not follow a clean close begins a new epoch, and stores it in
 *       {@code position} before the first append.
 *   <li>Only the newest segment has unsynced bytes, because the log syncs a segment before it begins the next one. The
 *       exception is a segment whose sync failed. The log never writes to it again, and reports its unsynced appends as
 *       failed to every caller that waits for them or asks later.
 *   <li>The log stores {@code position} before it deletes a segment below it. It replaces the file in one step, see
 *       {@link dev.sluice.buffer.AtomicFile}.
 *   <li>After an opening, or after {@link dev.sluice.buffer.SegmentLog#retain}, the log deletes a segment only when a
 *       new commit passes it. So the reader can first compare the log with the place that the entries were moved to.
 *   <li>The header and the name of a segment are durable before the log writes the first frame into it.
 *   <li>The mark of a clean close exists only while nothing is appended: opening removes it first.
 *   <li>The bytes in use are the sum of the lengths of the segments, so the two cannot drift apart.
 * </ol>
 *
 * <h2>Writing</h2>
 *
 * <p>{@link dev.sluice.buffer.SegmentLog#append} assigns offsets under a short lock and queues the append. The writing
 * thread takes all queued appends as a group, encodes them into a buffer of one mebibyte, and hands the buffer to the
 * operating system in one write. Then it publishes the appends to readers and callers. If a caller waits for the disk,
 * it syncs once for all of them. Meanwhile the next group gathers.
 *
 * <p>If a write fails, the log truncates the file to the last good frame. If that fails too, it continues in another
 * segment. Everything not yet written fails, and a void frame takes the place of the offsets. A full disk is such a
 * failure; the next append tries again. If a sync fails, the log does not trust the file again: it fails the callers
 * that wait, and continues in a new segment. Those appends stay readable, but their durability is unknown, as after a
 * power cut.
 *
 * <p>Above {@code buffer.max.bytes} the log refuses appends until usage has fallen to 90 % of it. Appends that wait in
 * memory have a bound of their own. Both refusals state the numbers; each has its own counter.
 *
 * <h2>Opening</h2>
 *
 * <ol>
 *   <li>Take the lock and list the files. Report names that the log did not make, and leave those files alone.
 *   <li>Read {@code position} and all headers. The log's id is the id that most headers state.
 *   <li>Move a file to the quarantine if it is named like a segment but belongs to another log, or to another place in
 *       this log. Delete a file that is empty or all zero. Leave a segment of an unknown version alone, and continue
 *       above every offset that it could contain. Keep a segment with a damaged header if it has frames of this log:
 *       the frames state everything that the header states. If {@code position} was stored by a program that could not
 *       read one of the segments, that program has passed over the segment. Then all from the first such segment on
 *       counts as uncommitted, whatever {@code position} says.
 *   <li>Read the newest segment, and {@code buffer.verify.bytes} of older segments, frame by frame. Where there is no
 *       intact frame, look for the next one. If there is one, in this segment or a later one, the bytes between are
 *       damage: copy them to the quarantine, count them, and skip them. If there is none, the bytes are a torn tail:
 *       cut them. A tail that holds a complete frame with a wrong checksum might be damage, so copy it first.
 *   <li>Sync the newest segment, so that the bytes that a killed process wrote become durable.
 *   <li>Raise the epoch, unless {@code position} carries the mark of a clean close that agrees with the data. Store
 *       {@code position} without the mark. New appends go to a new segment, which the first of them creates.
 * </ol>
 *
 * <p>The {@link dev.sluice.buffer.RecoveryReport} holds everything out of the ordinary. Opening fails only if the log
 * is open already, if the disk fails, or if a file cannot be opened at all.
 *
 * <h2>Reading</h2>
 *
 * <p>A reader verifies the checksum of each frame. It treats damage as opening does: it copies the bytes once, counts
 * them, and skips them. If the damaged bytes of a segment could not be copied, or the segment could not be read, the
 * log moves the whole segment to the quarantine instead of deleting it.
 *
 * <h2>Threads and locks</h2>
 *
 * <p>A log has two daemon threads: the writing thread ({@link dev.sluice.buffer.WriteLoop}) and the keeping thread
 * ({@link dev.sluice.buffer.PositionKeeper}). The lock of {@link dev.sluice.buffer.AppendQueue} and the lock of
 * {@link dev.sluice.buffer.PositionKeeper} are held for a moment and never during I/O. A thread may take the first lock
 * while it holds the second, never the reverse. Futures complete on the writing thread after the lock is released. A
 * close ends both threads, and does the last sync and stores the position on a third, so that an interrupt of the
 * caller cannot close the files. A {@link dev.sluice.buffer.LogReader} belongs to one thread.
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
 *     <td>those of the newest segment that the system has not written by itself: about 30 s on Linux</td></tr>
 * </table>
 *
 * <p>With every policy, a power cut can lose an append whose {@code sync} the caller did not await. If the process is
 * killed, an append whose {@code written} has not completed can be lost too. An append that failed may still be found
 * after a crash: its outcome is unknown, as that of any request without an answer. None of this holds for a disk that
 * loses data it has reported as durable, or for a network file system; opening warns about the latter.
 *
 * <h2>What it does not do</h2>
 *
 * <p>The log does not replicate, compress or encrypt.
 *
 * <h2>Public types</h2>
 *
 * <ul>
 *   <li>{@link dev.sluice.buffer.SegmentLog}, {@link dev.sluice.buffer.SegmentLogConfig} and
 *       {@link dev.sluice.buffer.SyncPolicy}: the log and its settings.
 *   <li>{@link dev.sluice.buffer.AppendResult} and {@link dev.sluice.buffer.DiskFullException}: the outcome of an
 *       append.
 *   <li>{@link dev.sluice.buffer.LogReader} and {@link dev.sluice.buffer.Entry}: reading it back.
 *   <li>{@link dev.sluice.buffer.LogStatus}, {@link dev.sluice.buffer.LogCounters} and
 *       {@link dev.sluice.buffer.RecoveryReport}: for status, metrics and logs.
 *   <li>{@link dev.sluice.buffer.LogDirectory} and {@link dev.sluice.buffer.LogInspection}: for tools that work on a
 *       stopped log.
 *   <li>{@link dev.sluice.buffer.FailedLog} and {@link dev.sluice.buffer.FailedRecord}: records that were set aside.
 *   <li>{@link dev.sluice.buffer.AtomicFile}, {@link dev.sluice.buffer.DirectoryLock} and
 *       {@link dev.sluice.buffer.DirectoryLockedException}: also for the files of the bridge outside of logs.
 * </ul>
 */
@NullMarked
package dev.sluice.buffer;

import org.jspecify.annotations.NullMarked;
