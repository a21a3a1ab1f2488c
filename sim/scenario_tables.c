/* scenario_tables.c - the tables of a scenario file, apart from "radio" (scenario_radio.c) and
 * "traffic" (scenario_traffic.c). They read the file and print the JSON Schema and the reference.
 */
#include "sim/scenario_tables.h"

#include <stddef.h>
#include <stdio.h>

#include "models/llm.h"
#include "sched/batch.h"
#include "sched/choice.h"
#include "sim/scenario.h"

struct text scenario_place(const char *place, const char *key)
{
    struct text path = {0};
    text_add(&path, "%s", place);
    text_add_key(&path, key);
    return path;
}

/* --- Small objects ---------------------------------------------------------------------------- */

static const struct json_field engine_fields[] = {
    F_BOOL(scenario_engine, skip_idle_slots, "true",
           "Skip slots in which a cell has nothing to do; results are the same either way."),
    F_BOOL(scenario_engine, fast_forward_decode, "true",
           "Advance decode steps between two changes of a batch in one event; results are the same "
           "either way."),
    F_END};
static const struct json_spec engine_spec =
    SPEC("engine", scenario_engine, engine_fields, NULL, "How the simulation runs.");

static const struct json_field output_fields[] = {
    F_NUM(scenario_output, ran_records_ms, 0, 1000000, "0",
          "Milliseconds between two rows of ran_records per phone, 0: none. The testbed wrote one "
          "row a millisecond."),
    F_BOOL(scenario_output, requests, "true",
           "Write rows of requests, ue_records and server_records."),
    F_END};
static const struct json_spec output_spec =
    SPEC("output", scenario_output, output_fields, NULL, "What is stored.");

static const struct json_field cell_fields[] = {
    F_STR(scenario_cell, id, NULL, "Name of the cell; no other cell has it."),
    F_NUM(scenario_cell, x_m, -1e6, 1e6, "0", "Where it is, in m to the east (radio.channel)."),
    F_NUM(scenario_cell, y_m, -1e6, 1e6, "0", "Where it is, in m to the north."), F_END};
static const struct json_spec cell_spec =
    SPEC("cell", scenario_cell, cell_fields, NULL, "A gNB with one carrier (\"radio\").");

/* --- Slices ----------------------------------------------------------------------------------- */

static const struct json_field slice_fields[] = {
    F_STR(scenario_slice, id, NULL, "Name of the slice; no other slice has it."),
    F_STR(scenario_slice, parent, "null",
          "The branch that this fruit hangs on. Left out: this is a branch."),
    F_NUM(scenario_slice, min_pct, 0, 100, "0",
          "Share of the carrier in percent that it gets at least. The minima of the branches, and "
          "of the fruits of a branch, sum to at most 100."),
    F_NUM(scenario_slice, max_pct, 0, 100, "100",
          "Share of the carrier in percent that it gets at most, not below min_pct."),
    F_NUM(scenario_slice, dedicated_pct, 0, 100, "0",
          "Part of min_pct that policy dedicated-min-max lends to nobody (28.541 "
          "rRMPolicyDedicatedRatio)."),
    F_POS(scenario_slice, priority, 0, 100, "1",
          "Factor on the allocation: pi(u) of WiLLM's algorithm 1, line 14. On a server with order "
          "priority: the larger comes first."),
    F_NUM(
        scenario_slice, gpu_min_pct, 0, 100, "0",
        "Share of every server's KV blocks and sequences in percent that is kept for it. Batching "
        "kinds continuous and disaggregated."),
    F_POS(scenario_slice, gpu_max_pct, 0, 100, "100",
          "Share of every server's KV blocks and sequences in percent that it gets at most (one "
          "sequence at least), not below gpu_min_pct."),
    F_INT(scenario_slice, sst, 0, 255, "1", "Slice/service type of the S-NSSAI (23.003 28.4.2)."),
    F_INT(scenario_slice, sd, -1, 16777215, "-1",
          "Slice differentiator of the S-NSSAI (23.003 28.4.2), -1: none."),
    F_STR(scenario_slice, service, "null",
          "LLM service id that cross-layer policies see. Left out: none."),
    F_END};

