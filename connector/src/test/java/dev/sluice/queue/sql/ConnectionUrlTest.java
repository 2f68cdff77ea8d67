package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.Driver;

class ConnectionUrlTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "postgres://app:s3cret@host/db",
                "postgresql://app:s3cret@host:5432/db",
                "s3cret",
                "JDBC:postgresql://host/s3cret",
                "jdbc:mysql://app:s3cret@host/db",
                "jdbc:postgresql://app:s3cret@host/db",
                "jdbc:postgresql://app:s3cret@host:5432/db",
                "jdbc:postgresql://app:s3%63ret@host/db",
                "jdbc:postgresql://app:s3cret/x@host/db",
                "jdbc:postgresql:app:s3cret@host",
                "jdbc:postgresql://host:s3cret/db",
                "jdbc:postgresql://host:0/db",
                "jdbc:postgresql://host:65536/db",
                "jdbc:postgresql://host:-1/db",
                "jdbc:postgresql://host:/db",
                "jdbc:postgresql://::1/db",
                "jdbc:postgresql://[::1/db",
                "jdbc:postgresql://[::1]s3cret/db",
                "jdbc:postgresql://host",
                "jdbc:postgresql://host//s3cret",
                "jdbc:postgresql://ho st/db",
                "jdbc:postgresql://host/db;password=s3cret",
                "jdbc:postgresql://host/db&password=s3cret",
                "jdbc:postgresql://host/password=s3cret",
                "jdbc:postgresql://host/db?password=s3cret%",
                "jdbc:postgresql://host/db?password=%zzs3cret",
                "jdbc:postgresql://host/%s3cret",
                "jdbc:postgresql:/s3cret",
                "jdbc:postgresql://host/db?sslmode=s3cret",
                "jdbc:postgresql://host/db?ssl=true&connectTimeout=s3cret",
                "jdbc:postgresql://host/db?socketTimeout=99999999999",
                "jdbc:postgresql://host/db?connectTimeout"
            })
    void aUrlThatTheDriverDoesNotUnderstandIsRefusedAndNotShown(String text) {
        assertThatThrownBy(() -> ConnectionUrl.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasNoCause()
                .satisfies(e -> assertThat(e.getMessage())
                        .matches("(must|has a %|has the parameter) .*")
                        .doesNotContain("s3cret", "s3%63ret", "cret")
                        .doesNotContain("\n"));
        assertThat(ConnectionUrl.shown(text)).isEqualTo("[hidden]");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "jdbc:postgresql://host/db",
                "jdbc:postgresql://host:1/db",
                "jdbc:postgresql://host:65535/db",
                "jdbc:postgresql://[::1]/db",
                "jdbc:postgresql://[fe80::1]:5432/db",
                "jdbc:postgresql://a:1,b:2,[::1]:3/db?targetServerType=primary",
                "jdbc:postgresql:///db",
                "jdbc:postgresql://host/",
                "jdbc:postgresql:db",
                "jdbc:postgresql://host/d%C3%A4b?ssl=true&sslmode=require",
                "jdbc:postgresql://host/db?ssl&connectTimeout=5&socketTimeout=-1&prepareThreshold=0&readOnly=true",
                "jdbc:postgresql://host/db?requireAuth=md5,scram-sha-256&loginTimeout=1.5&targetServerType=primary"
            })
    void aUrlThatTheDriverUnderstandsIsUnchanged(String text) {
        assertThat(ConnectionUrl.parse(text).address()).isEqualTo(text);
        assertThat(ConnectionUrl.parse(text)).hasToString(text);
        assertThat(Driver.parseURL(text, new Properties())).isNotNull();
    }

    @Test
    void secretsGoToTheDriverSeparatelyAndAreNeverShown() {
        String text = "jdbc:postgresql://h/db?user=app&password=s3%63ret%26%25&ssl=true&sslpassword=hush&pasword=oops"
                + "&sslfactoryarg=arg&Token=tok";
        ConnectionUrl url = ConnectionUrl.parse(text);
        assertThat(url.address()).isEqualTo("jdbc:postgresql://h/db?ssl=true&pasword=oops&sslfactoryarg=arg&Token=tok");
        assertThat(url.secrets(null, null))
                .containsEntry("user", "app")
                .containsEntry("password", "s3cret&%")
                .containsEntry("sslpassword", "hush")
                .hasSize(3);
        assertThat(url.secrets("other", "${x}")).containsEntry("user", "other").containsEntry("password", "${x}");
        assertThat(url)
                .hasToString("jdbc:postgresql://h/db?user=app&password=[hidden]&ssl=true&sslpassword=[hidden]"
                        + "&pasword=[hidden]&sslfactoryarg=[hidden]&Token=[hidden]");
    }

    @Test
    void theRestOfAPasswordWithAnAmpersandIsNotShown() {
        assertThat(ConnectionUrl.parse("jdbc:postgresql://h/db?password=a&s3cret&ssl=true")
                        .toString())
                .isEqualTo("jdbc:postgresql://h/db?password=[hidden]&…=[hidden]&ssl=true");
    }
}
