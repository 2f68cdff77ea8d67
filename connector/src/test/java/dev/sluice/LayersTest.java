package dev.sluice;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

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

    /** An arrow is allowed from a package to those named with it. */
    @ArchTest
    static final ArchRule thePackagesOfTheQueueDependOnEachOtherOneWay = layeredArchitecture()
            .consideringOnlyDependenciesInLayers()
            .layer("model")
            .definedBy("dev.sluice.queue")
            .layer("sql")
            .definedBy("dev.sluice.queue.sql")
            .layer("index")
            .definedBy("dev.sluice.queue.index")
            .layer("write")
            .definedBy("dev.sluice.queue.write")
            .layer("read")
            .definedBy("dev.sluice.queue.read")
            .layer("transact")
            .definedBy("dev.sluice.queue.transact")
            .layer("admin")
            .definedBy("dev.sluice.queue.admin")
            .layer("view")
            .definedBy("dev.sluice.queue.view")
            .layer("letters")
            .definedBy("dev.sluice.queue.letters")
            .whereLayer("model")
            .mayNotAccessAnyLayer()
            .whereLayer("sql")
            .mayOnlyAccessLayers("model")
            .whereLayer("index")
            .mayOnlyAccessLayers("model", "sql")
            .whereLayer("write")
            .mayOnlyAccessLayers("model", "sql")
            .whereLayer("read")
            .mayOnlyAccessLayers("model", "sql")
            .whereLayer("transact")
            .mayOnlyAccessLayers("model", "sql", "write", "read")
            .whereLayer("admin")
            .mayOnlyAccessLayers("model", "sql", "write", "index")
            .whereLayer("view")
            .mayOnlyAccessLayers("model", "sql", "index")
            .whereLayer("letters")
            .mayOnlyAccessLayers("model", "sql", "transact", "admin");

    /** An arrow is allowed from a package to those named with it. The connectors lie on top. */
    @ArchTest
    static final ArchRule thePackagesOfThePluginDependOnEachOtherOneWay = layeredArchitecture()
            .consideringOnlyDependenciesInLayers()
            .layer("connectors")
            .definedBy("dev.sluice.connect")
            .layer("sink")
            .definedBy("dev.sluice.connect.sink")
            .layer("source")
            .definedBy("dev.sluice.connect.source")
            .layer("record")
            .definedBy("dev.sluice.connect.record")
            .layer("plugin")
            .definedBy("dev.sluice.connect.plugin")
            .whereLayer("plugin")
            .mayNotAccessAnyLayer()
            .whereLayer("record")
            .mayOnlyAccessLayers("plugin")
            .whereLayer("sink")
            .mayOnlyAccessLayers("plugin", "record")
            .whereLayer("source")
            .mayOnlyAccessLayers("plugin", "record");

    /** Kafka may change its internal classes in any release. */
    @ArchTest
    static final ArchRule pluginUsesOnlyThePublicApiOfKafka = noClasses()
            .that()
            .resideInAPackage("dev.sluice.connect..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.kafka..internals..", "org.apache.kafka.connect.runtime..");

    @ArchTest
    static final ArchRule nothingHereKnowsHttpOrTheLocalLog = noClasses()
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.javalin..", "org.eclipse.jetty..", "dev.sluice.bridge..", "dev.sluice.buffer..");

    /**
     * All times are the database's: leases, delays, windows and retention do not move when this machine's clock does.
     */
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
