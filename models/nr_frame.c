/* nr_frame.c - see nr_frame.h. */
#include "models/nr_frame.h"

#include <string.h>

bool nr_frame_init(struct nr_frame *f, const struct nr_frame_config *config)
{
    memset(f, 0, sizeof *f);
    int mu = config->scs_khz == 15    ? 0
             : config->scs_khz == 30  ? 1
             : config->scs_khz == 60  ? 2
             : config->scs_khz == 120 ? 3
                                      : -1;
    if (mu < 0)
        return false;
    f->slot_ns = 1000000 >> mu;
    f->slots_per_frame = 10 << mu;
    f->srs_period = config->srs_period;
    f->srs_offset = config->srs_offset;
    f->prach_period = config->prach_period;
    f->prach_frame = config->prach_frame;
    f->prach_subframe = config->prach_subframe;
    f->first_ul = -1;
    if (strcmp(config->pattern, "fdd") == 0) {
        f->period = 1;
        f->dl_symbols[0] = (uint8_t)config->dl_symbols;
        f->ul_symbols[0] = (uint8_t)config->ul_symbols;
        f->pdcch[0] = true;
    } else {
        size_t n = strlen(config->pattern);
        if (n == 0 || n > NR_PATTERN_MAX)
            return false;
        f->period = (int)n;
        for (size_t i = 0; i < n; i++) {
            char c = config->pattern[i];
            if (c != 'D' && c != 'S' && c != 'U')
                return false;
            if (c == 'D')
                f->dl_symbols[i] = (uint8_t)config->dl_symbols;
            if (c == 'U')
                f->ul_symbols[i] = (uint8_t)config->ul_symbols;
            if (c == 'U' && f->first_ul < 0)
                f->first_ul = (int)i;
            if (c == 'S') {
                /* One symbol of the downlink part is PDCCH, as in a full slot. */
                if (config->special_dl_symbols > 1)
                    f->dl_symbols[i] = (uint8_t)(config->special_dl_symbols - 1);
                f->ul_symbols[i] = (uint8_t)config->special_ul_symbols;
            }
            f->pdcch[i] = c == 'D' || (c == 'S' && config->special_dl_symbols > 0);
        }
    }
    bool any_dl = false;
    bool any_ul = false;
    for (int i = 0; i < f->period; i++) {
        f->dl_before[i + 1] = f->dl_before[i] + (f->dl_symbols[i] > 0);
        f->ul_before[i + 1] = f->ul_before[i] + (f->ul_symbols[i] > 0);
        any_dl = any_dl || f->pdcch[i];
        any_ul = any_ul || f->ul_symbols[i] > 0;
    }
    return any_dl && any_ul;
}

int64_t nr_frame_dl_index(const struct nr_frame *f, int64_t slot)
{
    return slot / f->period * f->dl_before[f->period] + f->dl_before[slot % f->period];
}

int64_t nr_frame_ul_index(const struct nr_frame *f, int64_t slot)
{
    return slot / f->period * f->ul_before[f->period] + f->ul_before[slot % f->period];
}

int64_t nr_frame_idle_since(const struct nr_frame *f, int64_t slot)
{
    return f->first_ul < 0 ? slot : slot - slot % f->slots_per_frame + f->first_ul;
}

int64_t nr_frame_next_pdcch(const struct nr_frame *f, int64_t slot)
{
    while (!f->pdcch[slot % f->period])
        slot++;
    return slot;
}

int64_t nr_frame_next_ul(const struct nr_frame *f, int64_t slot)
{
    while (f->ul_symbols[slot % f->period] == 0)
        slot++;
    return slot;
}

int64_t nr_frame_grant_slot(const struct nr_frame *f, int64_t ul_slot, int k2)
{
    /* Before slot 0 there is no PDCCH, and no grant: the caller sees a negative slot. */
    int64_t s = ul_slot - k2;
    while (s >= 0 && !f->pdcch[s % f->period])
        s--;
    return s;
}

bool nr_frame_prach(const struct nr_frame *f, int64_t slot)
{
    if (f->prach_period == 0 || slot / f->slots_per_frame % f->prach_period != f->prach_frame)
        return false;
    int per_subframe = f->slots_per_frame / 10;
    int in_frame = (int)(slot % f->slots_per_frame);
    return in_frame / per_subframe == f->prach_subframe &&
           2 * (in_frame % per_subframe + 1) > per_subframe;
}

int nr_prb_max(int scs_khz)
{
    switch (scs_khz) {
    case 15:
        return 270;
    case 30:
        return 273;
    case 60:
    case 120:
        return 264;
    default:
        return 0;
    }
}
