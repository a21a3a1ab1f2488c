/* nr_tables.c - the MCS and CQI tables of 3GPP TS 38.214 as numbers: {Qm, 10 x 1024 x R}. */
#include "models/nr_tables.h"

/* Table 5.1.3.1-1 (64QAM). The last indices (29 to 31, in the 256QAM table 28 to 31) name no
 * code rate, only a modulation for retransmissions, and are left out. */
static const struct nr_mcs mcs_64qam[] = {
    {2, 1200}, {2, 1570}, {2, 1930}, {2, 2510}, {2, 3080}, {2, 3790}, {2, 4490}, {2, 5260},
    {2, 6020}, {2, 6790}, {4, 3400}, {4, 3780}, {4, 4340}, {4, 4900}, {4, 5530}, {4, 6160},
    {4, 6580}, {6, 4380}, {6, 4660}, {6, 5170}, {6, 5670}, {6, 6160}, {6, 6660}, {6, 7190},
    {6, 7720}, {6, 8220}, {6, 8730}, {6, 9100}, {6, 9480}};

/* Table 5.1.3.1-2 (256QAM). */
static const struct nr_mcs mcs_256qam[] = {
    {2, 1200}, {2, 1930}, {2, 3080}, {2, 4490}, {2, 6020}, {4, 3780}, {4, 4340},
    {4, 4900}, {4, 5530}, {4, 6160}, {4, 6580}, {6, 4660}, {6, 5170}, {6, 5670},
    {6, 6160}, {6, 6660}, {6, 7190}, {6, 7720}, {6, 8220}, {6, 8730}, {8, 6825},
    {8, 7110}, {8, 7540}, {8, 7970}, {8, 8410}, {8, 8850}, {8, 9165}, {8, 9480}};

/* Table 5.1.3.1-3 (low spectral efficiency). */
static const struct nr_mcs mcs_low_se[] = {
    {2, 300},  {2, 400},  {2, 500},  {2, 640},  {2, 780},  {2, 990},  {2, 1200}, {2, 1570},
    {2, 1930}, {2, 2510}, {2, 3080}, {2, 3790}, {2, 4490}, {2, 5260}, {2, 6020}, {4, 3400},
    {4, 3780}, {4, 4340}, {4, 4900}, {4, 5530}, {4, 6160}, {6, 4380}, {6, 4660}, {6, 5170},
    {6, 5670}, {6, 6160}, {6, 6660}, {6, 7190}, {6, 7720}};

/* Tables 5.2.2.1-2, -3 and -4; index 0 is "out of range". */
static const struct nr_mcs cqi_64qam[] = {
    {0, 0},    {2, 780},  {2, 1200}, {2, 1930}, {2, 3080}, {2, 4490}, {2, 6020}, {4, 3780},
    {4, 4900}, {4, 6160}, {6, 4660}, {6, 5670}, {6, 6660}, {6, 7720}, {6, 8730}, {6, 9480}};
static const struct nr_mcs cqi_256qam[] = {
    {0, 0},    {2, 780},  {2, 1930}, {2, 4490}, {4, 3780}, {4, 4900}, {4, 6160}, {6, 4660},
    {6, 5670}, {6, 6660}, {6, 7720}, {6, 8730}, {8, 7110}, {8, 7970}, {8, 8850}, {8, 9480}};
static const struct nr_mcs cqi_low_se[] = {
    {0, 0},    {2, 300},  {2, 500},  {2, 780},  {2, 1200}, {2, 1930}, {2, 3080}, {2, 4490},
    {2, 6020}, {4, 3780}, {4, 4900}, {4, 6160}, {6, 4660}, {6, 5670}, {6, 6660}, {6, 7720}};

struct rows {
    const struct nr_mcs *row;
    int n;
};

#define ROWS(table)                                                                                \
    {                                                                                              \
        (table), (int)(sizeof(table) / sizeof *(table))                                            \
    }
static const struct rows mcs_tables[] = {ROWS(mcs_64qam), ROWS(mcs_256qam), ROWS(mcs_low_se)};
static const struct rows cqi_tables[] = {ROWS(cqi_64qam), ROWS(cqi_256qam), ROWS(cqi_low_se)};
enum { TABLES = 3 };

static struct nr_mcs row_at(const struct rows *tables, int table, int index)
{
    if (table < 1 || table > TABLES || index < 0 || index >= tables[table - 1].n) {
        return (struct nr_mcs){0, 0};
    }
    return tables[table - 1].row[index];
}

int nr_mcs_max(int table)
{
    return table < 1 || table > TABLES ? -1 : mcs_tables[table - 1].n - 1;
}

struct nr_mcs nr_mcs(int table, int index)
{
    return row_at(mcs_tables, table, index);
}

struct nr_mcs nr_cqi(int table, int cqi)
{
    return row_at(cqi_tables, table, cqi);
}
