/* handover.c - pins when a phone changes cells and where to: every handover of runs with different
 * options against a plain reading of event A3 (38.331 clauses 5.5.3.2 and 5.5.4.4) from the phones'
 * RSRP, how long each interrupts, and that who comes back from a detachment comes back to the
 * strongest cell. What becomes of bytes is tests/sim/mobility.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/air.h"
#include "tests/sim/town.h"

enum { PHONES = 10, CELLS = 3, MOST = 400 };

struct change {
    int64_t at_ns, back_ns;
    int to;
};

struct changes {
    struct change list[PHONES][MOST];
    int n[PHONES];
};

struct option {
    const char *set;
    double offset_db, hysteresis_db, trigger_ms, measurement_ms, interruption_ms;
    int k;
};

/* What the run does: cells and attachment after every event. */
static void watch(struct world *w, struct changes *seen)
{
    struct change *now[PHONES] = {0};
    int cell[PHONES];
    for (int i = 0; i < PHONES; i++)
        cell[i] = w->radios[i].cell->index;
    while (engine_next(w->engine) <= w->end_ns) {
        engine_run(w->engine, engine_next(w->engine), 1);
        for (int i = 0; i < PHONES; i++) {
            const struct ue_radio *u = &w->radios[i];
            if (u->cell->index != cell[i]) {
                cell[i] = u->cell->index;
                assert_true(seen->n[i] < MOST);
                now[i] = &seen->list[i][seen->n[i]++];
                *now[i] = (struct change){world_now(w), -1, cell[i]};
            }
            if (now[i] != NULL && u->attached && now[i]->back_ns < 0)
                now[i]->back_ns = world_now(w);
        }
    }
}

/* What the clauses say. */
static void foresee(struct world *w, const struct option *o, struct changes *out)
{
    int64_t period = llround(o->measurement_ms * 1e6);
    double weight = 1.0 / pow(2.0, o->k / 4.0);
    for (int i = 0; i < PHONES; i++) {
        double dbm[CELLS];
        int64_t entered[CELLS] = {-1, -1, -1};
        int serving = w->radios[i].cell->index;
        int64_t away_until = 0;
        for (int64_t t = 0; t <= w->end_ns; t += period) {
            for (int c = 0; c < CELLS; c++) {
                double m = air_rsrp_dbm(w->air, c, (uint32_t)i, t);
                dbm[c] = t == 0 ? m : (1.0 - weight) * dbm[c] + weight * m;
            }
            int best = -1;
            for (int c = 0; c < CELLS; c++) {
                bool a3 = c != serving && t >= away_until &&
                          dbm[c] - o->hysteresis_db > dbm[serving] + o->offset_db;
                entered[c] = !a3 ? -1 : entered[c] < 0 ? t : entered[c];
                if (a3 && t - entered[c] >= llround(o->trigger_ms * 1e6) &&
                    (best < 0 || dbm[c] > dbm[best]))
                    best = c;
            }
            if (best < 0)
                continue;
            away_until = t + llround(o->interruption_ms * 1e6);
            serving = best;
            out->list[i][out->n[i]++] = (struct change){t, away_until, best};
            for (int c = 0; c < CELLS; c++)
                entered[c] = -1;
        }
    }
}

static void test_event_a3(void **state)
{
    (void)state;
    static const struct option options[] = {
        {"radio.handover={}", 3.0, 1.0, 160.0, 40.0, 40.0, 4},
        {"radio.handover={\"offset_db\": 1, \"hysteresis_db\": 3, \"filter_k\": 8,"
         " \"time_to_trigger_ms\": 320, \"interruption_ms\": 55}",
         1.0, 3.0, 320.0, 40.0, 55.0, 8},
        {"radio.handover={\"offset_db\": -1, \"hysteresis_db\": 0, \"filter_k\": 0,"
         " \"time_to_trigger_ms\": 0, \"interruption_ms\": 130, \"measurement_ms\": 100}",
         -1.0, 0.0, 0.0, 100.0, 130.0, 0},
    };
    static struct changes seen, foreseen;
    for (int k = 0; k < N_OF(options); k++) {
        const char *const sets[] = {options[k].set, "radio.idle_grant_ms=0", "duration_s=40",
                                    "output.ran_records_ms=0"};
        memset(&seen, 0, sizeof seen);
        memset(&foreseen, 0, sizeof foreseen);
        struct scenario sc;
        struct world w;
        rows_load(town, sets, N_OF(sets), &sc);
        town_make(&w, &sc);
        assert_int_equal(w.n_ues, PHONES);
        assert_int_equal(w.n_cells, CELLS);
        foresee(&w, &options[k], &foreseen);
        watch(&w, &seen);
        int all = 0;
        for (int i = 0; i < PHONES; i++) {
            assert_int_equal(seen.n[i], foreseen.n[i]);
            all += seen.n[i];
            for (int j = 0; j < seen.n[i]; j++) {
                assert_int_equal(seen.list[i][j].at_ns, foreseen.list[i][j].at_ns);
                assert_int_equal(seen.list[i][j].to, foreseen.list[i][j].to);
                if (foreseen.list[i][j].back_ns <= w.end_ns)
                    assert_int_equal(seen.list[i][j].back_ns, foreseen.list[i][j].back_ns);
            }
        }
        print_message("options %d: %d handovers\n", k, all);
        assert_true(all > 10);
        world_free(&w);
        scenario_free(&sc);
    }
}

/* The cars are away for 6 s, in which they go 120 m. */
static void test_comes_back_to_the_strongest(void **state)
{
    (void)state;
    static const char *const sets[] = {"ues.0.detach_at_s=[7, 19, 31]", "ues.0.detach_gap_s=6",
                                       "duration_s=40", "output.ran_records_ms=0"};
    struct scenario sc;
    struct world w;
    rows_load(town, sets, N_OF(sets), &sc);
    town_make(&w, &sc);
    int elsewhere = 0;
    for (int back_s = 13; back_s <= 37; back_s += 12) {
        int before[4];
        while (engine_next(w.engine) < back_s * NS_PER_S)
            engine_run(w.engine, engine_next(w.engine), 1);
        for (int i = 0; i < 4; i++) {
            assert_false(w.radios[i].attached);
            before[i] = w.radios[i].cell->index;
        }
        while (engine_next(w.engine) <= back_s * NS_PER_S)
            engine_run(w.engine, engine_next(w.engine), 1);
        for (uint32_t i = 0; i < 4; i++) {
            assert_true(w.radios[i].attached);
            assert_int_equal(w.radios[i].cell->index, air_strongest(w.air, i, back_s * NS_PER_S));
            elsewhere += w.radios[i].cell->index != before[i];
        }
    }
    assert_true(elsewhere > 2);
    world_free(&w);
    scenario_free(&sc);
}

int test_handover(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_a3),
        cmocka_unit_test(test_comes_back_to_the_strongest),
    };
    return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
