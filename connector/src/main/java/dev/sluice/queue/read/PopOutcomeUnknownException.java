package dev.sluice.queue.read;

import dev.sluice.queue.PopResult;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.util.List;

/**
 * The outcome of a pop's commit is unknown: the messages may be leased, or consumed with auto-ack, and no consumer has
 * them.
 */
public final class PopOutcomeUnknownException extends OutcomeUnknownException {
    private static final long serialVersionUID = 1L;

    private final transient List<PopResult> results;

    PopOutcomeUnknownException(OutcomeUnknownException unknown, String what, List<PopResult> results) {
        super(what, unknown.getCause(), unknown.transaction());
        this.results = List.copyOf(results);
    }

    /**
     * Makes one of a transaction that cannot be asked about.
     *
     * @param results what each request got if the commit happened
     */
    public PopOutcomeUnknownException(String reason, List<PopResult> results) {
        this(OutcomeUnknownException.because(reason), reason, results);
    }

    /** Returns what each request got if the commit happened, in the order of the requests. */
    public List<PopResult> results() {
        return results;
    }
}
