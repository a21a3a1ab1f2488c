/* results.c - see results.h. */
#include "tools/results.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* An incomplete run must not pass for a complete one. */
void results_warn(const char *path, int64_t incomplete_runs)
{
    if (incomplete_runs == 1) {
        fprintf(stderr, "willmsim: %s: incomplete: a run in this file was stopped before its end\n",
                path);
    } else if (incomplete_runs > 1) {
        fprintf(stderr,
                "willmsim: %s: incomplete: %lld runs in this file were stopped before their end\n",
                path, (long long)incomplete_runs);
    }
}

int results_default_path(const struct scenario *sc, const char *suffix, char path[PATH_MAX],
                         bool *made_folder, struct err *e)
{
    int n = snprintf(path, PATH_MAX, "out/%s-%s.sqlite", sc->name, suffix);
    if (n < 0 || n >= PATH_MAX) {
        return err_input(e, sc->file, "name", "the name is too long for a file; shorten it");
    }
    /* A name is one path component whatever it holds. */
    for (char *c = path + strlen("out/"); *c != '\0'; c++) {
        if (*c == '/') {
            *c = '-';
        }
    }
    *made_folder = mkdir("out", 0777) == 0;
    if (!*made_folder && errno != EEXIST) {
        return err_work(e, "out", NULL, "cannot make this folder for the results: %s; use --out",
                        strerror(errno));
    }
    return 0;
}

int results_check_folder(const char *path, struct err *e)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    if (path[0] == '\0' || strlen(path) >= sizeof folder) {
        return err_input(e, NULL, "--out", "'%.60s' is no path of a file", path);
    }
    if (length == 0) {
        return 0;
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    struct stat status;
    if (stat(folder, &status) != 0) {
        return err_input(e, path, NULL, "the folder '%s' does not exist; make it first", folder);
    }
    return S_ISDIR(status.st_mode) ? 0 : err_input(e, path, NULL, "'%s' is no folder", folder);
}