static int slice_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct scenario_slice *s = object;
    if (s->min_pct > s->max_pct) {
        return FAIL_KEY("min_pct", "%g is above max_pct %g; lower it", s->min_pct, s->max_pct);
    }
    if (s->gpu_min_pct > s->gpu_max_pct) {
        return FAIL_KEY("gpu_min_pct", "%g is above gpu_max_pct %g; lower it", s->gpu_min_pct,
                        s->gpu_max_pct);
    }
    if (s->dedicated_pct > s->min_pct) {
        return FAIL_KEY("dedicated_pct", "%g is part of min_pct %g; lower it", s->dedicated_pct,
                        s->min_pct);
    }
    return 0;
}

static const struct json_spec slice_spec =
    SPEC("slice", scenario_slice, slice_fields, slice_check,
         "A branch (S-NSSAI) or a fruit (LLM service) of the slice tree (WiLLM section 3.3).");

static const struct json_field change_fields[] = {
    F_NUM(scenario_slice_change, at_s, 0, 1e6, NULL,
          "When, in seconds: the slots that begin after it see the change."),
    F_STR(scenario_slice_change, slice, NULL, "The slice that changes."),
    F_NUM(scenario_slice_change, min_pct, -1, 100, "-1", "Its new min_pct; -1: as before."),
    F_NUM(scenario_slice_change, max_pct, -1, 100, "-1", "Its new max_pct; -1: as before."),
    F_NUM(scenario_slice_change, priority, -1, 100, "-1", "Its new priority; -1: as before."),
    F_END};

static int change_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct scenario_slice_change *c = object;
    if (c->min_pct < 0.0 && c->min_pct != -1.0) {
        return FAIL_KEY("min_pct", "%g is no share; write 0 to 100, or -1 for no change",
                        c->min_pct);
    }
    if (c->max_pct < 0.0 && c->max_pct != -1.0) {
        return FAIL_KEY("max_pct", "%g is no share; write 0 to 100, or -1 for no change",
                        c->max_pct);
    }
    if (c->priority <= 0.0 && c->priority != -1.0) {
        return FAIL_KEY("priority", "%g is no factor; write a number above 0, or -1 for no change",
                        c->priority);
    }
    if (c->min_pct < 0.0 && c->max_pct < 0.0 && c->priority < 0.0) {
        return FAIL_KEY("slice", "nothing changes; add min_pct, max_pct or priority");
    }
    return 0;
}

static const struct json_spec change_spec =
    SPEC("slice_change", scenario_slice_change, change_fields, change_check,
         "A change of a slice while the run is on.");

static const struct json_field slices_fields[] = {
    FIELD(scenario_slices, tree, JSON_LIST, .max = 1000, .spec = &slice_spec, .def = "[]",
          .doc = "Branches and fruits."),
    F_STR(scenario_slices, rrm_policy, "null",
          "Path of a testbed rrmPolicy.json, instead of `tree`. Left out: none."),
    F_STR(scenario_slices, rrm_policy_sub, "null",
          "Path of a testbed rrmPolicy_sub.json beside rrm_policy; its fruits take precedence. "
          "Left out: none."),
    FIELD(scenario_slices, schedule, JSON_LIST, .max = 10000, .spec = &change_spec, .def = "[]",
          .doc = "Changes during the run; of two at one time the later in the list comes later. "
                 "After each the tree must be right."),
    F_END};

static int slices_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct scenario_slices *s = object;
    if (s->rrm_policy != NULL && s->tree.n > 0) {
        return FAIL_KEY("rrm_policy", "stands beside `tree`; keep one of the two");
    }
    if (s->rrm_policy == NULL && s->rrm_policy_sub != NULL) {
        return FAIL_KEY("rrm_policy_sub", "needs rrm_policy beside it; add that file");
    }
    return 0;
}

