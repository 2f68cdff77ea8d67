/**
 * Where the processor time of a bridge goes, by stage of a message's path.
 *
 * <h2>How</h2>
 *
 * <p>Two sources say different things. Linux counts the processor time of each thread exactly, in the program and in
 * the kernel ({@link dev.sluice.bridge.bench.stages.ThreadTimes}), but does not know what the thread did. A recording
 * of the Java Flight Recorder ({@link dev.sluice.bridge.bench.stages.Recording}) knows what threads did at some
 * moments, but not how long. {@link dev.sluice.bridge.bench.stages.StageProfile} divides the exact times of threads
 * with one name among stages, in the proportions of their samples. So all stages together are what the process used.
 *
 * <p>{@code StageTable} finds the stage of a sample. From the top of the stack, the first frame decides that the table
 * names: what the Java library or the JDBC driver does belongs to its caller. If the table names no frame, the name of
 * the thread decides. Threads of the virtual machine have no Java stack, and their names decide too.
 *
 * <h2>Rules</h2>
 *
 * <p>If threads of one name have no samples of the kernel, their samples of Java code divide the time in the kernel
 * too. If they have no sample at all, the name decides. {@code Stage.UNKNOWN} is the difference to what the process
 * used: the time of threads that ended meanwhile, and the error of counting in hundredths of a second, which can be
 * negative. The sampler looks at running Java code ten times in a hundred milliseconds, and at one native call as
 * often; native calls that wait are left out. So a stage of a few percent needs tens of seconds.
 *
 * <p>Each type belongs to one thread.
 */
@NullMarked
package dev.sluice.bridge.bench.stages;

import org.jspecify.annotations.NullMarked;
