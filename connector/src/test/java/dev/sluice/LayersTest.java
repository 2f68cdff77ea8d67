package dev.sluice;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Date;

@AnalyzeClasses(packages = "dev.sluice", importOptions = DoNotIncludeTests.class)
class LayersTest {
    @ArchTest
    static final ArchRule queueKnowsNothingOfKafkaOrOfConnect = noClasses()
            .that()
            .resideInAPackage("dev.sluice.queue..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.kafka..", "dev.sluice.connect..");

    @ArchTest
    static final ArchRule nothingHereKnowsHttpOrTheLocalLog = noClasses()
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.javalin..", "org.eclipse.jetty..", "dev.sluice.bridge..", "dev.sluice.buffer..");

    /** All times are the database's: leases, delays, windows and retention do not move when this machine's clock does. */
    @ArchTest
    static final ArchRule queueAsksNoClockButThatOfTheDatabase = noClasses()
            .that()
            .resideInAnyPackage("dev.sluice.queue..", "dev.sluice.connect..")
            .and()
            .doNotHaveFullyQualifiedName("dev.sluice.queue.MessageIds")
            .should()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callConstructor(Date.class)
            .orShould()
            .callMethodWhere(target(nameMatching("now|system.*|millis|instant"))
                    .and(target(owner(resideInAPackage("java.time..")))));

    @ArchTest
    static final ArchRule queueUsesTheDriverAndTheJdk = classes()
            .that()
            .resideInAPackage("dev.sluice.queue..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "dev.sluice.queue..",
                    "java..",
                    "javax.sql..",
                    "javax.crypto..",
                    "org.postgresql..",
                    "org.slf4j..",
                    "org.jspecify..");
}