static const struct json_spec slices_spec =
    SPEC("slices", scenario_slices, slices_fields, slices_check,
         "The slice tree: gNB, branches, fruits. Left out: no slices.");

/* --- From the gNB to the servers -------------------------------------------------------------- */

static const char *const protocol_words[] = {"none", "udp", "tcp", NULL};

int64_t transport_header_bytes(const struct scenario_transport *t)
{
    static const int64_t own[] = {[TRANSPORT_NONE] = 0, [TRANSPORT_UDP] = 8, [TRANSPORT_TCP] = 32};
    return t->ip_header_bytes + (t->l4_header_bytes > 0 ? t->l4_header_bytes : own[t->protocol]);
}

static const struct json_field transport_fields[] = {
    F_WORD(scenario_transport, protocol, protocol_words, "\"none\"",
           "What carries a request: none (its packets follow one another as fast as the links take "
           "them), udp (the same, one message), or tcp (a connection per request: handshake, slow "
           "start, acknowledgements over the other direction). Testbed: tcp (HTTP)."),
    F_INT(scenario_transport, tcp_window_bytes, 2048, 1e9, "6291456",
          "TCP receive window in bytes. Linux: the upper bound of its autotuning (tcp_rmem)."),
    F_INT(
        scenario_transport, tunnel_header_bytes, 0, 500, "60",
        "Header that the application-layer tunnel adds to every packet of phones without native "
        "slicing (WiLLM 4.2.2). Assumed: an outer IPv4 and TCP header with timestamps and 8 bytes "
        "of its own; the paper gives no format."),
    F_BOOL(scenario_transport, tcp_handshake, "true",
           "Each request opens its connection. Testbed: yes (a Python client without a session)."),
    F_POS(scenario_transport, rate_mbps, 0, 1e6, "1000",
          "Rate of the link between gNB and core network in Mbit/s. Testbed: 1000 (Ethernet)."),
    F_NUM(scenario_transport, delay_ms, 0, 10000, "0.2",
          "One-way delay in ms. Assumed: one switch between two hosts of a room."),
    F_INT(scenario_transport, mtu_bytes, 256, 65535, "1500",
          "Largest IP packet of the phone in bytes. Assumed: Ethernet's 1500."),
    F_INT(scenario_transport, ip_header_bytes, 0, 200, "20",
          "IP header per packet: IPv4 without options (RFC 791)."),
    F_INT(scenario_transport, l4_header_bytes, 0, 200, "0",
          "Header per packet above IP; 0: the protocol's own, which is 8 for udp (RFC 768), 32 for "
          "tcp (20, RFC 9293, and timestamps, RFC 7323), nothing for none."),
    F_END};

static int transport_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct scenario_transport *t = object;
    int64_t headers = transport_header_bytes(t) + t->tunnel_header_bytes;
    if (t->mtu_bytes <= headers) {
        return FAIL_KEY("mtu_bytes", "%lld leaves no room after %lld bytes of headers",
                        (long long)t->mtu_bytes, (long long)headers);
    }
    return 0;
}

static const struct json_spec transport_spec =
    SPEC("transport", scenario_transport, transport_fields, transport_check,
         "The link between a gNB and the core network. Left out: not in the chain.");

static const struct json_field core_fields[] = {
    F_POS(scenario_core, upf_rate_mbps, 0, 1e6, "1000",
          "Rate of the user-plane function in Mbit/s. Assumed: as fast as its link."),
    F_NUM(scenario_core, upf_delay_us, 0, 1e6, "50",
          "Delay of the user-plane function in us. Assumed: a packet through a user-space "
          "forwarder (the testbed's is Open5GS)."),
    F_INT(scenario_core, gtpu_header_bytes, 0, 200, "44",
          "Tunnel header per packet on the transport link: IPv4 20, UDP 8, GTP-U 8 (29.281 clause "
          "5.1) and its extension fields with the PDU session container 8 (38.415)."),
    F_END};
