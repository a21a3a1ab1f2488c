/* channel_trace.c - reads a recorded SNR (channel.h). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "models/channel.h"

enum { COLUMN_TIME, COLUMN_SNR, COLUMNS };

/* 10^6 s: as long as a scenario may last. */
static const double t_max_s = 1e6;

static const char *const column_names[COLUMNS] = {"t_s", "snr_db"};

struct reader {
    const char *path;
    FILE *file;
    char *line; /* of getline() */
    size_t room;
    int64_t number; /* of the line, from 1 */
    int column_at[COLUMNS];
    double first_s;
    struct err *e;
};

static int fail(const struct reader *r, const char *what)
{
    char place[32];
    snprintf(place, sizeof place, "line %lld", (long long)r->number);
    return err_input(r->e, r->path, place, "%s", what);
}

/* The next line that is not empty, without its end; false at the end of the file. */
static bool next_line(struct reader *r)
{
    ssize_t n;
    while ((n = getline(&r->line, &r->room, r->file)) >= 0) {
        r->number++;
        while (n > 0 && strchr("\r\n", r->line[n - 1]) != NULL)
            r->line[--n] = '\0';
        if (n > 0)
            return true;
    }
    return false;
}

static int read_header(struct reader *r)
{
    if (!next_line(r))
        return err_input(r->e, r->path, NULL, "is empty; write the header t_s,snr_db and rows");
    for (int c = 0; c < COLUMNS; c++)
        r->column_at[c] = -1;
    char *rest = r->line;
    for (int field = 0; rest != NULL; field++) {
        const char *name = strsep(&rest, ",");
        for (int c = 0; c < COLUMNS; c++)
            if (strcmp(name, column_names[c]) == 0)
                r->column_at[c] = field;
    }
    for (int c = 0; c < COLUMNS; c++)
        if (r->column_at[c] < 0)
            return fail(r, "the header needs the columns t_s and snr_db");
    return 0;
}

static int read_row(struct reader *r, double value[COLUMNS])
{
    bool known[COLUMNS] = {false};
    char *rest = r->line;
    for (int field = 0; rest != NULL; field++) {
        const char *text = strsep(&rest, ",");
        for (int c = 0; c < COLUMNS; c++) {
            if (field != r->column_at[c])
                continue;
            char *end;
            value[c] = strtod(text, &end);
            known[c] = end != text && *end == '\0' && isfinite(value[c]);
        }
    }
    if (!known[COLUMN_TIME] || fabs(value[COLUMN_TIME]) > t_max_s)
        return fail(r, "t_s is not a number of seconds up to 1e6 either way");
    if (!known[COLUMN_SNR] || fabs(value[COLUMN_SNR]) > 200.0)
        return fail(r, "snr_db is not a number from -200 to 200");
    return 0;
}

/* Counts the rows first, so that the arena holds each array in one piece. */
static int read_rows(struct reader *r, struct arena *a, struct channel_trace *trace)
{
    int64_t rows = 0;
    while (next_line(r))
        rows++;
    if (rows == 0)
        return err_input(r->e, r->path, NULL, "has no row below its header");
    rewind(r->file);
    r->number = 0;
    next_line(r);
    trace->t_ns = arena_array(a, (size_t)rows, sizeof *trace->t_ns);
    trace->snr_db = arena_array(a, (size_t)rows, sizeof *trace->snr_db);
    if (trace->t_ns == NULL || trace->snr_db == NULL)
        return err_memory(r->e, "a recorded SNR");
    for (trace->n = 0; trace->n < rows && next_line(r); trace->n++) {
        double value[COLUMNS] = {0.0};
        int rc = read_row(r, value);
        if (rc != 0)
            return rc;
        if (trace->n == 0)
            r->first_s = value[COLUMN_TIME];
        int64_t t_ns = ns_of_s(value[COLUMN_TIME] - r->first_s);
        if (trace->n > 0 && t_ns <= trace->t_ns[trace->n - 1])
            return fail(r, "t_s does not ascend");
        trace->t_ns[trace->n] = t_ns;
        trace->snr_db[trace->n] = value[COLUMN_SNR];
    }
    return 0;
}

int channel_trace_read(const char *path, struct arena *a, struct channel_trace *trace,
                       struct err *e)
{
    struct reader r = {.path = path, .file = fopen(path, "re"), .e = e};
    if (r.file == NULL)
        return err_input(e, path, NULL, "%s; check the path", strerror(errno));
    int rc = read_header(&r);
    if (rc == 0)
        rc = read_rows(&r, a, trace);
    free(r.line);
    fclose(r.file);
    return rc;
}
