package dev.sluice.work;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;

@AnalyzeClasses(packages = "dev.sluice.work", importOptions = DoNotIncludeTests.class)
class LayersTest {
    /** So the engine runs in a program that has a pool of connections and nothing else of Sluice. */
    @ArchTest
    static final ArchRule theEngineUsesTheQueueTheJdkAndACircuitBreaker = classes()
            .that()
            .resideInAPackage("dev.sluice.work..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "dev.sluice.work..",
                    "dev.sluice.queue..",
                    "java..",
                    "javax.sql..",
                    "io.github.resilience4j.circuitbreaker..",
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

    /** The door is a slice of its own: the values of the API know nothing of what is behind it. */
    @ArchTest
    static final ArchRule theDoorTheValuesAndThePackagesDoNotDependOnEachOtherInARing =
            slices().assignedFrom(new Slices()).should().beFreeOfCycles();

    @ArchTest
    static final ArchRule onlyTheDoorUsesTheEngine = noClasses()
            .that()
            .resideOutsideOfPackage("dev.sluice.work.engine")
            .and()
            .doNotBelongToAnyOf(WorkBuffer.class, WorkBufferTypes.class)
            .should()
            .dependOnClassesThat()
            .resideInAPackage("dev.sluice.work.engine");

    @ArchTest
    static final ArchRule onlyThePackageOfBreakersUsesTheirLibrary = noClasses()
            .that()
            .resideOutsideOfPackage("dev.sluice.work.breaker")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("io.github.resilience4j..");

    @ArchTest
    static final ArchRule onlyTheEngineAndItsAdministrationUseTheTables = noClasses()
            .that()
            .resideOutsideOfPackages(
                    "dev.sluice.work.engine", "dev.sluice.work.share", "dev.sluice.work.admin", "dev.sluice.work.store")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("dev.sluice.work.store");

    @ArchTest
    static final ArchRule theTablesAndTheRulesUseNothingElseOfTheEngine = noClasses()
            .that()
            .resideInAnyPackage("dev.sluice.work.store", "dev.sluice.work.rules")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("dev.sluice.work", "dev.sluice.work.engine");

    private static final class Slices implements SliceAssignment {
        @Override
        public SliceIdentifier getIdentifierOf(JavaClass javaClass) {
            boolean isDoor = javaClass.getName().startsWith(WorkBuffer.class.getName());
            return SliceIdentifier.of(isDoor ? "the door" : javaClass.getPackageName());
        }

        @Override
        public String getDescription() {
            return "the door, the values and the packages";
        }
    }
}