static const struct json_spec core_spec =
    SPEC("core", scenario_core, core_fields, NULL,
         "The core network's user plane. Left out: not in the chain.");

/* --- Servers ---------------------------------------------------------------------------------- */

#define KV_PRECISION                                                                               \
    "Numbers in the KV cache: 16-bit, or 8-bit (vLLM's kv_cache_dtype fp8, Ollama's "              \
    "OLLAMA_KV_CACHE_TYPE q8_0), which halves its bytes in memory and in each step."

/* llm_quant_words with "default" before them (tests/sim/scenario.c compares). */
static const char *const quant_words[] = {"default", "f16", "bf16", "fp8",  "w8a8",   "w8a16",
                                          "w4a16",   "awq", "q8_0", "q4_0", "q4_k_m", NULL};

/* enum llm_kv */
static const char *const kv_words[] = {"16-bit", "8-bit", NULL};

static const struct json_field model_fields[] = {
    F_STR(scenario_model, id, "null", "Name that ues[].model asks for. Left out: the card's."),
    F_STR(scenario_model, model, NULL,
          "Model card, a file of models/cards (`willmsim list models`)."),
    F_WORD(scenario_model, quant, quant_words, "\"default\"",
           "Precision of the weights; default: the model card's own."),
    F_WORD(scenario_model, kv_precision, kv_words, "\"16-bit\"", KV_PRECISION),
    F_INT(scenario_model, kv_tokens, 0, 1e9, "0",
          "Tokens of the model's KV pool; 0: for parallel-slots 4096 a slot (Ollama's default "
          "OLLAMA_CONTEXT_LENGTH), else an equal part of what the memory leaves beside all models "
          "of the server."),
    F_BOOL(scenario_model, loaded, "false",
           "The model is in GPU memory at time 0; otherwise it is loaded when it is first asked "
           "for, as Ollama does."),
    F_NUM(scenario_model, keep_alive_s, -1, 1e6, "300",
          "Seconds without a request after which the model leaves the memory; 0: at once; -1: "
          "never. Ollama's default OLLAMA_KEEP_ALIVE: 5 minutes."),
    F_END};
static const struct json_spec model_spec = SPEC("server_model", scenario_model, model_fields, NULL,
                                                "A model of a server that has several.");

