package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import org.junit.jupiter.api.Test;

/** The status routes. */
class StatusRequestTest extends HttpServiceFixture {
    @Test
    void isHealthyWhileTheDatabaseAnswers() {
        HttpResponse<String> response = get("/health");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.body())
                .isEqualTo(
                        "{'status':'healthy','database':'connected','server':'sluice','worker_id':0,'version':'1.2.3','shared_state':{'enabled':true,'running':true},'queen':{'worker_id':0,'status':'healthy'},'database_error':null,'accepting_pushes':true,'drain':'running'}"
                                .replace('\'', '"'));
        state.connected = false;
        assertThat(get("/health").statusCode()).isEqualTo(503);
        assertThat(get("/health").body()).contains("\"unhealthy\"").contains("\"disconnected\"");
    }

    @Test
    void isReadyAsLongAsAPushIsTaken() {
        state.connected = false;
        assertThat(get("/ready").statusCode()).isEqualTo(200);
        assertThat(get("/ready").headers().firstValue("Retry-After")).isEmpty();
        assertThat(get("/ready").body())
                .isEqualTo(
                        "{\"status\":\"ready\",\"reason\":null,\"database\":\"disconnected\",\"database_error\":\"the database does not answer\"}");
        state.refusal = "the local log is full";
        assertThat(get("/ready").statusCode()).isEqualTo(503);
        assertThat(get("/ready").headers().firstValue("Retry-After")).contains("5");
        assertThat(get("/ready").body()).contains("\"reason\":\"the local log is full\"");
    }

    @Test
    void isAliveWhateverElseIsWrong() {
        state.connected = false;
        state.refusal = "x";
        assertThat(get("/live").statusCode()).isEqualTo(200);
    }

    @Test
    void tellsAboutTheLog() {
        assertThat(get("/api/v1/status/buffers").body())
                .isEqualTo(
                        "{'pending':3,'failed':1,'dbHealthy':true,'worker':0,'usedBytes':4096,'limitBytes':8192,'full':false,'oldestAgeSeconds':1.5,'drain':'running'}"
                                .replace('\'', '"'));
    }
}
