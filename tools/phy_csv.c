/* phy_csv.c - `phy tbs --csv` and `phy bler --csv`: columns found by name, rows as they come. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "models/nr_error.h"
#include "models/nr_tables.h"
#include "models/nr_tbs.h"
#include "tools/call.h"
#include "tools/phy.h"

int phy_number(const char *verb, const char *place, const char *text, double min, double max,
               double *out)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= min && value <= max)) {
        return call_wrong(verb, "%s: '%.60s' is not a number; write one from %g to %g", place, text,
                          min, max);
    }
    *out = value;
    return 0;
}

enum kind { INT, NUM, WORD };

enum { COLUMNS_MAX = 8, FIELDS_MAX = 64 };

struct column {
    const char *name, *other_name; /* other_name: also accepted, or NULL */
    double min, max;
    const char *const *words; /* two */
    enum kind kind;
    bool optional; /* the caller's value then stands */
};

static const struct column tbs_columns[] = {
    {"Qm", NULL, 1, 10, NULL, INT, false},
    {"R_x10240", NULL, 1, 10240, NULL, INT, false},
    {"nb_rb", NULL, 1, 275, NULL, INT, false},
    {"nb_symb", NULL, 1, 14, NULL, INT, false},
    {"dmrs_re_per_prb", NULL, 0, 168, NULL, INT, false},
    {"overhead_re", NULL, 0, 168, NULL, INT, false},
    {"tb_scaling", NULL, 0, 2, NULL, INT, false},
    {"layers", NULL, 1, 8, NULL, INT, false},
};

static double tbs_of_row(const double *v)
{
    struct nr_tbs_input in = {.qm = (int)v[0],
                              .r_x10240 = (int)v[1],
                              .n_prb = (int)v[2],
                              .n_symbols = (int)v[3],
                              .dmrs_re_per_prb = (int)v[4],
                              .overhead_re = (int)v[5],
                              .tb_scaling = (int)v[6],
                              .layers = (int)v[7]};
    return nr_tbs_bits(&in);
}

static const char *const words_combining[] = {"ir", "chase"};
static const char *const words_decoder[] = {"it5", "it20"};
static const struct column bler_columns[] = {
    {"mcs_table", NULL, 1, 3, NULL, INT, false},
    {"mcs", NULL, 0, 28, NULL, INT, false},
    {"tbs_bits", "code_block_bits", 24, 5e6, NULL, INT, false},
    {"snr_db", NULL, -1000, 1000, NULL, NUM, false},
    {"n_tx", NULL, 1, 64, NULL, INT, true},
    {"combining", NULL, 0, 0, words_combining, WORD, true},
    {"decoder", NULL, 0, 0, words_decoder, WORD, true},
};

static double bler_of_row(const double *v)
{
    struct nr_mcs mcs = nr_mcs((int)v[0], (int)v[1]);
    if (mcs.qm == 0) {
        return NAN;
    }
    enum nr_combining combining = v[5] > 0.0 ? NR_COMBINING_CHASE : NR_COMBINING_IR;
    enum nr_decoder decoder = v[6] > 0.0 ? NR_DECODER_IT20 : NR_DECODER_IT5;
    struct nr_error_curve curve = nr_error_curve(decoder, mcs.qm, mcs.r_x10240, (int32_t)v[2]);
    return nr_error_bler(curve, v[3] + nr_harq_gain_db(combining, mcs.qm, mcs.r_x10240, (int)v[4]));
}

/* Cuts a line into its fields in place: blanks around them go, an empty line has none. */
static int fields_cut(char *line, char **field)
{
    line[strcspn(line, "\r\n")] = '\0';
    if (line[strspn(line, " \t")] == '\0') {
        return 0;
    }
    int n = 0;
    for (char *p = line; p != NULL && n < FIELDS_MAX;) {
        /* What does not fit stays together in the last one. */
        char *next = n + 1 < FIELDS_MAX ? strchr(p, ',') : NULL;
        if (next != NULL) {
            *next++ = '\0';
        }
        p += strspn(p, " \t");
        for (char *end = p + strlen(p); end > p && (end[-1] == ' ' || end[-1] == '\t');) {
            *--end = '\0';
        }
        field[n++] = p;
        p = next;
    }
    return n;
}

