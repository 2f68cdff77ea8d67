package dev.sluice.queue.read;

import dev.sluice.queue.PopResult;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.util.List;

/**
 * The outcome of the commit of a pop is unknown. The messages may be leased, or acknowledged by auto-ack, while no
 * consumer has them.
 */
public final class PopOutcomeUnknownException extends OutcomeUnknownException {
    private static final long serialVersionUID = 1L;

    private final transient List<PopResult> results;

    PopOutcomeUnknownException(OutcomeUnknownException unknown, String what, List<PopResult> results) {
        super(what, unknown.getCause(), unknown.transaction());
        this.results = List.copyOf(results);
    }

    /**
     * Makes an exception for a transaction whose outcome PostgreSQL cannot tell.
     *
     * @param results the result of each request if the transaction committed
     */
    public PopOutcomeUnknownException(String reason, List<PopResult> results) {
        this(OutcomeUnknownException.because(reason), reason, results);
    }

    /** Returns the result of each request if the transaction committed, in the order of the requests. */
    public List<PopResult> results() {
        return results;
    }
}
