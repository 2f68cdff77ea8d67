package dev.sluice.buffer;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The module depends on the JDK alone, and few of its classes touch files. */
@AnalyzeClasses(packages = "dev.sluice.buffer", importOptions = ImportOption.DoNotIncludeTests.class)
class LayersTest {
    @ArchTest
    static final ArchRule importsOnlyTheJdkAndSlf4jAndJspecify = classes()
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("java..", "org.slf4j..", "org.jspecify..", "dev.sluice.buffer");

    @ArchTest
    static final ArchRule onlyTheDiskStorageAndItsLockTouchFiles = noClasses()
            .that()
            .haveSimpleNameNotStartingWith("Disk")
            .and()
            .haveSimpleNameNotStartingWith("DirectoryLock")
            .should()
            .dependOnClassesThat()
            .haveFullyQualifiedName("java.nio.channels.FileChannel");
}
