/* chain.h - the scenario of tests/sim/chain.c and chain_ends.c, whole or without some parts. */
#ifndef TESTS_SIM_CHAIN_H
#define TESTS_SIM_CHAIN_H

#include "tests/sim/rows.h"

#define CHAT                                                                                       \
    "\"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 4, \"bytes_per_token\": 40,"                \
    " \"input_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 200},"                        \
    " \"output_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 40}}"

/* Two groups with a cell and a server each, one of blocking clients, and one that goes everywhere.
 */
static const char base[] =
    "{\"name\": \"chain\", \"duration_s\": 3, \"output\": {\"ran_records_ms\": 50},"
    " \"radio\": {}, \"transport\": {}, \"core\": {},"
    " \"cells\": [{\"id\": \"c0\"}, {\"id\": \"c1\"}],"
    " \"servers\": [{\"id\": \"g0\", \"gpu\": \"h100-sxm\", \"model\": \"llama-3.2-1b\"},"
    "  {\"id\": \"g1\", \"gpu\": \"l4\", \"model\": \"llama-3.2-3b\"}],"
    " \"ues\": ["
    "  {\"id\": \"a\", \"count\": 3, \"cell\": \"c0\", \"server\": \"g0\", " CHAT "},"
    "  {\"id\": \"b\", \"count\": 2, \"cell\": \"c1\", \"server\": \"g1\","
    "   \"traffic\": {\"kind\": \"willm-client\", \"mode\": \"text_request\", \"period_s\": 0.5,"
    "    \"start_spread_s\": 0.5, \"word_counts\": [3, 20]}},"
    "  {\"id\": \"c\", \"count\": 2, \"cell\": \"*\", \"server\": \"*\", " CHAT "}]}";

/* The parts of the chain that a scenario may leave out. */
enum { RADIO = 1, TRANSPORT = 2, CORE = 4, PARTS = 8 };

/* base without some parts. */
static inline void text_without(int left_out, char out[4096])
{
    static const char *const keys[] = {"\"radio\": {}, ", "\"transport\": {}, ", "\"core\": {},"};
    strcpy(out, base);
    for (int i = 0; i < 3; i++) {
        char *at = strstr(out, keys[i]);
        if ((left_out >> i & 1) != 0)
            memmove(at, at + strlen(keys[i]), strlen(at + strlen(keys[i])) + 1);
    }
    if ((left_out & RADIO) == 0)
        return;
    static const char *const cells[] = {"\"cells\": [{\"id\": \"c0\"}, {\"id\": \"c1\"}],",
                                        "\"cell\": \"c0\", ", "\"cell\": \"c1\", ",
                                        "\"cell\": \"*\", "};
    for (int i = 0; i < 4; i++) {
        char *at = strstr(out, cells[i]);
        memmove(at, at + strlen(cells[i]), strlen(at + strlen(cells[i])) + 1);
    }
}

#endif
