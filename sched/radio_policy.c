/* radio_policy.c - the radio policies by their words; the table itself is in radio_policies.h. */
#include "sched/radio.h"

#include <string.h>

#include "sched/radio_policies.h"

#define POLICY(name, policy_word, keeps, sees, text)                                               \
    static const struct radio_policy radio_##name = {.word = (policy_word),                        \
                                                     .doc = (text),                                \
                                                     .keeps_tree = (keeps),                        \
                                                     .sees_servers = (sees),                       \
                                                     .options = &radio_##name##_spec,              \
                                                     .create = radio_##name##_create,              \
                                                     .destroy = radio_##name##_destroy,            \
                                                     .allocate = radio_##name##_allocate};
RADIO_POLICIES(POLICY)

#define ADDRESS(name, policy_word, keeps, sees, text) &radio_##name,
const struct radio_policy *const radio_policies[] = {RADIO_POLICIES(ADDRESS) NULL};

#define VARIANT(name, policy_word, keeps, sees, text)                                              \
    {.word = (policy_word), .spec = &radio_##name##_spec, .doc = (text)},
const struct json_variant radio_policy_variants[] = {RADIO_POLICIES(VARIANT){.word = NULL}};

const struct radio_policy *radio_policy_find(const char *word)
{
    for (const struct radio_policy *const *p = radio_policies; *p != NULL; p++) {
        if (strcmp((*p)->word, word) == 0) {
            return *p;
        }
    }
    return NULL;
}

bool radio_policy_keeps_tree(const struct radio_policy *p, const void *options)
{
    if (p->keeps_tree == NULL || p->keeps_tree[0] == '\0') {
        return p->keeps_tree != NULL;
    }
    for (const struct json_field *f = p->options->fields; f->key != NULL; f++) {
        if (strcmp(f->key, p->keeps_tree) == 0) {
            return options != NULL ? *(const bool *)((const char *)options + f->offset)
                                   : strcmp(f->def, "true") == 0;
        }
    }
    return false;
}
