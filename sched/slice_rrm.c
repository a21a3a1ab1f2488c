/* slice_rrm.c - the testbed's policy files, rrmPolicy.json and rrmPolicy_sub.json.
 *
 * They are foreign, and partly older than the code that reads them: keys that any of the published
 * ones has are known and strictly typed, every other key is refused with the nearest known one.
 * What the testbed reads and does not use (`enabled`, `force_slice`) is checked and dropped.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "sched/slice.h"

/* Slices and sub-slices are numbered from 1; nobody writes more. */
#define NUMBER_MAX 1e6

/* Percentages become ratios before they are summed. */
#define SUM_MARGIN 1e-9

struct reader {
    const char *file;
    bool strict;
    struct arena *arena;
    struct text place;
    struct err *e;
};

#define FAIL(r, ...) err_input((r)->e, (r)->file, (r)->place.chars, __VA_ARGS__)

static bool has(const cJSON *node, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(node, key) != NULL;
}

/* An object with no keys but known[0..n). */
static int expect_object(struct reader *r, const cJSON *node, const char *const *known, int n)
{
    if (!cJSON_IsObject(node)) {
        return FAIL(r, "must be an object; write {...}");
    }
    const cJSON *child;
    cJSON_ArrayForEach(child, node)
    {
        bool found = false;
        for (int i = 0; i < n; i++) {
            found = found || strcmp(child->string, known[i]) == 0;
        }
        if (found) {
            continue;
        }
        const char *near = err_nearest(child->string, known, n);
        if (near != NULL) {
            return FAIL(r, "unknown key \"%s\"; did you mean \"%s\"?", child->string, near);
        }
        return FAIL(r, "unknown key \"%s\"; remove it", child->string);
    }
    return 0;
}

/* A number of [min, max] at `key`; *value stays when the key is absent and not required. */
static int get_number(struct reader *r, const cJSON *node, const char *key, bool required,
                      bool whole, double min, double max, double *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(node, key);
    if (item == NULL) {
        return required ? FAIL(r, "missing key \"%s\"; add a number of %g to %g", key, min, max)
                        : 0;
    }
    size_t mark = r->place.length;
    text_add_key(&r->place, key);
    double v = item->valuedouble;
    if (!cJSON_IsNumber(item) || !(v >= min && v <= max) || (whole && v != floor(v))) {
        return FAIL(r, "must be %s; write one of %g to %g", whole ? "an integer" : "a number", min,
                    max);
    }
    *value = v;
    text_cut(&r->place, mark);
    return 0;
}

/* true or false, which the testbed reads and does not act on. */
static int check_bool(struct reader *r, const cJSON *node, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(node, key);
    if (item == NULL || cJSON_IsBool(item)) {
        return 0;
    }
    text_add_key(&r->place, key);
    return FAIL(r, "must be true or false");
}

/* The two percentages of a slice, as ratios. */
static int get_ratios(struct reader *r, const cJSON *node, const char *min_key, const char *max_key,
                      double *min_ratio, double *max_ratio)
{
    double min = 0.0;
    double max = 100.0;
    int rc = get_number(r, node, min_key, true, false, 0.0, 100.0, &min);
    if (rc == 0) {
        rc = get_number(r, node, max_key, true, false, 0.0, 100.0, &max);
    }
    if (rc == 0 && r->strict && min > max) {
        text_add_key(&r->place, min_key);
        return FAIL(r, "the minimum of %g %% is above the maximum; write at most %g", min, max);
    }
    *min_ratio = min / 100.0;
    *max_ratio = max / 100.0;
    return rc;
}

static const char *make_id(struct reader *r, const char *parent, int64_t number)
{
    struct text id = {0};
    if (parent != NULL) {
        text_add(&id, "%s.", parent);
    }
    text_add(&id, "%lld", (long long)number);
    return arena_strdup(r->arena, id.chars);
}

