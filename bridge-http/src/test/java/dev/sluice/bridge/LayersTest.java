package dev.sluice.bridge;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "dev.sluice.bridge", importOptions = DoNotIncludeTests.class)
class LayersTest {
    @ArchTest
    static final ArchRule thePartsDoNotKnowTheWiring = noClasses()
            .that()
            .resideInAPackage("dev.sluice.bridge.*..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("dev.sluice.bridge");

    /** The packages that move messages know nothing of HTTP. */
    @ArchTest
    static final ArchRule theEngineDoesNotKnowHttp = noClasses()
            .that()
            .resideInAnyPackage(
                    "dev.sluice.bridge.ingest..",
                    "dev.sluice.bridge.drain..",
                    "dev.sluice.bridge.pop..",
                    "dev.sluice.bridge.jobs..",
                    "dev.sluice.bridge.postgres..",
                    "dev.sluice.bridge.security..",
                    "dev.sluice.bridge.metrics..",
                    "dev.sluice.bridge.work..",
                    "dev.sluice.bridge.system..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.javalin..",
                    "org.eclipse.jetty..",
                    "jakarta..",
                    "dev.sluice.bridge.http..",
                    "dev.sluice.bridge.api..");

    @ArchTest
    static final ArchRule oneClassMakesAllThreads = noClasses()
            .that()
            .doNotHaveFullyQualifiedName("dev.sluice.bridge.system.Threads")
            .should()
            .callConstructorWhere(target(owner(assignableTo(Thread.class))))
            .because("each thread has a name that begins with sluice-, and is a daemon");

    @ArchTest
    static final ArchRule packagesDoNotDependOnEachOtherInARing =
            slices().matching("dev.sluice.bridge.(**)").should().beFreeOfCycles();
}
