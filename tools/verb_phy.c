/* verb_phy.c - willmsim phy: the radio model's own numbers, one at a time or from CSV.
 *
 * Every option stands in one table, with the subverbs that take it; the table drives the parsing,
 * the range checks and the help.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "models/nr_error.h"
#include "models/nr_tables.h"
#include "models/nr_tbs.h"
#include "tools/call.h"
#include "tools/phy.h"
#include "tools/verbs.h"

enum subverb { TBS = 1, MCS = 2, BLER = 4, HARQ = 8, THROUGHPUT = 16, ALL = 31 };

enum kind { FLAG, INT, NUM, WORD, TEXT };

struct option_row {
    const char *name;
    int subverbs; /* that take it */
    enum kind kind;
    size_t offset;
    double min, max;
    const char *const *words;
    const char *doc;
};

static const char *const words_qm[] = {"2", "4", "6", "8", NULL};
static const char *const words_overhead[] = {"0", "6", "12", "18", NULL};
static const char *const words_scaling[] = {"1", "0.5", "0.25", NULL};
static const char *const words_scs[] = {"15", "30", "60", "120", NULL};
static const char *const words_decoder[] = {"it5", "it20", NULL};
static const char *const words_combining[] = {"ir", "chase", NULL};
static const char *const words_dir[] = {"dl", "ul", NULL};

#define AT(member) offsetof(struct phy_call, member)
static const struct option_row rows[] = {
    {"csv", TBS | MCS | BLER, FLAG, AT(csv), 0, 0, NULL,
     "read rows on standard input, print them with the result column added; mcs: print the table "
     "as CSV"},
    {"table", ALL, INT, AT(table), 1, 3, NULL,
     "MCS table of 38.214: 1 64QAM, 2 256QAM, 3 low spectral efficiency (1)"},
    {"mcs", ALL, INT, AT(mcs), 0, 28, NULL, "MCS index"},
    {"qm", TBS | HARQ, WORD, AT(qm_word), 0, 0, words_qm, "bits per symbol, instead of --mcs"},
    {"rate", TBS | HARQ, NUM, AT(rate), 0.001, 0.999, NULL, "code rate, instead of --mcs"},
    {"prb", TBS | MCS | BLER | THROUGHPUT, INT, AT(prb), 1, 275, NULL, "resource blocks (106)"},
    {"symbols", TBS | MCS | BLER | THROUGHPUT, INT, AT(symbols), 1, 14, NULL,
     "data symbols of a slot (13; throughput --dir ul: 14)"},
    {"dmrs", TBS | MCS | BLER | THROUGHPUT, INT, AT(dmrs), 0, 144, NULL,
     "resource elements of DMRS per PRB (12)"},
    {"overhead", TBS, WORD, AT(overhead_word), 0, 0, words_overhead,
     "xOverhead per PRB: 0, 6, 12 or 18 (0)"},
    {"scaling", TBS, WORD, AT(scaling), 0, 0, words_scaling,
     "S of table 5.1.3.2-2: 1, 0.5 or 0.25 (1)"},
    {"layers", TBS | THROUGHPUT, INT, AT(layers), 1, 8, NULL, "layers (1)"},
    {"tbs", BLER, INT, AT(tbs_bits), 24, 5e6, NULL, "transport block in bits, instead of --prb"},
    {"snr", MCS | BLER, NUM, AT(snr_db), -60, 100, NULL,
     "Es/N0 per resource element in dB; with mcs: pick CQI and MCS for it"},
    {"cqi-table", MCS, INT, AT(cqi_table), 1, 3, NULL,
     "CQI table for --snr (that of --table); without --snr: print this CQI table"},
    {"n-tx", BLER | HARQ, INT, AT(n_tx), 1, 64, NULL,
     "HARQ transmissions (bler: 1; harq: up to, 4)"},
    {"combining", BLER | HARQ, WORD, AT(combining), 0, 0, words_combining, "ir or chase (ir)"},
    {"decoder", MCS | BLER, WORD, AT(decoder), 0, 0, words_decoder,
     "it5 or it20: LDPC iterations (it5)"},
    {"dir", THROUGHPUT, WORD, AT(ul), 0, 0, words_dir, "dl or ul (dl)"},
    {"scs", THROUGHPUT, WORD, AT(scs_word), 0, 0, words_scs, "subcarrier spacing in kHz (30)"},
    {"tdd", THROUGHPUT, TEXT, AT(tdd), 0, 0, NULL,
     "slots D, S, U, or fdd (DDDSU; --dir ul: DDSUU)"},
    {"tdd-special", THROUGHPUT, TEXT, AT(special_text), 0, 0, NULL,
     "DL:guard:UL symbols of an S slot (6:4:4)"},
    {"bler", THROUGHPUT, NUM, AT(bler), 0, 0.99, NULL, "share of blocks sent in vain (0)"},
    {"json", ALL, FLAG, AT(json), 0, 0, NULL, "print one JSON object"},
};
enum { ROWS = (int)(sizeof rows / sizeof *rows), OPTION_BASE = 1000 };
_Static_assert(ROWS <= 32, "phy_call.given has a bit per option");

