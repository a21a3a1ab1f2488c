/* verb_list.c - willmsim list: the words that a scenario may use, from the tables and folders that
 * define them. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/data_dir.h"
#include "base/json.h"
#include "base/text.h"
#include "models/llm.h"
#include "sched/batch.h"
#include "sched/choice.h"
#include "sched/edge.h"
#include "sched/radio.h"
#include "tools/call.h"
#include "tools/figures.h"
#include "tools/verbs.h"

/* Prints entries either as aligned lines or as the objects of one JSON list. */
struct listing {
    bool json;
    int width; /* of the words */
    int n;
};

static void listing_add(struct listing *l, const char *kind, const char *word, const char *doc)
{
    if (!l->json) {
        printf("%-*s  %s\n", l->width, word, doc);
    } else {
        printf("%s\n  {\"word\": ", l->n > 0 ? "," : "");
        json_print_string(stdout, word);
        if (kind != NULL) {
            printf(", \"kind\": ");
            json_print_string(stdout, kind);
        }
        printf(", \"doc\": ");
        json_print_string(stdout, doc);
        printf("}");
    }
    l->n++;
}

static void listing_heading(const struct listing *l, const char *text)
{
    if (!l->json) {
        printf("%s%s\n", l->n > 0 ? "\n" : "", text);
    }
}

static int list_policies(struct listing *l, struct err *e)
{
    (void)e;
    l->width = 20;
    listing_heading(l, "radio.policy");
    for (const struct json_variant *v = radio_policy_variants; v->word != NULL; v++) {
        listing_add(l, "radio", v->word, v->doc);
    }
    listing_heading(l, "servers[].batching");
    for (const struct json_variant *v = batch_policy_variants; v->word != NULL; v++) {
        listing_add(l, "batching", v->word, v->doc);
    }
    listing_heading(l, "edge.policy");
    for (const struct json_variant *v = edge_policy_variants; v->word != NULL; v++) {
        listing_add(l, "edge", v->word, v->doc);
    }
    listing_heading(l, "ues[].slice_choice");
    for (const struct json_variant *v = choice_policy_variants; v->word != NULL; v++) {
        listing_add(l, "slice_choice", v->word, v->doc);
    }
    return 0;
}

/* --- Words that are file names ----------------------------------------------------------------*/

enum { NAMES_MAX = 256 };

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The stems of the .json files of a shipped folder, sorted. `folder` receives its path. */
static int json_names(const char *relative, char folder[PATH_MAX], struct arena *a,
                      const char **names, int *n, struct err *e)
{
    if (data_dir_path(relative, folder, PATH_MAX) != 0) {
        return err_work(e, relative, NULL,
                        "this folder of the program is nowhere; set WILLMSIM_HOME to the folder "
                        "that holds it");
    }
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return err_work(e, folder, NULL, "cannot read this folder: %s", strerror(errno));
    }
    *n = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL && *n < NAMES_MAX;
         entry = readdir(dir)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || dot == entry->d_name || strcmp(dot, ".json") != 0 ||
            strstr(entry->d_name, ".schema.") != NULL) {
            continue;
        }
        char *name = arena_strdup(a, entry->d_name);
        if (name == NULL) {
            closedir(dir);
            return err_memory(e, "listing a folder");
        }
        name[dot - entry->d_name] = '\0';
        names[(*n)++] = name;
    }
    closedir(dir);
    qsort(names, (size_t)*n, sizeof names[0], compare_names);
    return 0;
}

static int longest(const char *const *names, int n)
{
    size_t most = 0;
    for (int i = 0; i < n; i++) {
        size_t length = strlen(names[i]);
        most = length > most ? length : most;
    }
    return (int)most;
}

/* Describes file `folder`/`name`.json in doc[0..bytes). */
typedef int (*describe_file)(const char *folder, const char *name, struct arena *a, char *doc,
                             size_t bytes, struct err *e);

static int describe_gpu(const char *folder, const char *name, struct arena *a, char *doc,
                        size_t bytes, struct err *e)
{
    const struct gpu_profile *gpu = NULL;
    int rc = gpu_profile_load(folder, name, a, &gpu, e);
    if (rc == 0) {
        snprintf(doc, bytes, "%.0f GiB; %s",
                 gpu_profile_memory_bytes(gpu) / (1024.0 * 1024.0 * 1024.0),
                 gpu_profile_source(gpu));
    }
    return rc;
}