static int read_branch(struct reader *r, const cJSON *node, int index, struct slice *s)
{
    static const char *const known[] = {"sST",      "sD_flag",   "sD",
                                        "slice_id", "min_ratio", "max_ratio"};
    int rc = expect_object(r, node, known, 6);
    double id = index + 1;
    double sst = 0.0; /* the older form names no S-NSSAI; 0 is reserved (23.003 28.4.2) */
    double sd = -1.0;
    double sd_flag = 0.0;
    bool old = has(node, "slice_id");
    if (rc == 0 && old) {
        rc = get_number(r, node, "slice_id", true, true, 0.0, NUMBER_MAX, &id);
    }
    if (rc == 0) {
        rc = get_number(r, node, "sST", !old, true, 0.0, 255.0, &sst);
    }
    if (rc == 0) {
        rc = get_number(r, node, "sD_flag", !old, true, 0.0, 1.0, &sd_flag);
    }
    if (rc == 0) {
        rc = get_number(r, node, "sD", sd_flag > 0.0, true, 0.0, 16777215.0, &sd);
    }
    if (rc == 0) {
        rc = get_ratios(r, node, "min_ratio", "max_ratio", &s->min_ratio, &s->max_ratio);
    }
    if (rc != 0) {
        return rc;
    }
    s->id = make_id(r, NULL, (int64_t)id);
    s->parent = -1;
    s->priority = 1.0;
    s->sst = (int)sst;
    s->sd = sd_flag > 0.0 ? (int)sd : -1;
    s->service = "";
    return s->id == NULL ? err_memory(r->e, "reading slices") : 0;
}

static int read_fruit(struct reader *r, const cJSON *node, const struct slice_tree *tree,
                      struct slice *s)
{
    static const char *const known[] = {"sub_slice_id", "parent_slice", "min_ratio", "max_ratio",
                                        "priority"};
    int rc = expect_object(r, node, known, 5);
    double id = 0.0;
    double parent = 0.0;
    double priority = 1.0;
    if (rc == 0) {
        rc = get_number(r, node, "sub_slice_id", true, true, 0.0, NUMBER_MAX, &id);
    }
    if (rc == 0) {
        rc = get_number(r, node, "parent_slice", true, true, 0.0, NUMBER_MAX, &parent);
    }
    if (rc == 0) {
        rc = get_number(r, node, "priority", false, false, 0.0, 100.0, &priority);
    }
    if (rc == 0) {
        rc = get_ratios(r, node, "min_ratio", "max_ratio", &s->min_ratio, &s->max_ratio);
    }
    if (rc != 0) {
        return rc;
    }
    struct text name = {0};
    text_add(&name, "%lld", (long long)parent);
    s->parent = slice_find(tree, name.chars);
    if (s->parent < 0) {
        return FAIL(r, "there is no slice %s; write the number of an entry of rrmPolicyRatio",
                    name.chars);
    }
    s->id = make_id(r, name.chars, (int64_t)id);
    s->priority = priority;
    s->sst = tree->slices[s->parent].sst;
    s->sd = tree->slices[s->parent].sd;
    s->service = "";
    return s->id == NULL ? err_memory(r->e, "reading slices") : 0;
}

/* The list at `key` of an object; *n = 0 when the key is absent. */
static int get_list(struct reader *r, const cJSON *node, const char *key, const cJSON **list,
                    int *n)
{
    *list = cJSON_GetObjectItemCaseSensitive(node, key);
    *n = 0;
    if (*list == NULL) {
        return 0;
    }
    if (!cJSON_IsArray(*list)) {
        text_add_key(&r->place, key);
        return FAIL(r, "must be a list; write [...]");
    }
    *n = cJSON_GetArraySize(*list);
    return 0;
}

/* Counts a slice that has been read into the tree; its id must be new. */
static int add_slice(struct reader *r, struct slice_tree *tree)
{
    const char *id = tree->slices[tree->n].id;
    if (slice_find(tree, id) >= 0) {
        return FAIL(r, "slice %s is there twice; give each its own number", id);
    }
    tree->n++;
    return 0;
}

