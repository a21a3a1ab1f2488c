/* progress.c - draws the bar: simulated time, share done, speed, time left. */
#include "tools/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"

enum { BAR_WIDTH = 24 };

int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

void progress_start(struct progress *p, bool quiet)
{
    p->shown = !quiet && isatty(STDERR_FILENO) == 1;
    p->start_ns = wall_ns();
    p->last_ns = 0;
}

/* Is it time to draw again? */
static bool is_due(struct progress *p, int64_t now_ns)
{
    bool due = p->shown && now_ns - p->last_ns >= NS_PER_S / 10;
    if (due) {
        p->last_ns = now_ns;
    }
    return due;
}

static void draw_bar(double share)
{
    char bar[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < (int)(share * BAR_WIDTH) ? '#' : '.';
    }
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %3.0f %%  ", bar, share * 100);
}

static void draw_left(double left_s)
{
    int minutes = left_s < 6e5 ? (int)(left_s / 60) : 9999;
    fprintf(stderr, "  %d:%02d left", minutes, (int)(left_s - 60.0 * minutes) % 60);
}

void progress_share(struct progress *p, double done, double all, const char *unit, double scale)
{
    int64_t now = wall_ns();
    if (!is_due(p, now)) {
        return;
    }
    double wall_s = s_of_ns(now - p->start_ns);
    double speed = wall_s > 0 ? done / wall_s : 0;
    draw_bar(all > 0 ? done / all : 1);
    fprintf(stderr, "%.1f of %.1f %s  %.3g %s/s", done * scale, all * scale, unit, speed * scale,
            unit);
    if (speed > 0) {
        draw_left((all - done) / speed);
    }
    fputs("\033[K", stderr);
    fflush(stderr);
}

void progress_step(void *self, const struct run_progress *step)
{
    progress_share(self, s_of_ns(step->now_ns), s_of_ns(step->end_ns), "s", 1);
}

void progress_count(struct progress *p, int64_t done, int64_t all)
{
    int64_t now = wall_ns();
    if (!is_due(p, now)) {
        return;
    }
    draw_bar(all > 0 ? (double)done / (double)all : 1);
    fprintf(stderr, "%lld of %lld runs", (long long)done, (long long)all);
    if (done > 0) {
        draw_left(s_of_ns(now - p->start_ns) / (double)done * (double)(all - done));
    }
    fputs("\033[K", stderr);
    fflush(stderr);
}

void progress_note(struct progress *p, int64_t done, const char *what)
{
    int64_t now = wall_ns();
    if (is_due(p, now)) {
        fprintf(stderr, "\r%lld runs, now at %.60s  %.0f s\033[K", (long long)done, what,
                s_of_ns(now - p->start_ns));
        fflush(stderr);
    }
}

void progress_end(struct progress *p)
{
    if (p->shown && p->last_ns != 0) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    p->shown = false;
}