static void print_help(const char *name, int subverb)
{
    if (subverb == 0) {
        printf("usage: willmsim phy tbs|mcs|bler|harq|throughput [OPTION]...\n"
               "The radio model's own numbers; 'willmsim phy tbs --help' tells its options.\n"
               "  tbs         transport-block size (38.214 5.1.3.2)\n"
               "  mcs         an MCS table with sizes and SNR at 10 %% BLER; or the choice for an "
               "SNR\n"
               "  bler        block error probability of one MCS, size and SNR\n"
               "  harq        gain of retransmissions\n"
               "  throughput  IP goodput of one UE: clean channel, full buffer\n");
        return;
    }
    printf("usage: willmsim %s [OPTION]...\n", name);
    for (int i = 0; i < ROWS; i++) {
        if ((rows[i].subverbs & subverb) != 0) {
            printf("  --%-12s %s\n", rows[i].name, rows[i].doc);
        }
    }
    if (subverb == TBS) {
        printf("--csv columns: Qm,R_x10240,nb_rb,nb_symb,dmrs_re_per_prb,overhead_re,tb_scaling,"
               "layers (tb_scaling 0, 1, 2: 1, 1/2, 1/4); adds tbs_bits\n");
    } else if (subverb == BLER) {
        printf("--csv columns: mcs_table,mcs,tbs_bits,snr_db[,n_tx,combining] (tbs_bits may be "
               "called code_block_bits); adds bler\n");
    }
}

static int word_count(const char *const *words)
{
    int n = 0;
    while (words[n] != NULL) {
        n++;
    }
    return n;
}

static int option_store(const char *verb, const struct option_row *row, const char *text,
                        struct phy_call *call)
{
    char *field = (char *)call + row->offset;
    char option[32];
    snprintf(option, sizeof option, "--%s", row->name);
    int64_t whole = 0;
    int rc = 0;
    switch (row->kind) {
    case FLAG:
        *(bool *)(void *)field = true;
        break;
    case INT:
        rc = call_int(verb, option, text, (int64_t)row->min, (int64_t)row->max, &whole);
        *(int *)(void *)field = (int)whole;
        break;
    case NUM:
        rc = phy_number(verb, option, text, row->min, row->max, (double *)(void *)field);
        break;
    case WORD:
        *(int *)(void *)field = call_word(verb, option, text, row->words, word_count(row->words));
        rc = *(int *)(void *)field < 0 ? 2 : 0;
        break;
    case TEXT:
        *(const char **)(void *)field = text;
        break;
    }
    return rc;
}

/* Fills `call`. Returns 0, 2 with the line printed, or -1 when help was asked for. */
static int call_read(int argc, char **argv, int subverb, struct phy_call *call)
{
    struct option options[ROWS + 2];
    int n = 0;
    for (int i = 0; i < ROWS; i++) {
        if ((rows[i].subverbs & subverb) != 0) {
            options[n++] = (struct option){rows[i].name,
                                           rows[i].kind == FLAG ? no_argument : required_argument,
                                           NULL, OPTION_BASE + i};
        }
    }
    options[n++] = (struct option){"help", no_argument, NULL, CALL_HELP};
    options[n] = (struct option){0};
    int value;
    while ((value = call_option(argc, argv, options)) != CALL_END) {
        if (value == CALL_HELP) {
            print_help(argv[0], subverb);
            return -1;
        }
        if (value == CALL_WRONG ||
            option_store(argv[0], &rows[value - OPTION_BASE], optarg, call) != 0) {
            return 2;
        }
        call->given |= 1U << (value - OPTION_BASE);
    }
    if (optind < argc) {
        return call_wrong(argv[0], "unexpected '%.60s'; it takes options only, see --help",
                          argv[optind]);
    }
    return 0;
}

static bool given(const struct phy_call *call, const char *name)
{
    for (int i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return (call->given >> i & 1U) != 0;
        }
    }
    return false;
}

