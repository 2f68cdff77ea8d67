/**
 * Notices: messages in the queue {@code sluice.events} that say that somebody should look.
 *
 * <pre>
 *  Thresholds ──▶ NoticeRows: raised already? ──▶ NoticeWriter ──▶ queue sluice.events ──▶ its consumers
 *  breakers ────▶      (one transaction with the message)               (an endpoint, for example)
 *  endpoints that are disabled ────────────────────▲
 * </pre>
 *
 * <p>A threshold is told once when it is crossed, whatever the number of bridges. The row in {@code notices} and the
 * message are one transaction, so a crash in between neither loses nor repeats a notice. The notice is told again only
 * after the value was below four fifths of the threshold: a value that goes up and down around the threshold is told
 * once. Then {@code …-ended} is told too.
 *
 * <p>All notices are in the partition {@value dev.sluice.bridge.notice.NoticeWriter#PARTITION}, in the order of their
 * commits. {@link dev.sluice.bridge.notice.Notice} has their shape. The events of works, which the work engine writes,
 * are in partitions of their types.
 */
@NullMarked
package dev.sluice.bridge.notice;

import org.jspecify.annotations.NullMarked;
