/* llm_files.c - finds the file of a model card or a GPU profile, or says which ones there are. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/data_dir.h"
#include "base/text.h"
#include "models/llm_internal.h"

/* More files than either folder has; the rest is missing from a message, nothing else. */
enum { NAMES_MAX = 128, NAME_BYTES = 64 };

static const char suffix[] = ".json";

static int name_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Names of the .json files of a folder, sorted. */
static int names_read(const char *dir, char names[NAMES_MAX][NAME_BYTES])
{
    DIR *d = opendir(dir);
    if (d == NULL) {
        return 0;
    }
    int n = 0;
    for (const struct dirent *entry; n < NAMES_MAX && (entry = readdir(d)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length <= strlen(suffix) || length - strlen(suffix) >= NAME_BYTES ||
            strcmp(entry->d_name + length - strlen(suffix), suffix) != 0) {
            continue;
        }
        memcpy(names[n], entry->d_name, length - strlen(suffix));
        names[n][length - strlen(suffix)] = '\0';
        n++;
    }
    closedir(d);
    qsort(names, (size_t)n, NAME_BYTES, name_compare);
    return n;
}

static int name_unknown(const char *dir, const char *what, const char *name, struct err *e)
{
    char names[NAMES_MAX][NAME_BYTES];
    const char *known[NAMES_MAX];
    int n = names_read(dir, names);
    for (int i = 0; i < n; i++) {
        known[i] = names[i];
    }
    const char *near = err_nearest(name, known, n);
    if (near != NULL) {
        return err_input(e, NULL, NULL, "unknown %s \"%s\"; did you mean \"%s\"?", what, name,
                         near);
    }
    struct text list = {0};
    for (int i = 0; i < n; i++) {
        text_add(&list, "%s%s", i > 0 ? ", " : "", known[i]);
    }
    return err_input(e, NULL, NULL, "unknown %s \"%s\"; known: %s", what, name,
                     n > 0 ? list.chars : "none");
}

int llm_file_find(const char *dir, const char *shipped, const char *what, const char *name,
                  char *path, size_t bytes, struct err *e)
{
    char folder[1024];
    if (dir == NULL) {
        if (data_dir_path(shipped, folder, sizeof folder) != 0) {
            return err_input(e, shipped, NULL,
                             "no such folder beside the program; set WILLMSIM_HOME to where it is");
        }
        dir = folder;
    }
    if (name[0] == '\0' || strchr(name, '/') != NULL) {
        return name_unknown(dir, what, name, e);
    }
    int length = snprintf(path, bytes, "%s/%s%s", dir, name, suffix);
    if (length < 0 || (size_t)length >= bytes) {
        return err_input(e, dir, NULL, "the path of %s \"%s\" is too long", what, name);
    }
    return access(path, R_OK) == 0 ? 0 : name_unknown(dir, what, name, e);
}