/* --mcs of --table, or --qm and --rate. */
static int modulation(const char *verb, const struct phy_call *call, struct nr_mcs *out)
{
    if (given(call, "qm") && given(call, "rate") && !given(call, "mcs")) {
        *out = (struct nr_mcs){2 * (call->qm_word + 1), (int)lround(call->rate * 10240.0)};
        return 0;
    }
    if (given(call, "qm") || given(call, "rate")) {
        return call_wrong(verb, "--qm and --rate go together and without --mcs; write --qm 6 "
                                "--rate 0.926, or --mcs 28");
    }
    if (!given(call, "mcs")) {
        return call_wrong(verb, "no modulation and coding given; write --mcs 28");
    }
    *out = nr_mcs(call->table, call->mcs);
    if (out->qm == 0) {
        return call_wrong(verb, "--mcs: table %d has no MCS %d; write 0 to %d", call->table,
                          call->mcs, nr_mcs_max(call->table));
    }
    return 0;
}

static struct nr_tbs_input block_of(const struct phy_call *call, struct nr_mcs mcs)
{
    return (struct nr_tbs_input){.qm = mcs.qm,
                                 .r_x10240 = mcs.r_x10240,
                                 .n_prb = call->prb,
                                 .n_symbols = call->symbols,
                                 .dmrs_re_per_prb = call->dmrs,
                                 .overhead_re = 6 * call->overhead_word,
                                 .tb_scaling = call->scaling,
                                 .layers = call->layers};
}

/* --- Subverbs --------------------------------------------------------------------------------- */

static int run_tbs(const char *verb, struct phy_call *call)
{
    if (call->csv) {
        return phy_csv_tbs(verb);
    }
    struct nr_mcs mcs = {0};
    int rc = modulation(verb, call, &mcs);
    if (rc != 0) {
        return rc;
    }
    struct nr_tbs_input in = block_of(call, mcs);
    int32_t bits = nr_tbs_bits(&in);
    int blocks = bits > 0 ? nr_code_blocks(bits, mcs.r_x10240) : 0;
    int graph = bits > 0 ? nr_base_graph(bits, mcs.r_x10240) : 0;
    const char *format = call->json ? "{\"tbs_bits\": %d, \"tbs_bytes\": %d, \"code_blocks\": %d, "
                                      "\"base_graph\": %d, \"qm\": %d, \"r_x10240\": %d}\n"
                                    : "%d bits (%d bytes), code blocks %d, base graph %d; Qm %d, "
                                      "10240 R %d\n";
    printf(format, bits, bits / 8, blocks, graph, mcs.qm, mcs.r_x10240);
    return 0;
}

/* SNR in dB at which a tenth of the blocks fail: where link adaptation stands. */
static double snr_at_tenth(const struct phy_call *call, struct nr_mcs mcs, int32_t tbs_bits)
{
    return nr_error_snr_db(
        nr_error_curve((enum nr_decoder)call->decoder, mcs.qm, mcs.r_x10240, tbs_bits), 0.1);
}

static void print_cqi_table(const struct phy_call *call)
{
    if (call->json) {
        printf("{\"cqi_table\": %d, \"cqi\": [", call->cqi_table);
    } else {
        printf(call->csv ? "table,cqi,Qm,R_x1024,SE\n" : "CQI table %d\ncqi qm   R x 1024     SE\n",
               call->cqi_table);
    }
    for (int i = 0; i <= 15; i++) {
        struct nr_mcs cqi = nr_cqi(call->cqi_table, i);
        double se = cqi.qm * cqi.r_x10240 / 10240.0;
        if (call->json) {
            printf("%s{\"cqi\": %d, \"qm\": %d, \"r_x1024\": %.1f, \"se\": %.4f}",
                   i > 0 ? ", " : "", i, cqi.qm, cqi.r_x10240 / 10.0, se);
        } else if (call->csv) {
            printf("%d,%d,%d,%.1f,%.4f\n", call->cqi_table, i, cqi.qm, cqi.r_x10240 / 10.0, se);
        } else {
            printf("%3d %2d %10.1f %6.4f\n", i, cqi.qm, cqi.r_x10240 / 10.0, se);
        }
    }
    printf("%s", call->json ? "]}\n" : "");
}

