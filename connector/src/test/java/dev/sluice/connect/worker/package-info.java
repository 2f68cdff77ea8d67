/**
 * A Kafka broker and Connect workers for tests, each in a process of its own, from the jars that the modules under
 * {@code connector/workers} list.
 *
 * <p>The service's own class path has none of them, since a worker brings a web server of another version. The plug-in
 * is installed as a user does: the zip, unpacked into a folder on {@code plugin.path}. Tests are named {@code *IT},
 * since the zip is there only after {@code package}.
 *
 * <p>One broker and one worker serve all tests of a JVM ({@link dev.sluice.connect.worker.SharedKafka}); tests that end
 * processes start their own. All of them end with the JVM that started them, however it ends
 * ({@link dev.sluice.connect.worker.EndWithParent}). Their output is in {@code target/kafka}.
 */
@NullMarked
package dev.sluice.connect.worker;

import org.jspecify.annotations.NullMarked;
