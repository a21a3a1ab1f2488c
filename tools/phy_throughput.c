/* phy_throughput.c - `phy throughput`: what one UE with a full buffer gets on a clean channel.
 *
 * Every slot of the pattern carries the transport block of 38.214 5.1.3.2; IP packets are laid
 * into these blocks byte by byte, header by header. Nothing is fitted.
 */
#include <stdint.h>
#include <stdio.h>

#include "models/nr_frame.h"
#include "models/nr_tables.h"
#include "models/nr_tbs.h"
#include "tools/call.h"
#include "tools/phy.h"

/* Bytes of headers. */
enum {
    PACKET = 1500,   /* Assumed: an Ethernet MTU; OpenAirInterface's tests use iperf over it */
    IP_HEADER = 20,  /* RFC 791, no options */
    SDAP_HEADER = 1, /* 37.324 6.2.2 */
    PDCP_HEADER = 3, /* 38.323 6.2.2.3: 18-bit sequence numbers */
    RLC_HEADER = 3,  /* 38.322 6.2.2.4: AM, 18-bit sequence numbers */
    RLC_SEGMENT_EXTRA = 2, /* its segment offset, in all but the first segment */
    MAC_SUBHEADER = 3,     /* 38.321 6.1.2: 16-bit length */
    MAC_ELEMENTS_UL = 5,   /* 38.321 6.1.3.1, 6.1.3.8: short BSR 2, single-entry PHR 3 */
};

/* A stream of packets on its way into transport blocks. */
struct stream {
    int64_t left;    /* bytes of the current PDCP PDU not yet sent; 0: take the next packet */
    int64_t packets; /* completely sent */
};

static void stream_fill(struct stream *s, int64_t bytes)
{
    for (;;) {
        int64_t pdu = PACKET + SDAP_HEADER + PDCP_HEADER;
        int64_t header = MAC_SUBHEADER + RLC_HEADER + (s->left > 0 ? RLC_SEGMENT_EXTRA : 0);
        if (bytes <= header) {
            return; /* padding */
        }
        bytes -= header;
        int64_t left = s->left > 0 ? s->left : pdu;
        if (left > bytes) {
            s->left = left - bytes;
            return;
        }
        s->left = 0;
        s->packets++;
        bytes -= left;
    }
}