static const struct json_field server_fields[] = {
    F_STR(scenario_server, id, NULL, "Name of the server; no other server has it."),
    F_STR(scenario_server, gpu, NULL,
          "GPU profile, a file of bench/profiles (`willmsim list gpus`)."),
    F_STR(scenario_server, model, "null",
          "Model card, a file of models/cards (`willmsim list models`). Or `models`."),
    FIELD(scenario_server, models, JSON_LIST, .max = 64, .spec = &model_spec, .def = "[]",
          .doc = "Several models that share the GPU and its memory, instead of `model`: each is "
                 "loaded when it is asked for, and leaves when another needs the room."),
    F_WORD(scenario_server, quant, quant_words, "\"default\"",
           "Precision of the weights; default: the model card's own."),
    F_WORD(scenario_server, kv_precision, kv_words, "\"16-bit\"", KV_PRECISION),
    F_WORD(scenario_server, engine, llm_engine_words, "\"vllm\"",
           "Serving engine: how much of the hardware it reaches. Testbed: ollama."),
    F_INT(scenario_server, tensor_parallel, 1, 64, "1",
          "GPUs that hold the model together. Testbed: 1."),
    F_POS(scenario_server, memory_utilization, 0, 1, "0.9",
          "Part of the GPU memory that weights, activations and KV may fill. vLLM's default: 0.9."),
    F_INT(scenario_server, kv_tokens, 0, 1e9, "0",
          "Tokens of the KV pool; 0: what the memory leaves."),
    F_INT(scenario_server, kv_block_tokens, 1, 4096, "16",
          "Tokens of a KV block. vLLM's default: 16."),
    F_BOOL(scenario_server, loaded, "true",
           "The model is in GPU memory at time 0; otherwise the first request waits for it. "
           "Assumed: a warm server (Ollama keeps a model for 5 minutes)."),
    F_NUM(scenario_server, keep_alive_s, -1, 1e6, "-1",
          "Seconds without a request after which the model leaves the memory; -1: never. Assumed: "
          "a server with one model keeps it (vLLM); Ollama's default is 300."),
    F_NUM(scenario_server, host_cache_gib, 0, 1e6, "32",
          "Host memory that holds files of models that were read, in GiB: one that is still there "
          "is loaded over the host link, else from disk. Assumed: half of a host with 64 GiB."),
    F_NUM(scenario_server, request_overhead_ms, 0, 100000, "5",
          "Work of the host per request in ms: HTTP, JSON, base64, tokens. Assumed."),
    F_NUM(scenario_server, swap_space_gib, 0, 1e6, "4",
          "Host memory for the KV of preempted requests (batching.preemption swap), in GiB. vLLM's "
          "default swap_space: 4."),
    F_POS(
        scenario_server, host_link_gbytes_per_s, 0, 1e5, "25",
        "Rate of copies between host and GPU memory in 1e9 bytes a second. Assumed: pinned memory "
        "over PCIe 4.0 x16, whose raw rate is 31.5."),
    FIELD(scenario_server, slices, JSON_STRS, .def = "[]",
          .doc = "Slices whose requests routing by-slice sends here, and no others. Empty: any."),
    F_CHOICE(scenario_server, batching, batch_policy_variants, "kind", "{\"kind\": \"continuous\"}",
             "Which requests the GPU works on together. Testbed: parallel-slots (Ollama)."),
    FIELD(scenario_server, edge, JSON_OPTIONAL, .spec = &scenario_node_spec,
          .doc = "The server as a node of `edge`; needed there."),
    F_END};
static const struct json_spec server_spec = SPEC("server", scenario_server, server_fields, NULL,
                                                 "A GPU server, with one model or several.");

/* --- UE groups -------------------------------------------------------------------------------- */

/* enum routing */
static const char *const routing_words[] = {"by-ue", "round-robin", "least-loaded", "by-slice",
                                            NULL};

