package dev.sluice.work;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "dev.sluice.work", importOptions = DoNotIncludeTests.class)
class LayersTest {
    /** So the engine runs in a program that has a pool of connections and nothing else of Sluice. */
    @ArchTest
    static final ArchRule theEngineUsesTheQueueAndTheJdk = classes()
            .that()
            .resideInAPackage("dev.sluice.work..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "dev.sluice.work..",
                    "dev.sluice.queue..",
                    "java..",
                    "javax.sql..",
                    "org.slf4j..",
                    "org.jspecify..");

    /** Leases, delays and windows do not move when this machine's clock does. */
    @ArchTest
    static final ArchRule theEngineAsksNoClockOfThisMachineForTheTime = noClasses()
            .that()
            .resideInAPackage("dev.sluice.work..")
            .should()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethodWhere(target(nameMatching("now|system.*|millis|instant"))
                    .and(target(owner(resideInAPackage("java.time..")))));

    @ArchTest
    static final ArchRule packagesDoNotDependOnEachOtherInARing =
            slices().matching("dev.sluice.(work..)").should().beFreeOfCycles();
}
