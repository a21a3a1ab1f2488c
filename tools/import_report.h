/* import_report.h - what an import says when it is done. */
#ifndef TOOLS_IMPORT_REPORT_H
#define TOOLS_IMPORT_REPORT_H

#include <stdio.h>

#include "datasets/import.h"

/* One JSON object: db, kind, run, runs, complete, resumed, kept, rows, requests, bad_rows,
 * text_lines, repeated_headers, out_of_order, contradictions, unmatched, bad (the first ten: file,
 * line, what), files (path, run, label, mapped, skipped, missing). */
void import_print_json(const struct import_report *report, const char *db, const char *kind,
                       FILE *out);
void import_print_text(const struct import_report *report, const char *db, FILE *out);

#endif
