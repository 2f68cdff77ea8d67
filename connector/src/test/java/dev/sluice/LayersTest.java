package dev.sluice;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

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
