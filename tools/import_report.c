/* import_report.c - what an import says when it is done. */
#include "tools/import_report.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

static bool is_mapped(const struct column_map *map, int column)
{
    for (int i = 0; i < map->n_fields; i++) {
        if (map->column_of[i] == column) {
            return true;
        }
    }
    return false;
}

/* One of the 58 metrics that the file does not have. */
static bool is_missing(const struct column_map *map, int column)
{
    return columns[column].paper != NULL && !is_mapped(map, column);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void print_string(FILE *out, const char *key, const char *value)
{
    fprintf(out, "\"%s\": ", key);
    json_print_string(out, value);
}

static void print_columns(const struct column_map *map, FILE *out)
{
    const char *comma = "";
    fprintf(out, "\"mapped\": {");
    for (int i = 0; i < map->n_fields; i++) {
        if (map->column_of[i] >= 0) {
            fputs(comma, out);
            print_string(out, map->header[i], columns[map->column_of[i]].name);
            comma = ", ";
        }
    }
    fprintf(out, "},\n     \"skipped\": {");
    comma = "";
    for (int i = 0; i < map->n_fields; i++) {
        if (map->column_of[i] < 0 && map->header[i][0] != '\0') {
            const char *near = columns_near(map->header[i]);
            fputs(comma, out);
            json_print_string(out, map->header[i]);
            fputs(": ", out);
            if (near != NULL) {
                json_print_string(out, near);
            } else {
                fputs("null", out);
            }
            comma = ", ";
        }
    }
    fprintf(out, "},\n     \"missing\": [");
    comma = "";
    for (int i = 0; i < n_columns; i++) {
        if (is_missing(map, i)) {
            fputs(comma, out);
            json_print_string(out, columns[i].name);
            comma = ", ";
        }
    }
    fprintf(out, "]");
}

void import_print_json(const struct import_report *report, const char *db, const char *kind,
                       FILE *out)
{
    const struct import_notes *n = &report->notes;
    fprintf(out, "{");
    print_string(out, "db", db);
    fprintf(out, ", ");
    print_string(out, "kind", kind);
    fprintf(out, ", \"run\": %" PRId64 ", \"runs\": %" PRId64 ", \"was_complete\": %s, ",
            report->first_run, report->runs, report->was_complete ? "true" : "false");
    fprintf(out, "\"resumed\": %s, \"kept\": %" PRId64 ",\n", report->resumed ? "true" : "false",
            report->kept);
    fprintf(out, " \"rows\": %" PRId64 ", \"requests\": %" PRId64 ", \"bad_rows\": %" PRId64,
            n->rows, n->requests, n->bad);
    fprintf(out, ", \"text_lines\": %" PRId64 ", \"repeated_headers\": %" PRId64, n->text_lines,
            n->headers);
    fprintf(out,
            ", \"out_of_order\": %" PRId64 ", \"contradictions\": %" PRId64
            ", \"unmatched\": %" PRId64 ",\n \"bad\": [",
            n->out_of_order, n->contradictions, n->unmatched);
    for (int i = 0; i < n->n_first; i++) {
        fprintf(out, "%s{", i > 0 ? ", " : "");
        print_string(out, "file", n->first[i].file);
        fprintf(out, ", \"line\": %" PRId64 ", ", n->first[i].line);
        print_string(out, "what", n->first[i].why);
        fprintf(out, "}");
    }
    fprintf(out, "],\n \"files\": [");
    for (int i = 0; i < report->n_files; i++) {
        const struct import_file *file = &report->files[i];
        fprintf(out, "%s\n    {", i > 0 ? "," : "");
        print_string(out, "path", file->path);
        fprintf(out, ", \"run\": %" PRId64 ", ", file->run_id);
        print_string(out, "label", file->label);
        fprintf(out, ",\n     ");
        print_columns(&file->map, out);
        fprintf(out, "}");
    }
    fprintf(out, "]}\n");
}

/* --- Text ------------------------------------------------------------------------------------- */

static void print_file(const struct import_file *file, FILE *out)
{
    const struct column_map *map = &file->map;
    int missing = 0, skipped = 0;
    for (int i = 0; i < n_columns; i++) {
        missing += is_missing(map, i);
    }
    for (int i = 0; i < map->n_fields; i++) {
        skipped += map->column_of[i] < 0 && map->header[i][0] != '\0';
    }
    fprintf(out,
            "%s: run %" PRId64 ", \"%s\"\n  columns: %d mapped, %d skipped, %d of the 58 missing",
            file->path, file->run_id, file->label, map->n_mapped, skipped, missing);
    const char *comma = "\n  skipped: ";
    for (int i = 0; i < map->n_fields; i++) {
        if (map->column_of[i] < 0 && map->header[i][0] != '\0') {
            const char *near = columns_near(map->header[i]);
            fprintf(out, "%s%s%s%s%s", comma, map->header[i], near != NULL ? " (like " : "",
                    near != NULL ? near : "", near != NULL ? "; --map takes it)" : "");
            comma = ", ";
        }
    }
    comma = "\n  missing: ";
    for (int i = 0; i < n_columns; i++) {
        if (is_missing(map, i)) {
            fprintf(out, "%s%s", comma, columns[i].name);
            comma = ", ";
        }
    }
    fputs("\n", out);
}

static void print_count(FILE *out, int64_t n, const char *what)
{
    if (n > 0) {
        fprintf(out, "  %10" PRId64 " %s\n", n, what);
    }
}

void import_print_text(const struct import_report *report, const char *db, FILE *out)
{
    const struct import_notes *n = &report->notes;
    for (int i = 0; i < report->n_files; i++) {
        print_file(&report->files[i], out);
    }
    if (report->was_complete && report->runs == 0) {
        fprintf(out, "all of it was there already\n");
        return;
    }
    fprintf(out, "  %10" PRId64 " rows, %" PRId64 " requests\n", n->rows, n->requests);
    print_count(out, report->kept, "rows of the result file were there already");
    print_count(out, n->bad, "bad rows, left out");
    for (int i = 0; i < n->n_first; i++) {
        fprintf(out, "             %s:%" PRId64 ": %s\n", n->first[i].file, n->first[i].line,
                n->first[i].why);
    }
    print_count(out, n->text_lines, "lines of text between the rows, passed over");
    print_count(out, n->headers, "lines that repeat the header, passed over");
    print_count(out, n->out_of_order, "rows before the time of the row before them, kept");
    print_count(out, n->contradictions,
                "requests whose parts do not add up to their total, kept (docs/records.md)");
    print_count(out, n->unmatched, "rows of one file without their counterpart in another");
    fprintf(out, "\nresults: %s\n", db);
}
