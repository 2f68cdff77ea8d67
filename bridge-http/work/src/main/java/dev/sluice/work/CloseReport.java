package dev.sluice.work;

/**
 * What an engine left when it closed.
 *
 * @param givenBack works that had not finished: another engine runs them, at no cost of an attempt
 * @param stuck handlers that did not end although their threads were interrupted; their works are given back too
 * @param isStored whether the outcomes of all works are stored. If not, PostgreSQL did not answer: the leases of the
 *     works end by themselves, and other engines run them again
 */
public record CloseReport(int givenBack, int stuck, boolean isStored) {}