static int run_mcs(const char *verb, struct phy_call *call)
{
    int cqi_table = given(call, "cqi-table") ? call->cqi_table : call->table;
    if (call->csv && call->json) {
        return call_wrong(verb, "--csv and --json are two ways to print; write one");
    }
    if (given(call, "snr")) {
        if (given(call, "mcs") || call->csv) {
            return call_wrong(verb, "--snr picks one MCS; leave --mcs and --csv out");
        }
        int cqi = nr_cqi_of_snr((enum nr_decoder)call->decoder, cqi_table, call->snr_db, call->prb);
        int mcs = nr_mcs_of_cqi(call->table, cqi_table, cqi);
        printf(call->json ? "{\"cqi\": %d, \"mcs\": %d, \"cqi_table\": %d, \"table\": %d}\n"
                          : "CQI %d, MCS %d (CQI table %d, MCS table %d)\n",
               cqi, mcs, cqi_table, call->table);
        return 0;
    }
    if (given(call, "cqi-table")) {
        print_cqi_table(call);
        return 0;
    }
    int first = 0;
    int last = nr_mcs_max(call->table);
    if (given(call, "mcs")) {
        struct nr_mcs one = {0};
        int rc = modulation(verb, call, &one);
        if (rc != 0) {
            return rc;
        }
        first = last = call->mcs;
    }
    if (call->json) {
        printf("{\"table\": %d, \"n_prb\": %d, \"decoder\": \"%s\", \"mcs\": [", call->table,
               call->prb, words_decoder[call->decoder]);
    } else if (call->csv) {
        printf("table,index,Qm,R_x1024,SE,tbs_bits,snr10_db\n");
    } else {
        printf("table %d, %d PRB, %d symbols, %d DMRS RE/PRB, decoder %s\n"
               "mcs qm   R x 1024     SE  tbs_bits  snr10_db\n",
               call->table, call->prb, call->symbols, call->dmrs, words_decoder[call->decoder]);
    }
    for (int i = first; i <= last; i++) {
        struct nr_mcs mcs = nr_mcs(call->table, i);
        struct nr_tbs_input in = block_of(call, mcs);
        int32_t bits = nr_tbs_bits(&in);
        if (bits == 0) {
            return call_wrong(verb, "%d symbols less %d DMRS RE leave nothing; write --dmrs 12",
                              call->symbols, call->dmrs);
        }
        double se = mcs.qm * mcs.r_x10240 / 10240.0;
        if (call->json) {
            printf("%s{\"mcs\": %d, \"qm\": %d, \"r_x1024\": %.1f, \"se\": %.4f, "
                   "\"tbs_bits\": %d, \"snr10_db\": %.3f}",
                   i > first ? ", " : "", i, mcs.qm, mcs.r_x10240 / 10.0, se, bits,
                   snr_at_tenth(call, mcs, bits));
        } else if (call->csv) {
            printf("%d,%d,%d,%.1f,%.4f,%d,%.3f\n", call->table, i, mcs.qm, mcs.r_x10240 / 10.0, se,
                   bits, snr_at_tenth(call, mcs, bits));
        } else {
            printf("%3d %2d %10.1f %6.4f %9d %9.2f\n", i, mcs.qm, mcs.r_x10240 / 10.0, se, bits,
                   snr_at_tenth(call, mcs, bits));
        }
    }
    printf("%s", call->json ? "]}\n" : "");
    return 0;
}

static int run_bler(const char *verb, struct phy_call *call)
{
    if (call->csv) {
        return phy_csv_bler(verb, call);
    }
    struct nr_mcs mcs = {0};
    int rc = modulation(verb, call, &mcs);
    if (rc != 0) {
        return rc;
    }
    if (!given(call, "snr")) {
        return call_wrong(verb, "no SNR given; write --snr 10");
    }
    struct nr_tbs_input in = block_of(call, mcs);
    int32_t bits = given(call, "tbs") ? call->tbs_bits : nr_tbs_bits(&in);
    if (bits == 0) {
        return call_wrong(verb, "%d symbols less %d DMRS RE leave nothing; write --dmrs 12",
                          call->symbols, call->dmrs);
    }
    struct nr_error_curve curve =
        nr_error_curve((enum nr_decoder)call->decoder, mcs.qm, mcs.r_x10240, bits);
    double gain_db =
        nr_harq_gain_db((enum nr_combining)call->combining, mcs.qm, mcs.r_x10240, call->n_tx);
    double bler = nr_error_bler(curve, call->snr_db + gain_db);
    printf(call->json
               ? "{\"bler\": %.9g, \"snr50_db\": %.4f, \"snr10_db\": %.4f, "
                 "\"slope_per_db\": %.4f, \"harq_gain_db\": %.4f, \"tbs_bits\": %d, "
                 "\"decoder\": \"%s\"}\n"
               : "BLER %.4g; 50 %% at %.2f dB, 10 %% at %.2f dB, slope %.2f per dB; HARQ gain "
                 "%.2f dB included; %d bits, decoder %s\n",
           bler, curve.snr50_db - gain_db, nr_error_snr_db(curve, 0.1) - gain_db,
           curve.slope_per_db, gain_db, bits, words_decoder[call->decoder]);
    return 0;
}