static int read_branches(struct reader *r, const cJSON *root, struct slice_tree *tree)
{
    const cJSON *list;
    int n;
    int rc = get_list(r, root, "rrmPolicyRatio", &list, &n);
    if (rc != 0) {
        return rc;
    }
    if (n == 0) {
        return FAIL(r, "no slices; add a list \"rrmPolicyRatio\" with at least one entry");
    }
    text_add_key(&r->place, "rrmPolicyRatio");
    size_t mark = r->place.length;
    const cJSON *node = list->child;
    for (int i = 0; node != NULL; node = node->next, i++) {
        text_add_index(&r->place, (size_t)i);
        rc = read_branch(r, node, i, &tree->slices[tree->n]);
        if (rc == 0) {
            rc = add_slice(r, tree);
        }
        if (rc != 0) {
            return rc;
        }
        text_cut(&r->place, mark);
    }
    text_cut(&r->place, 0);
    return 0;
}

static int read_fruits(struct reader *r, const cJSON *root, struct slice_tree *tree)
{
    static const char *const known[] = {"enabled", "subSlices"};
    const cJSON *policy = cJSON_GetObjectItemCaseSensitive(root, "subSlicePolicy");
    if (policy == NULL) {
        return 0;
    }
    text_add_key(&r->place, "subSlicePolicy");
    int rc = expect_object(r, policy, known, 2);
    if (rc == 0) {
        rc = check_bool(r, policy, "enabled");
    }
    const cJSON *list = NULL;
    int n = 0;
    if (rc == 0) {
        rc = get_list(r, policy, "subSlices", &list, &n);
    }
    if (rc != 0) {
        return rc;
    }
    text_add_key(&r->place, "subSlices");
    size_t mark = r->place.length;
    const cJSON *node = list == NULL ? NULL : list->child;
    for (size_t i = 0; node != NULL; node = node->next, i++) {
        text_add_index(&r->place, i);
        rc = read_fruit(r, node, tree, &tree->slices[tree->n]);
        if (rc == 0) {
            rc = add_slice(r, tree);
        }
        if (rc != 0) {
            return rc;
        }
        text_cut(&r->place, mark);
    }
    text_cut(&r->place, 0);
    return 0;
}

/* "0x1234" in either case. */
static bool parse_rnti(const char *text, uint32_t *rnti)
{
    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X') || text[2] == '\0' ||
        strspn(text + 2, "0123456789abcdefABCDEF") != strlen(text + 2) || strlen(text + 2) > 4) {
        return false;
    }
    *rnti = (uint32_t)strtoul(text + 2, NULL, 16);
    return true;
}

static int read_mapping(struct reader *r, const cJSON *node, const struct slice_tree *tree,
                        struct slice_mapping *m)
{
    static const char *const known[] = {"target_slice", "target_sub_slice", "force_slice"};
    int rc = expect_object(r, node, known, 3);
    double slice = -1.0;
    double sub_slice = -1.0;
    if (rc == 0) {
        rc = check_bool(r, node, "force_slice");
    }
    if (rc == 0) {
        rc = get_number(r, node, "target_slice", true, true, 0.0, NUMBER_MAX, &slice);
    }
    if (rc == 0) {
        rc = get_number(r, node, "target_sub_slice", false, true, 0.0, NUMBER_MAX, &sub_slice);
    }
    if (rc != 0) {
        return rc;
    }
    if (!parse_rnti(node->string, &m->rnti)) {
        return FAIL(r, "must be an RNTI in hexadecimal; write one of 0x1 to 0xffff");
    }
    struct text id = {0};
    text_add(&id, "%lld", (long long)slice);
    m->branch = slice_find(tree, id.chars);
    text_add(&id, ".%lld", (long long)sub_slice);
    m->fruit = slice_find(tree, id.chars);
    if (r->strict && (m->branch < 0 || (sub_slice >= 0.0 && m->fruit < 0))) {
        return FAIL(r, "there is no slice %s; name one of rrmPolicyRatio and of subSlices",
                    id.chars);
    }
    return 0;
}

