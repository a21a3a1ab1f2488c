/* json_read.c - from a file or text to a tree of JSON values. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/text.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)

/* Objects with more keys than this are checked for duplicates by sorting. */
enum { FEW_KEYS = 16 };

static int key_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Finds a key that stands twice in one object: 0, ERR_INPUT or ERR_MEMORY. */
static int check_object_keys(const cJSON *object, const char *file, const struct text *place,
                             struct err *e)
{
    size_t n = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, object)
    {
        n++;
    }
    const char *few[FEW_KEYS];
    const char **keys = few;
    if (n > FEW_KEYS) {
        keys = malloc(n * sizeof *keys);
        if (keys == NULL) {
            return err_memory(e, "checking the keys of a JSON object");
        }
    }
    size_t i = 0;
    cJSON_ArrayForEach(child, object)
    {
        keys[i++] = child->string;
    }
    if (n > 1) {
        qsort(keys, n, sizeof *keys, key_order);
    }
    int rc = 0;
    for (i = 1; i < n && rc == 0; i++) {
        if (strcmp(keys[i - 1], keys[i]) == 0) {
            rc = err_input(e, file, place->chars, "key \"%s\" stands twice; remove one", keys[i]);
        }
    }
    if (keys != few) {
        free(keys);
    }
    return rc;
}

/* Depth is bounded by JSON_DEPTH_MAX: recursion is safe. */
static int check_keys(const cJSON *node, const char *file, struct text *place, struct err *e)
{
    int rc = cJSON_IsObject(node) ? check_object_keys(node, file, place, e) : 0;
    size_t index = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, node)
    {
        if (rc != 0) {
            break;
        }
        if (child->child != NULL) {
            size_t mark = place->length;
            if (cJSON_IsObject(node)) {
                text_add_key(place, child->string);
            } else {
                text_add_index(place, index);
            }
            rc = check_keys(child, file, place, e);
            text_cut(place, mark);
        }
        index++;
    }
    return rc;
}

int json_read_text(const char *file, const char *text, size_t bytes, struct cJSON **root,
                   struct err *e)
{
    *root = NULL;
    int rc = json_scan(file, text, bytes, e);
    if (rc != 0) {
        return rc;
    }
    cJSON *tree = cJSON_ParseWithLength(text, bytes);
    if (tree == NULL) { /* the text is valid, so nothing else is left */
        return err_memory(e, "reading JSON");
    }
    struct text place = {0};
    rc = check_keys(tree, file, &place, e);
    if (rc != 0) {
        cJSON_Delete(tree);
        return rc;
    }
    *root = tree;
    return 0;
}

/* The whole stream into memory that the caller frees. */
static int read_all(FILE *in, const char *path, char **text, size_t *bytes, struct err *e)
{
    size_t room = 65536;
    size_t used = 0;
    char *memory = malloc(room);
    while (memory != NULL) {
        used += fread(memory + used, 1, room - used, in);
        if (used < room) {
            break;
        }
        if (room > FILE_BYTES_MAX) {
            free(memory);
            return err_input(e, path, NULL, "is larger than 64 MiB; split it");
        }
        room *= 2;
        char *larger = realloc(memory, room);
        if (larger == NULL) {
            free(memory);
        }
        memory = larger;
    }
    if (memory == NULL) {
        return err_memory(e, "reading a file");
    }
    if (ferror(in)) {
        int why = errno;
        free(memory);
        return err_input(e, path, NULL, "cannot be read: %s", strerror(why));
    }
    if (used > FILE_BYTES_MAX) {
        free(memory);
        return err_input(e, path, NULL, "is larger than 64 MiB; split it");
    }
    *text = memory;
    *bytes = used;
    return 0;
}

int json_read_file(const char *path, struct cJSON **root, struct err *e)
{
    *root = NULL;
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        return errno == ENOENT ? err_input(e, path, NULL, "no such file; check the name")
                               : err_input(e, path, NULL, "cannot be opened: %s", strerror(errno));
    }
    struct stat status;
    if (fstat(fileno(in), &status) == 0 && S_ISDIR(status.st_mode)) {
        fclose(in);
        return err_input(e, path, NULL, "is a folder; name a JSON file");
    }
    char *text = NULL;
    size_t bytes = 0;
    int rc = read_all(in, path, &text, &bytes, e);
    fclose(in);
    if (rc == 0) {
        rc = json_read_text(path, text, bytes, root, e);
    }
    free(text);
    return rc;
}

void json_delete(struct cJSON *root)
{
    cJSON_Delete(root);
}
