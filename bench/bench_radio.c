/* bench_radio.c - how fast the radio is, beside ns-3's LTE module (ns3_lte.cc) under the same loads
 * in the same run, where libns3-dev is installed:
 *
 *   (a) bursts: scenario radio-burst, 300 kB up and 300 kB down per UE every 5 s. ns-3 gets the
 *       very requests, UE and time, that willmsim's UEs make;
 *   (b) saturated: scenario radio-saturated; ns-3 gets the same rates as evenly spaced packets;
 *   (a) again with what the testbed does besides: idle grants every 5 ms, and a row of RAN records
 *       per UE and millisecond into a store.
 *
 * Figures are wall and processor seconds per simulated second. Of willmsim they cover the whole
 * run, the making of the world included; of ns-3 only the seconds after everything is attached.
 * Runs of the two take turns, and each figure is the fastest of REPEATS: other work on the machine
 * only adds time. The ratio is that of processor seconds: both are one thread that never waits, and
 * where others work too a short run finds a quiet moment that a long one does not.
 *
 * Delivered bytes are those of applications that passed the radio in the measured window. They come
 * from cell totals of two runs, one to the window's begin and one to its end (the shorter is the
 * beginning of the longer). */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/data_dir.h"
#include "base/units.h"
#include "bench/stored_run.h"

enum { REPEATS = 2, OURS_PER_TURN = 3, SETS_MAX = 8, TEXT = 64 };

/* Traffic before the measured window: the longest burst of 50 UEs takes 1.1 s from its birth. */
static const double warm_s = 1.5;

static const int ue_counts[] = {1, 10, 20, 50};
enum { COUNTS = sizeof ue_counts / sizeof ue_counts[0] };

enum load_id { BURST, SATURATED };

static const struct load {
    const char *scenario;
    const char *title;
    double aim;          /* ratio to reach */
    double ue_seconds;   /* our window: so many seconds times UEs, whole periods of 5 s */
    double seconds_most; /* but not more seconds */
    double peer_seconds;
} loads[] = {
    [BURST] = {"bench/scenarios/radio-burst.json",
               "(a) bursts: 300 kB up, then 300 kB down, per UE every 5 s", 500, 5000, 5000, 10},
    [SATURATED] = {"bench/scenarios/radio-saturated.json",
                   "(b) saturated: 80 Mbit/s up and 120 down offered to the cell", 50, 1000, 20, 3},
};

struct seconds {
    double wall, cpu;
};

struct measured {
    struct seconds spent;      /* fastest run, per simulated second */
    double up_mbps, down_mbps; /* delivered in the window */
};