static int header_read(const char *verb, char **field, int fields, const struct column *columns,
                       int n, int *where)
{
    for (int c = 0; c < n; c++) {
        where[c] = -1;
        for (int f = 0; f < fields; f++) {
            if (strcasecmp(field[f], columns[c].name) == 0 ||
                (columns[c].other_name != NULL &&
                 strcasecmp(field[f], columns[c].other_name) == 0)) {
                where[c] = f;
            }
        }
        if (where[c] < 0 && !columns[c].optional) {
            return call_wrong(verb,
                              "standard input: line 1: no column '%s'; write the header as "
                              "'willmsim %s --help' gives it",
                              columns[c].name, verb);
        }
    }
    return 0;
}

static int row_read(const char *verb, long line, char **field, int fields,
                    const struct column *columns, int n, const int *where, const double *otherwise,
                    double *value)
{
    for (int c = 0; c < n; c++) {
        value[c] = otherwise[c];
        if (where[c] < 0 ||
            (columns[c].optional && (where[c] >= fields || *field[where[c]] == '\0'))) {
            continue;
        }
        char place[64];
        snprintf(place, sizeof place, "standard input: line %ld: %s", line, columns[c].name);
        const char *text = where[c] < fields ? field[where[c]] : "";
        int rc = 0;
        int64_t whole = 0;
        switch (columns[c].kind) {
        case INT:
            rc = call_int(verb, place, text, (int64_t)columns[c].min, (int64_t)columns[c].max,
                          &whole);
            value[c] = (double)whole;
            break;
        case NUM:
            rc = phy_number(verb, place, text, columns[c].min, columns[c].max, &value[c]);
            break;
        default:
            value[c] = call_word(verb, place, text, columns[c].words, 2);
            rc = value[c] < 0.0 ? 2 : 0;
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* Copies standard input to standard output with the column `added`. `otherwise` holds the values
 * of optional columns that are not there or empty. */
static int csv_run(const char *verb, const struct column *columns, int n, const double *otherwise,
                   const char *added, double (*result)(const double *))
{
    char *line = NULL;
    size_t bytes = 0;
    long number = 0;
    int rc = 0;
    int where[COLUMNS_MAX] = {0};
    double value[COLUMNS_MAX] = {0};
    char *field[FIELDS_MAX];
    bool header = false;
    while (rc == 0 && getline(&line, &bytes, stdin) >= 0) {
        number++;
        /* A byte-order mark is no part of the first name. */
        char *text = number == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? line + 3 : line;
        int fields = fields_cut(text, field);
        if (fields == 0) {
            continue;
        }
        bool is_header = !header;
        if (is_header) {
            header = true;
            rc = header_read(verb, field, fields, columns, n, where);
        } else {
            rc = row_read(verb, number, field, fields, columns, n, where, otherwise, value);
        }
        double y = rc == 0 && !is_header ? result(value) : 0.0;
        if (rc == 0 && isnan(y)) {
            rc = call_wrong(verb,
                            "standard input: line %ld: table %g has no MCS %g; write one of "
                            "'willmsim phy mcs --table %g'",
                            number, value[0], value[1], value[0]);
        }
        if (rc != 0) {
            break;
        }
        for (int f = 0; f < fields; f++) {
            printf("%s,", field[f]);
        }
        if (is_header) {
            printf("%s\n", added);
        } else {
            printf("%.9g\n", y);
        }
    }
    free(line);
    if (rc == 0 && !header) {
        rc = call_wrong(verb, "standard input: nothing there; write a header and rows, see --help");
    }
    return rc;
}

int phy_csv_tbs(const char *verb)
{
    const double otherwise[COLUMNS_MAX] = {0};
    return csv_run(verb, tbs_columns, (int)(sizeof tbs_columns / sizeof *tbs_columns), otherwise,
                   "tbs_bits", tbs_of_row);
}

int phy_csv_bler(const char *verb, const struct phy_call *call)
{
    const double otherwise[COLUMNS_MAX] = {
        [4] = call->n_tx, [5] = call->combining, [6] = call->decoder};
    return csv_run(verb, bler_columns, (int)(sizeof bler_columns / sizeof *bler_columns), otherwise,
                   "bler", bler_of_row);
}