static const struct json_field ues_fields[] = {
    F_STR(scenario_ues, id, NULL, "Name of the group; no other group has it."),
    F_INT(scenario_ues, count, 1, 100000, "1", "Phones in the group."),
    F_STR(scenario_ues, cell, "null",
          "Cell of the group's phones, or \"*\": in turn over all cells (with radio.channel: the "
          "strongest). Needed when there is a radio."),
    F_STR(scenario_ues, slice, "null", "Slice of the group's phones. Left out: none."),
    FIELD(scenario_ues, slice_cycle, JSON_STRS, .def = "[]",
          .doc = "Slices that the phones go through again and again, instead of `slice`. WiLLM "
                 "appendix F.3.2: 1221, 1222, 1223."),
    F_POS(scenario_ues, slice_cycle_s, 0, 1e6, "30",
          "Seconds in each slice of the cycle. WiLLM appendix F.3.2: 30."),
    F_CHOICE(scenario_ues, slice_choice, choice_policy_variants, "kind", "null",
             "Each phone learns which slice to ask for, instead of `slice` and `slice_cycle` "
             "(WiLLM 6.3). Left out: it does not."),
    FIELD(scenario_ues, slice_arms, JSON_STRS, .def = "[]",
          .doc = "Slices that slice_choice chooses among, at least two."),
    F_POS(scenario_ues, slice_target_s, 0, 1e6, "2",
          "Latency that slice_choice wants to stay at, in s. WiLLM 6.2: 2."),
    F_STR(scenario_ues, server, NULL, "Server that answers, or \"*\": any, by `routing`."),
    F_WORD(scenario_ues, routing, routing_words, "\"by-ue\"",
           "How \"*\" chooses: by-ue (each phone has its server, phones in turn), round-robin "
           "(requests in turn), least-loaded (the fewest requests in hand when a request reaches "
           "the servers) or by-slice (the same, among the servers whose `slices` name the "
           "request's)."),
    F_STR(scenario_ues, model, "null",
          "Model that the requests ask for, an id of servers[].models; \"*\" chooses among the "
          "servers that have it. Left out: the server's first."),
    F_NUM(scenario_ues, prepare_ms, 0, 100000, "10",
          "From the decision to ask to the request in the phone's radio buffer, in ms. Assumed: "
          "capture, JPEG and base64 on a single-board computer."),
    F_BOOL(scenario_ues, streaming, "false",
           "Every token is sent down when it is made. Testbed: false."),
    F_BOOL(scenario_ues, native_slicing, "true",
           "The phone can ask for its slice itself; false: it reaches the slice through the "
           "application-layer tunnel (WiLLM 4.2.2), which costs transport.tunnel_header_bytes a "
           "packet."),
    F_CHOICE(scenario_ues, mobility, scenario_mobility_variants, "kind", "{\"kind\": \"static\"}",
             "Where the phones are (radio.channel)."),
    FIELD(scenario_ues, detach_at_s, JSON_NUMS, .max = 1e6, .def = "[]",
          .doc = "Seconds at which the phones detach from their cell, ascending. What they ask "
                 "meanwhile waits; throughput averages and power headroom read 0."),
    F_NUM(scenario_ues, ask_until_s, 0, 1e9, "0",
          "The phones ask nothing new from this time on; 0: until the end of the run. So that what "
          "was asked is answered before the last RAN record."),
    F_POS(scenario_ues, detach_gap_s, 0, 1e6, "5",
          "Seconds after which they attach again. Assumed: an airplane-mode switch by hand."),
    F_CHOICE(scenario_ues, traffic, scenario_traffic_variants, "kind", NULL,
             "When the phones ask, and what."),
    F_END};

static int ues_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct scenario_ues *u = object;
    if (u->slice != NULL && u->slice_cycle.n > 0) {
        return FAIL_KEY("slice_cycle", "stands beside `slice`; keep one of the two");
    }
    bool learns = u->slice_choice.word != NULL;
    if (learns && (u->slice != NULL || u->slice_cycle.n > 0)) {
        return FAIL_KEY("slice_choice", "stands beside `slice` or `slice_cycle`; keep one");
    }
    if (learns ? u->slice_arms.n < 2 : u->slice_arms.n > 0) {
        return FAIL_KEY("slice_arms", "%s",
                        learns ? "has fewer than two slices; name those that "
                                 "slice_choice chooses among"
                               : "has no slice_choice beside it; add one");
    }
    const double *detach_s = u->detach_at_s.items;
    for (size_t i = 1; i < u->detach_at_s.n; i++) {
        if (detach_s[i] <= detach_s[i - 1] + u->detach_gap_s) {
            return FAIL_KEY("detach_at_s",
                            "%g comes before the phones have attached again, %g s after %g",
                            detach_s[i], u->detach_gap_s, detach_s[i - 1]);
        }
    }
    return 0;
}

static const struct json_spec ues_spec =
    SPEC("ue_group", scenario_ues, ues_fields, ues_check, "Phones of one kind.");

/* --- The scenario ----------------------------------------------------------------------------- */

static const struct json_field assumed_fields[] = {
    F_STR(scenario_assumed, key, NULL, "The key, as --set takes it: ues.0.traffic.word_counts."),
    F_STR(scenario_assumed, why, NULL, "Why this value."),
    F_STR(scenario_assumed, plausible, "null", "What else it may have been."), F_END};
static const struct json_spec assumed_spec =
    SPEC("assumed", scenario_assumed, assumed_fields, NULL,
         "A value that decides the result and that nobody published. For the reader: the run takes "
         "no notice of it.");

