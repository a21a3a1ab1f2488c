/* export_records.h - the wide records of a store as CSV in the released data set's spelling.
 *
 * A row per RAN record with the latest request of its UE (wide.h): the 58 metrics under the names
 * of the paper (UE, server) and of the testbed's CSV (RAN), then what the testbed recorded beside
 * them, then the sim_ columns: what the 58 round or leave out, so that `import willm` gives the
 * same requests back to the nanosecond, and sim_label, which says in every row where it comes from.
 * RNTIs are hexadecimal, numbers have the fewest digits that read back as the same double, what is
 * not known is empty.
 */
#ifndef DATASETS_EXPORT_RECORDS_H
#define DATASETS_EXPORT_RECORDS_H

#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "datasets/store.h"

/* Writes all runs of a store. `label`: sim_label of every row; NULL: "simulated: SCENARIO", or for
 * a run that was imported the label it has. ERR_INPUT: the store holds no RAN records. */
int export_records(struct store *s, const char *label, FILE *out, int64_t *rows, struct err *e);

#endif