static int describe_model(const char *folder, const char *name, struct arena *a, char *doc,
                          size_t bytes, struct err *e)
{
    struct llm_card card;
    int rc = llm_card_load(folder, name, a, &card, e);
    if (rc == 0) {
        bool tag = card.tag_of != NULL && card.tag_of[0] != '\0';
        snprintf(doc, bytes, "%.2f G parameters, %s by default%s%s", card.parameters / 1e9,
                 llm_quant_words[card.default_quant], tag ? "; Ollama's tag for " : "",
                 tag ? card.tag_of : "");
    }
    return rc;
}

/* Scenarios are described without loading what they name: a missing trace hides no scenario. */
static int describe_scenario(const char *folder, const char *name, struct arena *a, char *doc,
                             size_t bytes, struct err *e)
{
    (void)a;
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s.json", folder, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return err_work(e, folder, NULL, "the path of scenario '%s' is too long", name);
    }
    struct cJSON *root = NULL;
    int rc = json_read_file(path, &root, e);
    if (rc == 0) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(root, "description"));
        snprintf(doc, bytes, "%s", text != NULL ? text : "");
        json_delete(root);
    }
    return rc;
}

static int list_files(struct listing *l, const char *relative, describe_file describe,
                      struct err *e)
{
    struct arena a = {0};
    char folder[PATH_MAX];
    const char *names[NAMES_MAX];
    int n = 0;
    int rc = json_names(relative, folder, &a, names, &n, e);
    l->width = longest(names, n);
    for (int i = 0; rc == 0 && i < n; i++) {
        char doc[1024];
        rc = describe(folder, names[i], &a, doc, sizeof doc, e);
        if (rc == 0) {
            listing_add(l, NULL, names[i], doc);
        }
    }
    arena_free(&a);
    return rc;
}

static int list_gpus(struct listing *l, struct err *e)
{
    return list_files(l, "bench/profiles", describe_gpu, e);
}

static int list_models(struct listing *l, struct err *e)
{
    return list_files(l, "models/cards", describe_model, e);
}

static int list_scenarios(struct listing *l, struct err *e)
{
    return list_files(l, "scenarios", describe_scenario, e);
}

static int list_figures(struct listing *l, struct err *e)
{
    (void)e;
    l->width = 4;
    for (int i = 0; i < figures_n; i++) {
        struct text doc = {0};
        text_add(&doc, "%s; needs %s", figures[i].title, figures[i].needs);
        listing_add(l, NULL, figures[i].word, doc.chars);
    }
    return 0;
}

/* --- The verb ---------------------------------------------------------------------------------*/

static const struct kind {
    const char *word;
    int (*list)(struct listing *l, struct err *e);
} kinds[] = {
    {"policies", list_policies},   {"gpus", list_gpus},       {"models", list_models},
    {"scenarios", list_scenarios}, {"figures", list_figures},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

int verb_list(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, CALL_HELP}, {"json", no_argument, NULL, 'j'}, {0}};
    struct listing listing = {0};
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        switch (option) {
        case 'j':
            listing.json = true;
            break;
        case CALL_HELP:
            printf("usage: willmsim list policies|gpus|models|scenarios|figures [--json]\n"
                   "Prints the words of one kind with what they mean.\n"
                   "  --json  one JSON object: {\"KIND\": [{\"word\", \"doc\"}, ...]}\n");
            return 0;
        default:
            return 2;
        }
    }
    if (optind != argc - 1) {
        return call_wrong(argv[0],
                          "say what to list: policies, gpus, models, scenarios or figures");
    }
    const char *words[KINDS];
    for (int i = 0; i < KINDS; i++) {
        words[i] = kinds[i].word;
    }
    int kind = call_word(argv[0], "list", argv[optind], words, KINDS);
    if (kind < 0) {
        return 2;
    }
    if (listing.json) {
        printf("{\"%s\": [", words[kind]);
    }
    struct err e = {0};
    int rc = kinds[kind].list(&listing, &e);
    if (listing.json) {
        printf("%s]}\n", listing.n > 0 ? "\n" : "");
    }
    return rc == 0 ? 0 : call_fail(&e);
}
