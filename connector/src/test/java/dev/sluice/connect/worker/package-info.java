/**
 * A Kafka broker and Connect workers for tests, each in its own process. The modules under {@code connector/workers}
 * list their jars. They are not on the class path of the service, because a worker brings a web server of another
 * version.
 *
 * <p>The tests install the plug-in as a user does: they unpack the zip into a folder on {@code plugin.path}. Tests are
 * named {@code *IT}, because the build has the zip only after {@code package}.
 *
 * <p>One broker and one worker serve all tests of a JVM ({@link dev.sluice.connect.worker.SharedKafka}). A test that
 * stops or kills a process starts its own. Each process ends when the JVM that started it ends, in whatever way
 * ({@link dev.sluice.connect.worker.EndWithParent}). The output of the processes is below {@code target/kafka}.
 */
@NullMarked
package dev.sluice.connect.worker;

import org.jspecify.annotations.NullMarked;