int phy_throughput(const char *verb, const struct phy_call *call)
{
    int special[3];
    char rest;
    if (sscanf(call->special_text, "%d:%d:%d%c", &special[0], &special[1], &special[2], &rest) !=
            3 ||
        special[0] < 0 || special[1] < 0 || special[2] < 0 || special[0] > 14 || special[2] > 14 ||
        special[1] != 14 - special[0] - special[2]) {
        return call_wrong(verb,
                          "--tdd-special: '%.40s' is not three counts of symbols that sum to 14; "
                          "write --tdd-special 6:4:4",
                          call->special_text);
    }
    int most = nr_prb_max(15 << call->scs_word);
    if (call->prb > most) {
        return call_wrong(verb, "--prb: a carrier of %d kHz has at most %d PRB, not %d",
                          15 << call->scs_word, most, call->prb);
    }
    struct nr_frame frame;
    struct nr_frame_config config = {.scs_khz = 15 << call->scs_word,
                                     .pattern = call->tdd,
                                     .dl_symbols = call->ul ? 13 : call->symbols,
                                     .special_dl_symbols = special[0],
                                     .ul_symbols = call->ul ? call->symbols : 14,
                                     .special_ul_symbols = special[2]};
    if (!nr_frame_init(&frame, &config)) {
        return call_wrong(verb,
                          "--tdd: '%.70s' is not a pattern of up to 64 D, S and U with a downlink "
                          "and an uplink part; write --tdd DDDSU",
                          call->tdd);
    }
    struct nr_mcs mcs = nr_mcs(call->table, call->mcs);
    int32_t bits[NR_PATTERN_MAX];
    int64_t period_bits = 0;
    int32_t full_bits = 0;
    int32_t special_bits = 0;
    for (int i = 0; i < frame.period; i++) {
        struct nr_tbs_input in = {.qm = mcs.qm,
                                  .r_x10240 = mcs.r_x10240,
                                  .n_prb = call->prb,
                                  .n_symbols = call->ul ? frame.ul_symbols[i] : frame.dl_symbols[i],
                                  .dmrs_re_per_prb = call->dmrs,
                                  .layers = call->layers};
        bits[i] = nr_tbs_bits(&in);
        period_bits += bits[i];
        full_bits = call->tdd[i] != 'S' && bits[i] > 0 ? bits[i] : full_bits;
        special_bits = call->tdd[i] == 'S' ? bits[i] : special_bits;
    }
    enum { PERIODS = 2000 }; /* long enough that the packet cut at the end does not show */
    struct stream stream = {0};
    for (int p = 0; p < PERIODS; p++) {
        for (int i = 0; i < frame.period; i++) {
            stream_fill(&stream, bits[i] / 8 - (call->ul ? MAC_ELEMENTS_UL : 0));
        }
    }
    /* Bits per nanosecond are Gbit/s. A block sent in vain costs its slot. */
    double period_ns = (double)(frame.period * frame.slot_ns);
    double phy_mbps = (double)period_bits * 1e3 / period_ns;
    double payload_bits = 8.0 * (PACKET - IP_HEADER) * (double)stream.packets;
    double mbps = payload_bits * 1e3 / (period_ns * PERIODS) * (1.0 - call->bler);
    if (call->json) {
        printf("{\"mbps\": %.3f, \"phy_mbps\": %.3f, \"tbs_bits\": %d, \"tbs_bits_special\": %d, "
               "\"assumed\": {\"dir\": \"%s\", \"prb\": %d, \"scs_khz\": %d, \"tdd\": \"",
               mbps, phy_mbps, full_bits, special_bits, call->ul ? "ul" : "dl", call->prb,
               15 << call->scs_word);
        /* The pattern holds only D, S, U or is "fdd": nothing to escape. */
        printf("%s\", \"tdd_special\": \"%d:%d:%d\", \"table\": %d, \"mcs\": %d, \"layers\": %d, "
               "\"symbols\": %d, \"dmrs_re_per_prb\": %d, \"bler\": %g, \"packet_bytes\": %d, "
               "\"ip_bytes\": %d, \"sdap_bytes\": %d, \"pdcp_bytes\": %d, \"rlc_bytes\": %d, "
               "\"rlc_segment_bytes\": %d, \"mac_bytes\": %d, \"mac_element_bytes\": %d}}\n",
               call->tdd, special[0], special[1], special[2], call->table, call->mcs, call->layers,
               call->symbols, call->dmrs, call->bler, PACKET, IP_HEADER, SDAP_HEADER, PDCP_HEADER,
               RLC_HEADER, RLC_HEADER + RLC_SEGMENT_EXTRA, MAC_SUBHEADER,
               call->ul ? MAC_ELEMENTS_UL : 0);
        return 0;
    }
    printf(
        "%.2f Mbit/s of IP payload (%.2f Mbit/s of transport blocks)\n"
        "assumed: one UE, full buffer, clean channel, BLER %g, %d layer(s)\n"
        "  %s, %d PRB at %d kHz, pattern %s, special slot %d:%d:%d symbols, of its downlink ones "
        "one is PDCCH\n"
        "  MCS table %d index %d (Qm %d, 10240 R %d), %d symbols, DMRS %d RE/PRB in every slot\n"
        "  blocks of %d bits, %d in the special slot; no SSB, CSI-RS, SRS, PUCCH or PRACH\n"
        "  bytes per %d-byte packet: IP %d, SDAP %d, PDCP %d, RLC %d (later segments %d), MAC %d "
        "per RLC PDU, MAC control elements %d per block\n",
        mbps, phy_mbps, call->bler, call->layers, call->ul ? "uplink" : "downlink", call->prb,
        15 << call->scs_word, call->tdd, special[0], special[1], special[2], call->table, call->mcs,
        mcs.qm, mcs.r_x10240, call->symbols, call->dmrs, full_bits, special_bits, PACKET, IP_HEADER,
        SDAP_HEADER, PDCP_HEADER, RLC_HEADER, RLC_HEADER + RLC_SEGMENT_EXTRA, MAC_SUBHEADER,
        call->ul ? MAC_ELEMENTS_UL : 0);
    return 0;
}
