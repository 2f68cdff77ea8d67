package dev.sluice.bridge.work.builtin;

import dev.sluice.bridge.webhook.Attempt;
import dev.sluice.bridge.webhook.Attempts;
import dev.sluice.bridge.webhook.Verdict;
import dev.sluice.work.Work;
import dev.sluice.work.WorkId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes attempts into the log, for those who look for a problem. */
final class AttemptLog implements Attempts {
    private static final Logger log = LoggerFactory.getLogger(AttemptLog.class);

    @Override
    public void ended(Work work, WorkId id, int number, Attempt attempt, Verdict verdict) {
        log.debug(
                "An attempt of a webhook ended type={} id={} attempt={} url={} status={} took_ms={}"
                        + " verdict={} reason={}",
                work.type(),
                id,
                number,
                attempt.url(),
                attempt.status(),
                attempt.took().toMillis(),
                verdict.kind(),
                verdict.reason());
    }
}