static const struct seconds slowest = {INFINITY, INFINITY};

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct seconds seconds_now(void)
{
    return (struct seconds){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* Keeps the smaller: a run of `sim_s` seconds has taken `spent`. */
static void seconds_keep(struct seconds *least, struct seconds spent, double sim_s)
{
    least->wall = smaller(least->wall, spent.wall / sim_s);
    least->cpu = smaller(least->cpu, spent.cpu / sim_s);
}

/* The same for what has run since `start`. */
static void seconds_keep_since(struct seconds *least, struct seconds start, double sim_s)
{
    struct seconds now = seconds_now();
    seconds_keep(least, (struct seconds){now.wall - start.wall, now.cpu - start.cpu}, sim_s);
}

/* --- Ours ------------------------------------------------------------------------------------- */

/* What a run leaves: bytes through the radio, and on demand its requests for the peer. */
struct tally {
    double up_bytes, down_bytes;
    FILE *births;
};

static int tally_cell(void *self, const struct cell_record *row)
{
    struct tally *t = self;
    if (row->slice_id == NULL) {
        *(row->direction[0] == 'u' ? &t->up_bytes : &t->down_bytes) += (double)row->bytes_payload;
    }
    return 0;
}

static int tally_request(void *self, const struct request_record *row)
{
    struct tally *t = self;
    return fprintf(t->births, "%.9f %lld\n", s_of_ns(row->born_ns), (long long)row->ue_id) < 0
               ? ERR_WORK
               : 0;
}

/* A scenario with some values set. */
struct setting {
    const struct load *load;
    int ues;
    double duration_s;
    bool testbed; /* idle grants and RAN records */
};

static int read_scenario(const struct setting *s, struct scenario *sc, struct err *e)
{
    char path[PATH_MAX], text[SETS_MAX][TEXT];
    const char *sets[SETS_MAX];
    int n = 0;
    if (data_dir_path(s->load->scenario, path, sizeof path) != 0) {
        return err_work(e, s->load->scenario, NULL, "is nowhere; set WILLMSIM_HOME");
    }
    snprintf(text[n++], TEXT, "ues.0.count=%d", s->ues);
    snprintf(text[n++], TEXT, "duration_s=%.17g", s->duration_s);
    if (s->load == &loads[SATURATED]) {
        snprintf(text[n++], TEXT, "ues.0.traffic.rate_hz=%.17g", 200.0 / s->ues);
    }
    if (s->testbed) {
        snprintf(text[n++], TEXT, "radio.idle_grant_ms=5");
        snprintf(text[n++], TEXT, "output.ran_records_ms=1");
    }
    for (int i = 0; i < n; i++) {
        sets[i] = text[i];
    }
    return scenario_load(path, sets, n, sc, e);
}

/* Runs it once with rows to `sink`. */
static int run_once(const struct scenario *sc, const struct record_sink *sink,
                    struct run_result *result, struct err *e)
{
    struct trace no_trace = {0};
    struct run_options options = {.seed = (uint64_t)sc->seed, .traces = &no_trace, .sink = sink};
    return run_scenario(sc, &options, result, e);
}

/* Runs to `duration_s` and adds what was delivered, times `sign`, to *m. */
static int add_delivered(struct setting s, double duration_s, double sign, struct measured *m,
                         struct err *e)
{
    struct tally tally = {0};
    struct record_sink sink = {.self = &tally, .cell = tally_cell};
    struct scenario sc;
    struct run_result result;
    s.duration_s = duration_s;
    int rc = read_scenario(&s, &sc, e);
    if (rc != 0) {
        return rc;
    }
    rc = run_once(&sc, &sink, &result, e);
    m->up_mbps += sign * tally.up_bytes;
    m->down_mbps += sign * tally.down_bytes;
    scenario_free(&sc);
    return rc;
}

static int measure_delivered(const struct setting *s, struct measured *m, struct err *e)
{
    m->up_mbps = m->down_mbps = 0.0;
    int rc = add_delivered(*s, warm_s, -1.0, m, e);
    if (rc == 0) {
        rc = add_delivered(*s, s->duration_s, 1.0, m, e);
    }
    double scale = 8e-6 / (s->duration_s - warm_s);
    m->up_mbps *= scale;
    m->down_mbps *= scale;
    return rc;
}

/* Runs a few times; keeps the fastest run in *m. */
static int measure_ours(const struct setting *s, struct measured *m, struct err *e)
{
    struct scenario sc;
    struct tally tally = {0};
    struct record_sink sink = {.self = &tally, .cell = tally_cell};
    int rc = read_scenario(s, &sc, e);
    if (rc != 0) {
        return rc;
    }
    for (int i = 0; rc == 0 && i < OURS_PER_TURN; i++) {
        struct run_result result;
        struct seconds start = seconds_now();
        rc = run_once(&sc, &sink, &result, e);
        if (rc == 0) {
            seconds_keep_since(&m->spent, start, s_of_ns(result.sim_ns));
        }
    }
    scenario_free(&sc);
    return rc;
}

/* The same with every row into a store; its opening and closing count. */
static int measure_with_store(const struct setting *s, const char *db, struct measured *m,
                              struct err *e)
{
    struct scenario sc;
    int rc = read_scenario(s, &sc, e);
    if (rc != 0) {
        return rc;
    }
    for (int i = 0; rc == 0 && i < OURS_PER_TURN; i++) {
        struct trace no_trace = {0};
        struct run_options options = {.seed = (uint64_t)sc.seed, .traces = &no_trace};
        struct run_result result;
        struct seconds start = seconds_now();
        rc = stored_run(&sc, &options, db, false, &result, e);
        if (rc == 0) {
            seconds_keep_since(&m->spent, start, s_of_ns(result.sim_ns));
        }
    }
    scenario_free(&sc);
    return rc;
}

/* --- The peer --------------------------------------------------------------------------------- */

struct peer {
    char program[PATH_MAX]; /* empty: not built */
    char births[PATH_MAX];  /* file of requests for it */
};

static void peer_find(struct peer *peer)
{
    ssize_t n = readlink("/proc/self/exe", peer->program, sizeof peer->program - 1);
    peer->program[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(peer->program, '/');
    size_t room = slash != NULL ? sizeof peer->program - (size_t)(slash + 1 - peer->program) : 0;
    if (room == 0 || snprintf(slash + 1, room, "ns3_lte") >= (int)room ||
        access(peer->program, X_OK) != 0) {
        peer->program[0] = '\0';
    }
}

/* Writes the requests that our UEs make while the peer runs. */
static int write_births(const struct setting *s, const struct peer *peer, struct err *e)
{
    struct setting whole = *s;
    whole.duration_s = warm_s + s->load->peer_seconds;
    struct scenario sc;
    int rc = read_scenario(&whole, &sc, e);
    if (rc != 0) {
        return rc;
    }
    struct tally tally = {.births = fopen(peer->births, "w")};
    if (tally.births == NULL) {
        rc = err_work(e, peer->births, NULL, "cannot be written: %s", strerror(errno));
    } else {
        struct record_sink sink = {.self = &tally, .request = tally_request};
        struct run_result result;
        rc = run_once(&sc, &sink, &result, e);
        if (fclose(tally.births) != 0 && rc == 0) {
            rc = err_work(e, peer->births, NULL, "cannot be written: %s", strerror(errno));
        }
    }
    scenario_free(&sc);
    return rc;
}

/* Runs it once; keeps the fastest run in *m. */
static int measure_peer(const struct setting *s, const struct peer *peer, struct measured *m,
                        struct err *e)
{
    char command[3 * PATH_MAX];
    int n = snprintf(command, sizeof command, "'%s' --ues=%d --warm=%g --seconds=%g ",
                     peer->program, s->ues, warm_s, s->load->peer_seconds);
    if (s->load == &loads[BURST]) {
        snprintf(command + n, sizeof command - (size_t)n, "--load='%s'", peer->births);
    } else {
        snprintf(command + n, sizeof command - (size_t)n, "--up=80 --down=120");
    }
    FILE *out = popen(command, "r");
    if (out == NULL) {
        return err_work(e, peer->program, NULL, "cannot be started: %s", strerror(errno));
    }
    struct seconds spent;
    double up, down;
    int values = fscanf(out, "%lf %lf %lf %lf", &spent.wall, &spent.cpu, &up, &down);
    if (pclose(out) != 0 || values != 4) {
        return err_work(e, peer->program, NULL, "failed");
    }
    double sim_s = s->load->peer_seconds;
    seconds_keep(&m->spent, spent, sim_s);
    m->up_mbps = 8e-6 * up / sim_s;
    m->down_mbps = 8e-6 * down / sim_s;
    return 0;
}

/* --- Together --------------------------------------------------------------------------------- */

static struct setting setting_of(const struct load *load, int ues)
{
    double seconds = load->ue_seconds / ues;
    return (struct setting){
        .load = load, .ues = ues, .duration_s = warm_s + smaller(seconds, load->seconds_most)};
}

static int measure_both(const struct setting *s, const struct peer *peer, struct measured *ours,
                        struct measured *theirs, struct err *e)
{
    *ours = *theirs = (struct measured){.spent = slowest};
    bool with_peer = peer->program[0] != '\0';
    int rc = measure_delivered(s, ours, e);
    if (rc == 0 && with_peer && s->load == &loads[BURST]) {
        rc = write_births(s, peer, e);
    }
    for (int i = 0; rc == 0 && i < REPEATS; i++) {
        rc = measure_ours(s, ours, e);
        if (rc == 0 && with_peer) {
            rc = measure_peer(s, peer, theirs, e);
        }
    }
    return rc;
}

static double percent_apart(double ours, double theirs)
{
    return 100.0 * (ours / theirs - 1.0);
}

static int compare(const struct load *load, const struct peer *peer, struct measured *ours,
                   struct err *e)
{
    bool with_peer = peer->program[0] != '\0';
    double least = INFINITY;
    printf("%s\n%5s  %21s  %21s  %6s  %23s  %23s\n", load->title, "UEs", "wall, cpu / sim s",
           "ns-3 wall, cpu", "ratio", "up Mbit/s (ns-3)", "down Mbit/s (ns-3)");
    for (int i = 0; i < COUNTS; i++) {
        struct setting s = setting_of(load, ue_counts[i]);
        struct measured peers;
        int rc = measure_both(&s, peer, &ours[i], &peers, e);
        if (rc != 0) {
            return rc;
        }
        printf("%5d  %10.6f %10.6f  ", s.ues, ours[i].spent.wall, ours[i].spent.cpu);
        if (with_peer) {
            double ratio = peers.spent.cpu / ours[i].spent.cpu;
            least = smaller(least, ratio);
            printf("%10.4f %10.4f  %6.0f  %7.2f (%5.2f, %+4.1f %%)  %7.2f (%5.2f, %+4.1f %%)\n",
                   peers.spent.wall, peers.spent.cpu, ratio, ours[i].up_mbps, peers.up_mbps,
                   percent_apart(ours[i].up_mbps, peers.up_mbps), ours[i].down_mbps,
                   peers.down_mbps, percent_apart(ours[i].down_mbps, peers.down_mbps));
        } else {
            printf("%21s  %6s  %23.2f  %23.2f\n", "-", "-", ours[i].up_mbps, ours[i].down_mbps);
        }
        fflush(stdout);
    }
    if (with_peer) {
        printf("least ratio %.0f, aim %.0f: %s\n", least, load->aim,
               least >= load->aim ? "reached" : "missed");
    }
    printf("\n");
    return 0;
}

static int measure_testbed(const char *db, const struct measured *plain, struct err *e)
{
    printf("(a) with idle grants every 5 ms and RAN records every 1 ms in a store\n"
           "%5s  %21s  %21s  %14s  %16s\n",
           "UEs", "wall, cpu / sim s", "without: wall, cpu", "times the cpu", "RAN rows/cpu s");
    for (int i = 0; i < COUNTS; i++) {
        struct setting s = setting_of(&loads[BURST], ue_counts[i]);
        /* 50 000 rows per UE and minute: shorter, the same UE-seconds for all. */
        s.duration_s = warm_s + 250.0 / s.ues;
        s.testbed = true;
        struct measured m = {.spent = slowest};
        int rc = measure_with_store(&s, db, &m, e);
        if (rc != 0) {
            return rc;
        }
        printf("%5d  %10.6f %10.6f  %10.6f %10.6f  %14.0f  %16.0f\n", s.ues, m.spent.wall,
               m.spent.cpu, plain[i].spent.wall, plain[i].spent.cpu,
               m.spent.cpu / plain[i].spent.cpu, 1000.0 * s.ues / m.spent.cpu);
    }
    return 0;
}

static int measure_all(struct peer *peer, const char *db, struct err *e)
{
    struct measured bursts[COUNTS], saturated[COUNTS];
    peer_find(peer);
    printf("the radio: one cell, 100 + 100 PRB FDD at 15 kHz, fastest of %d runs in turns\n",
           REPEATS);
    printf(peer->program[0] != '\0'
               ? "peer: ns-3's LTE module from the system's package, which has its logs compiled "
                 "in\n(built without them it takes 0.75 to 0.88 of the time)\n\n"
               : "no peer: ns-3's LTE module (libns3-dev) was not there when this was built\n\n");
    int rc = compare(&loads[BURST], peer, bursts, e);
    if (rc == 0) {
        rc = compare(&loads[SATURATED], peer, saturated, e);
    }
    return rc != 0 ? rc : measure_testbed(db, bursts, e);
}

int main(void)
{
    struct err e = {0};
    struct peer peer;
    char folder[PATH_MAX - 32], db[PATH_MAX];
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/willmsim-bench-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(folder) == NULL) {
        fprintf(stderr, "bench_radio: cannot make a folder in '%s'\n", tmp != NULL ? tmp : "/tmp");
        return 1;
    }
    snprintf(db, sizeof db, "%s/radio.sqlite", folder);
    snprintf(peer.births, sizeof peer.births, "%s/births", folder);
    int rc = measure_all(&peer, db, &e);
    if (rc != 0) {
        fprintf(stderr, "bench_radio: %s\n", e.text);
    }
    unlink(db);
    unlink(peer.births);
    rmdir(folder);
    return err_exit_status(rc);
}