static int run_harq(const char *verb, struct phy_call *call)
{
    struct nr_mcs mcs = {0};
    int rc = modulation(verb, call, &mcs);
    if (rc != 0) {
        return rc;
    }
    int n = given(call, "n-tx") ? call->n_tx : 4;
    if (call->json) {
        printf("{\"qm\": %d, \"r_x10240\": %d, \"combining\": \"%s\", \"n_tx\": %d, "
               "\"gain_db\": %.4f, \"gains\": [",
               mcs.qm, mcs.r_x10240, words_combining[call->combining], n,
               nr_harq_gain_db((enum nr_combining)call->combining, mcs.qm, mcs.r_x10240, n));
    } else {
        printf("Gain over one transmission in dB, Qm %d, 10240 R %d\nn_tx     ir  chase\n", mcs.qm,
               mcs.r_x10240);
    }
    for (int tx = 1; tx <= n; tx++) {
        printf(call->json ? "%s{\"n_tx\": %d, \"ir_db\": %.4f, \"chase_db\": %.4f}"
                          : "%s%4d %6.2f %6.2f\n",
               call->json && tx > 1 ? ", " : "", tx,
               nr_harq_gain_db(NR_COMBINING_IR, mcs.qm, mcs.r_x10240, tx),
               nr_harq_gain_db(NR_COMBINING_CHASE, mcs.qm, mcs.r_x10240, tx));
    }
    printf("%s", call->json ? "]}\n" : "");
    return 0;
}

/* What CLI.md names as the defaults of the clean-channel throughput. */
static int run_throughput(const char *verb, struct phy_call *call)
{
    if (!given(call, "table")) {
        call->table = call->ul ? 1 : 2;
    }
    if (!given(call, "mcs")) {
        call->mcs = nr_mcs_max(call->table);
    }
    if (!given(call, "symbols")) {
        call->symbols = call->ul ? 14 : 13;
    }
    if (!given(call, "tdd")) {
        call->tdd = call->ul ? "DDSUU" : "DDDSU";
    }
    if (nr_mcs(call->table, call->mcs).qm == 0) {
        return call_wrong(verb, "--mcs: table %d has no MCS %d; write 0 to %d", call->table,
                          call->mcs, nr_mcs_max(call->table));
    }
    return phy_throughput(verb, call);
}

int verb_phy(int argc, char **argv)
{
    static const struct {
        const char *word;
        enum subverb bit;
        int (*run)(const char *verb, struct phy_call *call);
    } subverbs[] = {{"tbs", TBS, run_tbs},
                    {"mcs", MCS, run_mcs},
                    {"bler", BLER, run_bler},
                    {"harq", HARQ, run_harq},
                    {"throughput", THROUGHPUT, run_throughput}};
    enum { SUBVERBS = sizeof subverbs / sizeof *subverbs };
    if (argc < 2) {
        return call_wrong(argv[0],
                          "say which number; write phy tbs, mcs, bler, harq or throughput");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(argv[0], 0);
        return 0;
    }
    const char *words[SUBVERBS];
    for (int i = 0; i < SUBVERBS; i++) {
        words[i] = subverbs[i].word;
    }
    int chosen = call_word(argv[0], "number", argv[1], words, SUBVERBS);
    if (chosen < 0) {
        return 2;
    }
    char name[32];
    snprintf(name, sizeof name, "%s %s", argv[0], argv[1]);
    argv[1] = name; /* messages begin with "phy tbs" */
    struct phy_call call = {.table = 1,
                            .prb = 106,
                            .symbols = 13,
                            .dmrs = 12,
                            .layers = 1,
                            .n_tx = 1,
                            .scs_word = 1,
                            .special_text = "6:4:4"};
    int rc = call_read(argc - 1, argv + 1, subverbs[chosen].bit, &call);
    if (rc == 0) {
        rc = subverbs[chosen].run(name, &call);
    }
    return rc < 0 ? 0 : rc;
}