static const struct json_field scenario_fields[] = {
    F_STR(scenario, name, NULL,
          "Name of the scenario: letters, digits, '-', '_' and '.'; the results are stored under "
          "it."),
    F_STR(scenario, description, "null", "What it shows, and what it assumes."),
    FIELD(scenario, assumed, JSON_LIST, .max = 1000, .spec = &assumed_spec, .def = "[]",
          .doc = "Which of its values are assumed, and why."),
    F_INT(scenario, seed, 0, 9007199254740991.0, "1", "Seed of all random draws."),
    F_POS(scenario, duration_s, 0, 1e6, NULL, "Seconds in which requests are born."),
    F_NUM(scenario, drain_s, 0, 1e6, "60",
          "Seconds after that in which requests on their way may still end."),
    FIELD(scenario, engine, JSON_OBJECT, .spec = &engine_spec, .def = "{}",
          .doc = "How the simulation runs."),
    FIELD(scenario, output, JSON_OBJECT, .spec = &output_spec, .def = "{}",
          .doc = "What is stored."),
    FIELD(scenario, radio, JSON_OPTIONAL, .spec = &scenario_radio_spec,
          .doc = "The carrier of every cell. Left out: no radio in the chain."),
    FIELD(scenario, cells, JSON_LIST, .max = 4096, .spec = &cell_spec, .def = "[]",
          .doc = "The cells; needed when there is a radio."),
    FIELD(scenario, slices, JSON_OBJECT, .spec = &slices_spec, .def = "{}",
          .doc = "The slice tree."),
    FIELD(scenario, transport, JSON_OPTIONAL, .spec = &transport_spec,
          .doc = "The link between gNB and core network. Left out: not in the chain."),
    FIELD(scenario, core, JSON_OPTIONAL, .spec = &core_spec,
          .doc = "The core network's user plane. Left out: not in the chain."),
    FIELD(scenario, edge, JSON_OPTIONAL, .spec = &scenario_edge_spec,
          .doc = "The edge-inference paper's radio and epochs, instead of radio, transport and "
                 "core."),
    FIELD(scenario, servers, JSON_LIST, .min = 1, .max = 4096, .spec = &server_spec,
          .doc = "The GPU servers."),
    FIELD(scenario, ues, JSON_LIST, .min = 1, .max = 4096, .spec = &ues_spec,
          .doc = "Groups of phones."),
    F_END};

const struct json_spec scenario_spec =
    SPEC("scenario", scenario, scenario_fields, NULL,
         "A scenario: phones that ask, the radio and links in between, servers that answer.");

void scenario_schema_print(FILE *out)
{
    json_schema_print(out, &scenario_spec, "willmsim scenario");
}

void scenario_reference_print(FILE *out)
{
    fputs(
        "# Scenarios\n"
        "\n"
        "What a scenario file may say: strict JSON, printed from the loader's own tables by\n"
        "`willmsim schema --markdown` (do not edit). Editors read "
        "`scenarios/scenario.schema.json`.\n"
        "\n"
        "- Units stand in the key names. A key that is left out takes its default; defaults are "
        "the\n"
        "  WiLLM testbed's, and what nobody published says *Assumed*.\n"
        "- The chain is UE, radio, transport, core network, server and back. A stage whose object\n"
        "  (`radio`, `transport`, `core`) is left out is not in the chain.\n"
        "- `--set PATH=VALUE` changes one value: `ues.0.count=8`, `radio.policy.kind=max-cqi`; a "
        "list\n"
        "  without an index means every item (`ues.count=8`).\n"
        "- A file of the scenario may begin with `$WILLMSIM_DATA/`, the folder of measurements\n"
        "  (default `../shared/data`).\n"
        "- `willmsim check FILE` says whether a file is right; `willmsim list` says what the "
        "words\n"
        "  can be.\n"
        "\n",
        out);
    json_reference_print(out, &scenario_spec);
}
