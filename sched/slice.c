/* slice.c - the slice tree and its rules. */
#include "sched/slice.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* Sums of ratios that are percentages in the file. */
#define SUM_MARGIN 1e-9

/* --- The tree --------------------------------------------------------------------------------- */

int slice_find(const struct slice_tree *tree, const char *id)
{
    for (int i = 0; i < tree->n; i++) {
        if (strcmp(tree->slices[i].id, id) == 0) {
            return i;
        }
    }
    return -1;
}

static int check_slice(const struct slice_tree *tree, int i, const char *file, const char *place,
                       struct err *e)
{
    const struct slice *s = &tree->slices[i];
    if (s->id == NULL || s->id[0] == '\0') {
        return err_input(e, file, place, "the slice has no id; give it one");
    }
    if (slice_find(tree, s->id) != i) {
        return err_input(e, file, place, "slice \"%s\" is there twice; give each its own id",
                         s->id);
    }
    if (s->parent >= 0 &&
        (s->parent >= tree->n || s->parent == i || tree->slices[s->parent].parent >= 0)) {
        return err_input(e, file, place,
                         "the parent of slice \"%s\" is no branch; name a slice without a parent",
                         s->id);
    }
    if (!(s->min_ratio >= 0.0 && s->min_ratio <= s->max_ratio && s->max_ratio <= 1.0)) {
        return err_input(e, file, place,
                         "slice \"%s\" has a minimum of %g %% and a maximum of %g %%; write 0 <= "
                         "minimum <= maximum <= 100",
                         s->id, 100.0 * s->min_ratio, 100.0 * s->max_ratio);
    }
    if (!(s->dedicated_ratio >= 0.0 && s->dedicated_ratio <= s->min_ratio)) {
        return err_input(e, file, place,
                         "slice \"%s\" has a dedicated share of %g %%; it is part of the minimum, "
                         "so write 0 to %g",
                         s->id, 100.0 * s->dedicated_ratio, 100.0 * s->min_ratio);
    }
    if (!(s->priority > 0.0 && isfinite(s->priority))) {
        return err_input(e, file, place, "slice \"%s\" has priority %g; write a number above 0",
                         s->id, s->priority);
    }
    return 0;
}

/* The children of `parent` (-1: the branches) must leave room for each other's minima. */
static int check_minima(const struct slice_tree *tree, int parent, const char *file,
                        const char *place, struct err *e)
{
    double sum = 0.0;
    for (int i = 0; i < tree->n; i++) {
        sum += tree->slices[i].parent == parent ? tree->slices[i].min_ratio : 0.0;
    }
    if (sum <= 1.0 + SUM_MARGIN) {
        return 0;
    }
    if (parent < 0) {
        return err_input(e, file, place,
                         "the minima of the branches sum to %g %%; lower them to at most 100",
                         100.0 * sum);
    }
    return err_input(e, file, place,
                     "the minima of the fruits of \"%s\" sum to %g %%; lower them to at most 100",
                     tree->slices[parent].id, 100.0 * sum);
}

int slice_tree_check(const struct slice_tree *tree, const char *file, const char *place,
                     struct err *e)
{
    for (int i = 0; i < tree->n; i++) {
        struct text where = {0};
        text_add(&where, "%s", place);
        text_add_index(&where, (size_t)i);
        int rc = check_slice(tree, i, file, where.chars, e);
        if (rc != 0) {
            return rc;
        }
    }
    int rc = check_minima(tree, -1, file, place, e);
    for (int i = 0; i < tree->n && rc == 0; i++) {
        if (tree->slices[i].parent < 0) {
            rc = check_minima(tree, i, file, place, e);
        }
    }
    return rc;
}
