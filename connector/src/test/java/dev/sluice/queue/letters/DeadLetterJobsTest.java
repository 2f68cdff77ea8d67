package dev.sluice.queue.letters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.ErrorShape;
import dev.sluice.queue.Messages;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.letters.DeadLetterJob.Action;
import dev.sluice.queue.letters.DeadLetterJob.Done;
import dev.sluice.queue.letters.DeadLetterJob.Order;
import dev.sluice.queue.letters.DeadLetterJob.Refusal;
import dev.sluice.queue.letters.DeadLetterJob.State;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DeadLetterJobsTest extends LettersFixture {
    @Test
    void aJobMovesAllLettersOfItsFilterAndNoOther() {
        bury("q", 1_200, "Timeout % ms");
        bury("other", 3, "Timeout % ms");
        var woken = new HashSet<String>();
        DeadLetterJob job = jobs.create(redrive(ofQueue("q")));
        assertThat(job.state()).isEqualTo(State.WAITING);
        assertThat(job.total()).isEqualTo(1_200);
        DeadLetterJob done = finish(runner(woken::addAll), job);
        assertThat(done.state()).isEqualTo(State.COMPLETED);
        assertThat(done.done()).isEqualTo(new Done(1_200, 0, 0, 0, 0));
        assertThat(done.errors()).isEmpty();
        assertThat(done.times().startedAt()).isNotNull();
        assertThat(done.times().finishedAt()).isNotNull();
        assertThat(left("q")).isZero();
        assertThat(moved("q")).isEqualTo(1_200);
        assertThat(left("other")).isEqualTo(3);
        assertThat(woken).isEqualTo(Set.of("q"));
    }

    @Test
    void aStepIsBounded() {
        bury("q", DeadLetterJobRunner.STEP + 1, "x");
        DeadLetterJob job = jobs.create(redrive(ofQueue("q")));
        runner().turn(Duration.ofSeconds(1));
        assertThat(job(job).done().moved()).isEqualTo(DeadLetterJobRunner.STEP);
        assertThat(job(job).state()).isEqualTo(State.RUNNING);
        assertThat(job(job).isRunning()).isTrue();
    }

    @Test
    void aJobSelectsByShapeGroupTextTimeAndIds() {
        bury("q", 3, "Timeout % ms");
        bury("q", 2, "refused by %");
        long shape = ErrorShape.of("Timeout 5 ms").id();
        var byShape = new DeadLetterFilter(null, null, null, null, null, null, null, shape);
        assertThat(jobs.count(redrive(byShape))).isEqualTo(3);
        assertThat(finish(runner(), jobs.create(redrive(byShape))).done().moved())
                .isEqualTo(3);
        var byText = new DeadLetterFilter(null, "g", null, null, null, "REFUSED by 2", "q", null);
        assertThat(finish(runner(), jobs.create(redrive(byText))).done().moved())
                .isEqualTo(1);
        long last = Long.parseLong(
                postgres.query("select max(id) from sluice.dead_letters").get(0));
        var byIds = new Order(Action.REDRIVE, List.of(last + 9, last, last), DeadLetterFilter.ALL, null, null, "ann");
        DeadLetterJob job = jobs.create(byIds);
        assertThat(job.total()).isEqualTo(2);
        assertThat(job.order().createdBy()).isEqualTo("ann");
        assertThat(finish(runner(), job).done()).isEqualTo(new Done(1, 0, 0, 1, 0));
        assertThat(left("q")).isZero();
    }

    @Test
    void aJobDeletesLetters() {
        bury("q", 700, "x");
        bury("other", 1, "x");
        var order = new Order(Action.DELETE, null, ofQueue("q"), null, null, null);
        assertThat(finish(runner(), jobs.create(order)).done()).isEqualTo(new Done(0, 0, 700, 0, 0));
        assertThat(left("q")).isZero();
        assertThat(moved("q")).isZero();
        assertThat(left("other")).isEqualTo(1);
    }

    @Test
    void aDryRunCountsAndChangesNothing() {
        bury("q", 5, "x");
        assertThat(jobs.count(redrive(ofQueue("q")))).isEqualTo(5);
        var ids = new Order(Action.DELETE, List.of(1L, 2L, 99L), DeadLetterFilter.ALL, null, null, null);
        assertThat(jobs.count(ids)).isEqualTo(2);
        assertThat(jobs.list(null, 10)).isEmpty();
        assertThat(left("q")).isEqualTo(5);
    }

    /** Letters that fail again while the job runs are new letters, so the job ends. */
    @Test
    void aJobTouchesOnlyTheLettersThatExistedWhenItWasMade() {
        bury("q", 600, "x");
        DeadLetterJob job = jobs.create(redrive(ofQueue("q")));
        bury("q", 5, "new");
        DeadLetterJobRunner runner = runner();
        runner.turn(Duration.ofSeconds(1));
        // What the job has moved fails at once.
        PopResult popped = sluice.pop(new PopTarget("q", null, "g"), 10);
        sluice.acknowledge("g", popped, Verdict.DLQ);
        DeadLetterJob done = finish(runner, job);
        assertThat(done.done()).isEqualTo(new Done(600, 0, 0, 0, 0));
        assertThat(left("q")).isEqualTo(5 + popped.messages().size());
    }

    @Test
    void aJobKeepsItsRate() {
        bury("q", 60, "x");
        DeadLetterJob job = jobs.create(redrive(ofQueue("q"), null, 10));
        DeadLetterJobRunner runner = runner();
        long begun = nanos.get();
        DeadLetterJob now = job(job);
        while (now.state() != State.COMPLETED) {
            long wait = runner.turn(Duration.ofSeconds(1)).toNanos();
            now = job(job);
            double seconds = (nanos.get() - begun) / 1e9;
            assertThat((double) now.done().moved()).isLessThanOrEqualTo(10 * (seconds + 0.5));
            nanos.addAndGet(wait);
        }
        assertThat(now.done().moved()).isEqualTo(60);
        // The last step has no wait behind it.
        assertThat((nanos.get() - begun) / 1e9).isBetween(5.0, 7.0);
    }

    @Test
    void aJobThatRunsIsCancelledAfterItsStep() {
        bury("q", 1_100, "x");
        DeadLetterJob job = jobs.create(redrive(ofQueue("q")));
        DeadLetterJobRunner runner = runner();
        runner.turn(Duration.ofSeconds(1));
        DeadLetterJob asked = jobs.cancel(job.id()).orElseThrow();
        assertThat(asked.state()).isEqualTo(State.RUNNING);
        assertThat(asked.cancelRequested()).isTrue();
        DeadLetterJob ended = finish(runner, job);
        assertThat(ended.state()).isEqualTo(State.CANCELLED);
        assertThat(ended.done().letters()).isLessThan(1_100);
        assertThat(left("q") + moved("q")).isEqualTo(1_100);
        assertThat(moved("q")).isEqualTo(ended.done().moved());
    }

    @Test
    void aJobThatWaitsIsCancelledAtOnceAndOneThatEndedStays() {
        bury("q", 2, "x");
        DeadLetterJob job = jobs.create(redrive(ofQueue("q")));
        assertThat(jobs.cancel(job.id()).orElseThrow().state()).isEqualTo(State.CANCELLED);
        runner().turn(Duration.ofSeconds(1));
        assertThat(left("q")).isEqualTo(2);
        DeadLetterJob other = jobs.create(redrive(ofQueue("q")));
        finish(runner(), other);
        assertThat(jobs.cancel(other.id()).orElseThrow().state()).isEqualTo(State.COMPLETED);
        assertThat(jobs.cancel(999)).isEqualTo(Optional.empty());
    }

    /** The first runner does not know that its lease has ended. */
    @Test
    void aRunnerThatLostItsJobChangesNothing() {
        bury("q", 1_500, "x");
        DeadLetterJob job = jobs.create(redrive(ofQueue("q")));
        DeadLetterJobRunner first = runner();
        first.turn(Duration.ofSeconds(1));
        postgres.execute("update sluice.dead_letter_jobs set lease_until = now() - interval '1 second'");
        DeadLetterJobRunner second = runner();
        second.turn(Duration.ofSeconds(1));
        assertThat(job(job).done().moved()).isEqualTo(1_000);
        first.turn(Duration.ofSeconds(1));
        assertThat(job(job).done().moved()).isEqualTo(1_000);
        assertThat(moved("q")).isEqualTo(1_000);
        assertThat(finish(second, job).done()).isEqualTo(new Done(1_500, 0, 0, 0, 0));
        assertThat(moved("q")).isEqualTo(1_500);
    }

    @Test
    void aRunnerThatClosesGivesItsJobsBack() {
        bury("q", 700, "x");
        DeadLetterJob job = jobs.create(redrive(ofQueue("q")));
        DeadLetterJobRunner first = runner();
        first.turn(Duration.ofSeconds(1));
        first.close();
        assertThat(job(job).isRunning()).isFalse();
        assertThat(finish(runner(), job).done().moved()).isEqualTo(700);
    }

    @Test
    void lettersGoToAnotherQueueIfTheOrderSaysSo() {
        bury("q", 2, "x");
        assertThatThrownBy(() -> jobs.create(redrive(ofQueue("q"), "nowhere", null)))
                .isInstanceOf(DeadLetterJobs.NoSuchQueueException.class)
                .hasMessage("queue nowhere does not exist");
        sluice.push(Messages.message("quarantine", "p", "t", "1"));
        DeadLetterJob done = finish(runner(), jobs.create(redrive(ofQueue("q"), "quarantine", null)));
        assertThat(done.done().moved()).isEqualTo(2);
        assertThat(moved("quarantine")).isEqualTo(2);
        assertThat(moved("q")).isZero();
    }

    /** A letter that PostgreSQL refuses is found by halving the steps. The others move. */
    @Test
    void aLetterThatCannotBeMovedIsRefusedAlone() {
        bury("q", 40, "x");
        postgres.execute("create function sluice.poison() returns trigger language plpgsql as $$ begin"
                + " if '{\"n\":7}' = any (new.payloads) then raise exception 'no sevens';"
                + " end if; return new; end $$;"
                + " create trigger poison before insert on sluice.segments for each row"
                + " execute function sluice.poison()");
        DeadLetterJob done = finish(runner(), jobs.create(redrive(ofQueue("q"))));
        assertThat(done.state()).isEqualTo(State.COMPLETED);
        assertThat(done.done()).isEqualTo(new Done(39, 0, 0, 0, 1));
        assertThat(done.errors()).hasSize(1);
        assertThat(done.errors().get(0).reason()).contains("no sevens");
        assertThat(postgres.query("select payload from sluice.dead_letters")).containsExactly("{\"n\":7}");
    }

    @Test
    void aJobKeepsTheReasonsOfTheFirstRefusals() {
        bury("q", DeadLetterJobs.MAX_ERRORS + 5, "x");
        postgres.execute("update sluice.queues set encryption_enabled = true where name = 'q'");
        sluice.push(Messages.message("clear", "p", "t", "1"));
        DeadLetterJob done = finish(runner(), jobs.create(redrive(ofQueue("q"), "clear", null)));
        assertThat(done.done().refused()).isEqualTo(DeadLetterJobs.MAX_ERRORS + 5);
        assertThat(done.errors()).hasSize(DeadLetterJobs.MAX_ERRORS);
        assertThat(done.errors().get(0)).isEqualTo(new Refusal(1, "it is encrypted, and queue clear is not"));
        assertThat(left("q")).isEqualTo(DeadLetterJobs.MAX_ERRORS + 5);
    }

    @Test
    void theListHasTheNewestFirstAndOldJobsAreDeleted() {
        bury("q", 1, "x");
        DeadLetterJob first = jobs.create(redrive(ofQueue("q")));
        DeadLetterJob second = jobs.create(redrive(ofQueue("q")));
        assertThat(jobs.list(null, 10)).extracting(DeadLetterJob::id).containsExactly(second.id(), first.id());
        assertThat(jobs.list(second.id(), 10)).extracting(DeadLetterJob::id).containsExactly(first.id());
        finish(runner(), first);
        assertThat(jobs.prune(Duration.ofDays(7))).isZero();
        postgres.execute(
                "update sluice.dead_letter_jobs set finished_at = now() - interval '8 days' where id = " + first.id());
        assertThat(jobs.prune(Duration.ofDays(7))).isEqualTo(1);
        assertThat(jobs.get(first.id())).isEmpty();
        assertThat(jobs.get(second.id())).isPresent();
    }

    @Test
    void fewJobsRunAtATimeAndAllOfThemGoOn() {
        bury("q", 8, "x");
        for (int i = 0; i <= DeadLetterJobRunner.MAX_JOBS; i++) {
            jobs.create(redrive(ofQueue("q"), null, 1));
        }
        runner().turn(Duration.ofSeconds(1));
        assertThat(jobs.list(null, 10).stream().filter(DeadLetterJob::isRunning).count())
                .isEqualTo(DeadLetterJobRunner.MAX_JOBS);
        assertThat(moved("q")).isEqualTo(DeadLetterJobRunner.MAX_JOBS);
    }
}