static int read_mappings(struct reader *r, const cJSON *root, struct slice_rrm *out)
{
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(root, "ueSliceMapping");
    if (map == NULL) {
        return 0;
    }
    text_add_key(&r->place, "ueSliceMapping");
    if (!cJSON_IsObject(map)) {
        return FAIL(r, "must be an object; write {\"0x1234\": {...}}");
    }
    out->mappings = arena_array(r->arena, (size_t)cJSON_GetArraySize(map), sizeof *out->mappings);
    if (out->mappings == NULL) {
        return err_memory(r->e, "reading slices");
    }
    size_t mark = r->place.length;
    const cJSON *node;
    cJSON_ArrayForEach(node, map)
    {
        struct slice_mapping *m = &out->mappings[out->n_mappings];
        text_add_key(&r->place, node->string);
        int rc = read_mapping(r, node, &out->tree, m);
        for (int i = 0; rc == 0 && i < out->n_mappings; i++) {
            if (out->mappings[i].rnti == m->rnti) {
                rc = FAIL(r, "this RNTI is there twice; keep one of the two");
            }
        }
        if (rc != 0) {
            return rc;
        }
        out->n_mappings++;
        text_cut(&r->place, mark);
    }
    text_cut(&r->place, 0);
    return 0;
}

static int read_slice2(struct reader *r, const cJSON *node, const char *min_key,
                       const char *max_key, struct slice_tree *tree)
{
    int rc = get_ratios(r, node, min_key, max_key, &tree->ul_min_ratio, &tree->ul_max_ratio);
    if (rc == 0 && tree->ul_max_ratio <= 0.0) {
        text_add_key(&r->place, max_key);
        return FAIL(r, "a maximum of 0 %% stops the uplink; write a number above 0");
    }
    return rc;
}

/* The older form: a list, of which the testbed uses the entry of slice 2 for every UE. */
static int read_ul_policies(struct reader *r, const cJSON *root, struct slice_tree *tree)
{
    static const char *const known[] = {"slice_id", "min_ratio", "max_ratio"};
    const cJSON *list;
    int n;
    int rc = get_list(r, root, "ul_slice_policies", &list, &n);
    const cJSON *node = list == NULL ? NULL : list->child;
    for (size_t i = 0; rc == 0 && node != NULL; node = node->next, i++) {
        text_add_key(&r->place, "ul_slice_policies");
        text_add_index(&r->place, i);
        double id = 0.0;
        struct slice_tree share = {0};
        rc = expect_object(r, node, known, 3);
        if (rc == 0) {
            rc = get_number(r, node, "slice_id", true, true, 0.0, NUMBER_MAX, &id);
        }
        if (rc == 0) {
            rc = read_slice2(r, node, "min_ratio", "max_ratio", id == 2.0 ? tree : &share);
        }
        if (rc == 0) {
            text_cut(&r->place, 0);
        }
    }
    return rc;
}

/* The uplink share of every UE, in the three forms that the published files have. */
static int read_uplink(struct reader *r, const cJSON *root, struct slice_tree *tree)
{
    static const char *const known[] = {"min_ratio", "max_ratio"};
    int rc = read_ul_policies(r, root, tree);
    if (rc == 0 && (has(root, "slice_2_min_ratio") || has(root, "slice_2_max_ratio"))) {
        rc = read_slice2(r, root, "slice_2_min_ratio", "slice_2_max_ratio", tree);
    }
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(root, "slice2");
    if (rc == 0 && node != NULL) {
        text_add_key(&r->place, "slice2");
        rc = expect_object(r, node, known, 2);
        if (rc == 0) {
            rc = read_slice2(r, node, "min_ratio", "max_ratio", tree);
        }
        if (rc == 0) {
            text_cut(&r->place, 0);
        }
    }
    return rc;
}

