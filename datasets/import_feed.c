/* import_feed.c - where the rows of an import come from. */
#include "datasets/import_feed.h"

#include <stdlib.h>

#include "datasets/import_csv.h"
#include "datasets/import_influx.h"

static struct cells *import_feed_cells(const struct import_feed *f)
{
    return f->csv != NULL ? &f->csv->cells : influx_cells(f->influx);
}

int import_feed_open(struct import_feed *f, const char *path, const struct import_options *o,
                     struct import_notes *notes, struct err *e)
{
    *f = (struct import_feed){.path = path};
    if (o->kind == IMPORT_INFLUX) {
        return influx_open(&f->influx, path, o, notes, e);
    }
    f->csv = calloc(1, sizeof *f->csv);
    if (f->csv == NULL) {
        return err_memory(e, "an import");
    }
    int rc = csv_feed_open(f->csv, path, o->kind == IMPORT_OAI_CSV, o->map, notes, e);
    if (rc != 0) {
        free(f->csv);
        f->csv = NULL;
    }
    return rc;
}

void import_feed_close(struct import_feed *f)
{
    if (f->csv != NULL) {
        csv_feed_close(f->csv);
        free(f->csv);
    }
    influx_close(f->influx);
    *f = (struct import_feed){0};
}

int import_feed_next(struct import_feed *f, struct err *e)
{
    int rc = f->csv != NULL ? csv_feed_next(f->csv, e) : influx_next(f->influx, e);
    f->ended = rc == 0;
    return rc;
}

const struct import_row *import_feed_row(const struct import_feed *f)
{
    return &import_feed_cells(f)->row;
}

bool import_feed_changed(struct import_feed *f)
{
    bool *changed = import_feed_cells(f)->changed;
    bool any = changed[LAYER_UE] || changed[LAYER_SERVER] || changed[LAYER_SIM];
    changed[LAYER_UE] = changed[LAYER_SERVER] = changed[LAYER_SIM] = false;
    return any;
}

const struct column_map *import_feed_map(const struct import_feed *f)
{
    return import_feed_cells(f)->map;
}

int64_t import_feed_line(const struct import_feed *f)
{
    return f->csv != NULL ? f->csv->row_line : 0;
}

void import_feed_bytes(const struct import_feed *f, int64_t *done, int64_t *all)
{
    const struct lines *l = f->csv != NULL ? &f->csv->lines : influx_lines(f->influx);
    *done += l->offset;
    *all += l->bytes;
}

double import_feed_rate_max(const struct import_feed *f)
{
    return import_feed_cells(f)->rate_max;
}
