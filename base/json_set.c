/* json_set.c - "PATH=VALUE" applied to a JSON tree. */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/text.h"

struct setter {
    const char *steps[JSON_DEPTH_MAX]; /* the path's keys and indices */
    size_t n;
    const cJSON *value;
    struct text place; /* the steps taken so far, for messages */
    struct err *e;
};

#define FAIL(s, ...) err_input((s)->e, "--set", (s)->place.chars, __VA_ARGS__)

static int set_at(struct setter *s, cJSON *node, size_t step);

/* A decimal index; strtoul() gives ULONG_MAX, which no list has, for one that is too large. */
static bool is_index(const char *step, size_t *index)
{
    size_t length = strspn(step, "0123456789");
    *index = length > 0 ? strtoul(step, NULL, 10) : 0;
    return length > 0 && step[length] == '\0';
}

static cJSON *value_copy(const struct setter *s)
{
    return cJSON_Duplicate(s->value, 1);
}

static int set_in_list(struct setter *s, cJSON *list, size_t step)
{
    size_t mark = s->place.length;
    size_t n = (size_t)cJSON_GetArraySize(list);
    size_t wanted;
    if (!is_index(s->steps[step], &wanted)) {
        if (n == 0) {
            return FAIL(s, "is an empty list; nothing to set in it");
        }
        size_t index = 0;
        for (cJSON *item = list->child; item != NULL; item = item->next) {
            text_add_index(&s->place, index++);
            int rc = set_at(s, item, step);
            if (rc != 0) {
                return rc;
            }
            text_cut(&s->place, mark);
        }
        return 0;
    }
    if (wanted >= n) {
        return n == 0
                   ? FAIL(s, "is an empty list; it has no item %s", s->steps[step])
                   : FAIL(s, "has no item %s; use an index from 0 to %zu", s->steps[step], n - 1);
    }
    cJSON *item = list->child;
    for (size_t i = 0; i < wanted; i++) {
        item = item->next;
    }
    text_add_index(&s->place, wanted);
    if (step + 1 < s->n) {
        return set_at(s, item, step + 1);
    }
    cJSON *copy = value_copy(s);
    if (copy == NULL) {
        return err_memory(s->e, "setting a value");
    }
    cJSON_ReplaceItemViaPointer(list, item, copy);
    return 0;
}

static int set_in_object(struct setter *s, cJSON *object, size_t step)
{
    const char *key = s->steps[step];
    cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);
    text_add_key(&s->place, key);
    bool last = step + 1 == s->n;
    if (member != NULL && !last) {
        return set_at(s, member, step + 1);
    }
    cJSON *fresh = last ? value_copy(s) : cJSON_CreateObject();
    cJSON_bool done = 0;
    if (fresh != NULL) {
        done = member != NULL ? cJSON_ReplaceItemInObjectCaseSensitive(object, key, fresh)
                              : cJSON_AddItemToObject(object, key, fresh);
    }
    if (!done) {
        cJSON_Delete(fresh);
        return err_memory(s->e, "setting a value");
    }
    return last ? 0 : set_at(s, fresh, step + 1);
}

/* Sets steps[step..n) below `node`. At most JSON_DEPTH_MAX steps: recursion is safe. */
static int set_at(struct setter *s, cJSON *node, size_t step)
{
    if (cJSON_IsArray(node)) {
        /* Lists of lists without indices go one level down without taking a step; the tree's own
         * depth bounds that. */
        return set_in_list(s, node, step);
    }
    if (cJSON_IsObject(node)) {
        return set_in_object(s, node, step);
    }
    return FAIL(s, "is not an object or a list; it has no \"%s\"", s->steps[step]);
}

/* Cuts `path` into steps, in place: "ues[2].count" and "ues.2.count" are the same. */
static int path_split(struct setter *s, char *path)
{
    char *rest = path;
    do {
        char *step = rest;
        size_t length = strcspn(step, ".[]");
        char stop = step[length];
        rest = step + length + (stop != '\0' ? 1 : 0);
        step[length] = '\0';
        if (stop == ']' && (*rest == '.' || *rest == '[')) {
            rest++;
        }
        if (length == 0 || (stop == '.' && *rest == '\0')) {
            return err_input(s->e, "--set", NULL,
                             "a step of the path is empty; write PATH=VALUE, such as "
                             "ues.0.count=3");
        }
        if (s->n == JSON_DEPTH_MAX) {
            return err_input(s->e, "--set", NULL, "a path of more than %d steps; shorten it",
                             JSON_DEPTH_MAX);
        }
        s->steps[s->n++] = step;
    } while (*rest != '\0');
    return 0;
}

/* VALUE is JSON, or else a string. */
static int value_read(const char *text, cJSON **value, struct err *e)
{
    int rc = json_read_text(NULL, text, strlen(text), value, NULL);
    if (rc == ERR_INPUT) {
        *value = cJSON_CreateString(text);
    }
    return *value == NULL ? err_memory(e, "reading a value") : 0;
}

int json_set(struct cJSON *root, const char *assignment, struct err *e)
{
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || equals == assignment) {
        return err_input(e, "--set", assignment, "write PATH=VALUE, such as ues.0.count=3");
    }
    char *path = strndup(assignment, (size_t)(equals - assignment));
    if (path == NULL) {
        return err_memory(e, "reading a path");
    }
    struct setter s = {.e = e};
    cJSON *value = NULL;
    int rc = path_split(&s, path);
    if (rc == 0) {
        rc = value_read(equals + 1, &value, e);
    }
    if (rc == 0) {
        s.value = value;
        rc = set_at(&s, root, 0);
    }
    cJSON_Delete(value);
    free(path);
    return rc;
}