static int open_file(struct reader *r, cJSON **root)
{
    static const char *const known[] = {
        "rrmPolicyRatio",    "subSlicePolicy",    "ueSliceMapping",   "slice2",
        "slice_2_min_ratio", "slice_2_max_ratio", "ul_slice_policies"};
    int rc = json_read_file(r->file, root, r->e);
    return rc != 0 ? rc : expect_object(r, *root, known, 7);
}

/* Where the testbed stops: minima above 100 % in what it would apply, the last entry of each
 * S-NSSAI. */
static int check_applied(const struct slice_tree *tree, const char *file, struct err *e)
{
    double sum = 0.0;
    for (int i = 0; i < tree->n; i++) {
        const struct slice *s = &tree->slices[i];
        bool last = s->parent < 0;
        for (int j = i + 1; last && s->sst > 0 && j < tree->n; j++) {
            const struct slice *later = &tree->slices[j];
            last = later->parent >= 0 || later->sst != s->sst || later->sd != s->sd;
        }
        sum += last ? s->min_ratio : 0.0;
    }
    if (sum > 1.0 + SUM_MARGIN) {
        return err_input(e, file, "rrmPolicyRatio",
                         "the minima of the slices sum to %g %%; lower them to at most 100",
                         100.0 * sum);
    }
    return 0;
}

static int read_tree(struct reader *main, const cJSON *root, struct reader *sub,
                     const cJSON *sub_root, struct slice_rrm *out)
{
    int rc = read_branches(main, root, &out->tree);
    bool sub_fruits = sub_root != NULL && has(sub_root, "subSlicePolicy");
    bool sub_maps = sub_root != NULL && has(sub_root, "ueSliceMapping");
    if (rc == 0) {
        rc = sub_fruits ? read_fruits(sub, sub_root, &out->tree)
                        : read_fruits(main, root, &out->tree);
    }
    if (rc == 0) {
        rc = sub_maps ? read_mappings(sub, sub_root, out) : read_mappings(main, root, out);
    }
    if (rc == 0) {
        rc = read_uplink(main, root, &out->tree);
    }
    if (rc == 0 && sub_root != NULL) {
        rc = read_uplink(sub, sub_root, &out->tree);
    }
    if (rc == 0) {
        rc = check_applied(&out->tree, main->file, main->e);
    }
    if (rc == 0 && main->strict) {
        rc = slice_tree_check(&out->tree, main->file, "rrmPolicyRatio", main->e);
    }
    return rc;
}

/* Items of the lists that become slices. */
static int count_slices(const cJSON *root)
{
    const cJSON *policy = cJSON_GetObjectItemCaseSensitive(root, "subSlicePolicy");
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(root, "rrmPolicyRatio")) +
           cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(policy, "subSlices"));
}

int slice_rrm_load(const char *path, const char *sub_path, bool strict, struct arena *a,
                   struct slice_rrm *out, struct err *e)
{
    struct reader main = {.file = path, .strict = strict, .arena = a, .e = e};
    struct reader sub = {.file = sub_path, .strict = strict, .arena = a, .e = e};
    cJSON *root = NULL;
    cJSON *sub_root = NULL;
    *out = (struct slice_rrm){0};
    int rc = open_file(&main, &root);
    if (rc == 0 && sub_path != NULL) {
        rc = open_file(&sub, &sub_root);
    }
    if (rc == 0) {
        size_t n = (size_t)count_slices(root) + (size_t)count_slices(sub_root);
        out->tree.slices = arena_array(a, n, sizeof *out->tree.slices);
        rc = out->tree.slices == NULL ? err_memory(e, "reading slices")
                                      : read_tree(&main, root, &sub, sub_root, out);
    }
    json_delete(root);
    json_delete(sub_root);
    return rc;
}
