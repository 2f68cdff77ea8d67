package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.TestPostgres;
import java.util.Locale;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

/** Roles that lack rights, and the statements that the messages tell the owner of the database to run. */
class SchemaRightsTest {
    private final String role = "app-" + UUID.randomUUID().toString().toLowerCase(Locale.ROOT);

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private PGSimpleDataSource application;

    @BeforeEach
    void open() {
        postgres.execute("create role \"" + role + "\" login");
        application = new PGSimpleDataSource();
        application.setUrl(postgres.url());
        application.setUser(role);
    }

    @AfterEach
    void close() {
        postgres.execute("drop owned by \"" + role + "\" cascade; drop role \"" + role + "\"");
    }

    /** Checks the right that the message names, and returns the SQL of the message. */
    private String statementFor(String right, ThrowingCallable call) {
        var found = new StringBuilder();
        assertThatThrownBy(call)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the role \"" + role + "\" lacks the right " + right)
                .satisfies(e -> {
                    Matcher statement = Pattern.compile("can run: (.+;)$").matcher(String.valueOf(e.getMessage()));
                    assertThat(statement.find()).as(e.getMessage()).isTrue();
                    found.append(statement.group(1));
                });
        return found.toString();
    }

    private String applied(String schema) {
        return postgres.query("select count(*) from \"" + schema + "\".migrations")
                .get(0);
    }

    @Test
    void aSchemaThatTheRoleOwnsIsUsedAlthoughTheRoleMayCreateNone() {
        postgres.execute("create schema sluice authorization \"" + role + "\"");
        QueueSchema.apply(application, "sluice");
        QueueSchema.apply(application, "sluice");
        QueueSchema.verify(application, "sluice");
        assertThat(applied("sluice")).isEqualTo(String.valueOf(QueueSchema.version()));
    }

    @Test
    void aMissingSchemaIsReportedWithTheStatementThatCreatesIt() {
        String statement = statementFor("create on database", () -> QueueSchema.apply(application, "my Queue"));
        assertThat(statement).isEqualTo("create schema \"my Queue\" authorization \"" + role + "\";");
        postgres.execute(statement);
        QueueSchema.apply(application, "my Queue");
        assertThat(applied("my Queue")).isEqualTo(String.valueOf(QueueSchema.version()));
    }

    @Test
    void everyMissingRightIsReportedWithTheStatementThatGrantsIt() {
        postgres.execute("create schema sluice");
        postgres.execute(statementFor("usage on schema", () -> QueueSchema.apply(application, "sluice")));
        postgres.execute(statementFor("create on schema", () -> QueueSchema.apply(application, "sluice")));
        QueueSchema.apply(application, "sluice");
        QueueSchema.verify(application, "sluice");
    }

    @Test
    void aRoleThatMayNotWriteTheTablesOfAnotherRoleDoesNotStart() {
        QueueSchema.apply(postgres.dataSource(), "sluice");
        postgres.execute("grant usage on schema sluice to \"" + role + "\"");
        assertThat(statementFor(
                        "select on table \"sluice\".migrations",
                        () -> QueueSchema.verifyReadable(application, "sluice")))
                .isEqualTo("grant select on all tables in schema \"sluice\" to \"" + role + "\";");
        postgres.execute("grant select on sluice.migrations to \"" + role + "\"");
        postgres.execute(statementFor(
                "select on table \"sluice\".partitions", () -> QueueSchema.verifyReadable(application, "sluice")));
        QueueSchema.verifyReadable(application, "sluice");
        for (ThrowingCallable start : new ThrowingCallable[] {
            () -> QueueSchema.verify(application, "sluice"), () -> QueueSchema.apply(application, "sluice")
        }) {
            String statement =
                    statementFor("insert, update, delete on table \"sluice\".consumer_groups and on ", start);
            assertThat(statement)
                    .isEqualTo("grant select, insert, update, delete on all tables in schema \"sluice\" to \"" + role
                            + "\";");
        }
        postgres.execute("grant select, insert, update, delete on all tables in schema sluice to \"" + role + "\"");
        QueueSchema.verify(application, "sluice");
        QueueSchema.apply(application, "sluice");
    }

    @Test
    void aRoleThatMayNotReadTheVersionIsToldWhichRightIsMissing() {
        assertThat(QueueSchema.installed(application, "sluice")).isZero();
        QueueSchema.apply(postgres.dataSource(), "sluice");
        postgres.execute(statementFor("usage on schema", () -> QueueSchema.installed(application, "sluice")));
        postgres.execute(statementFor(
                "select on table \"sluice\".migrations", () -> QueueSchema.installed(application, "sluice")));
        assertThat(QueueSchema.installed(application, "sluice")).isEqualTo(QueueSchema.version());
    }

    @Test
    void foreignTablesInTheSchemaAreIgnored() {
        postgres.execute("create schema sluice authorization \"" + role + "\"");
        postgres.execute("create table sluice.audit (id integer); revoke all on sluice.audit from public");
        QueueSchema.apply(application, "sluice");
        QueueSchema.verify(application, "sluice");
    }

    @Test
    void aMigrationOfTablesThatAnotherRoleOwnsNamesThatRole() {
        OldSchema.apply(postgres.dataSource());
        postgres.execute("grant usage, create on schema sluice to \"" + role + "\";"
                + "grant select, insert, update, delete on all tables in schema sluice to \"" + role + "\"");
        String statement = statementFor(
                "ownership of table \"sluice\".consumer_groups", () -> QueueSchema.apply(application, "sluice"));
        assertThat(statement).isEqualTo("grant postgres to \"" + role + "\";");
        assertThat(postgres.query("select max(version) from sluice.migrations")).containsExactly("1");
    }
}
