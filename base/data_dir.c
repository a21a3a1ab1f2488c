/* data_dir.c - finds the files and the modules that come with the program. Nothing is remembered
 * between calls. */
#include "base/data_dir.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool try_path(char *out, size_t bytes, const char *folder, const char *up,
                     const char *relative)
{
    int n = snprintf(out, bytes, "%s/%s%s", folder, up, relative);
    if (n > 0 && (size_t)n < bytes && access(out, F_OK) == 0) {
        return true;
    }
    if (bytes > 0) {
        out[0] = '\0';
    }
    return false;
}

/* In the executable's folder and `ups` from there, ended by NULL. */
static bool try_near(char *out, size_t bytes, const char *const *ups, const char *relative)
{
    char exe[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe);
    if (length <= 0 || (size_t)length >= sizeof exe) {
        return false;
    }
    exe[length] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    for (size_t i = 0; ups[i] != NULL; i++) {
        if (try_path(out, bytes, exe, ups[i], relative)) {
            return true;
        }
    }
    return false;
}

int data_dir_path(const char *relative, char *out, size_t bytes)
{
    /* A home that was asked for and lacks the file is an error to report, not to paper over. */
    const char *home = getenv("WILLMSIM_HOME");
    if (home != NULL && home[0] != '\0') {
        return try_path(out, bytes, home, "", relative) ? 0 : -1;
    }
    static const char *const ups[] = {"../", "../../", "../../../", "../share/willmsim/", NULL};
    if (try_near(out, bytes, ups, relative)) {
        return 0;
    }
    return try_path(out, bytes, WILLMSIM_PREFIX "/share/willmsim", "", relative) ? 0 : -1;
}

int data_dir_module(const char *name, char *out, size_t bytes)
{
    static const char *const ups[] = {"", "../", "../lib/willmsim/", NULL};
    return try_near(out, bytes, ups, name) ||
                   try_path(out, bytes, WILLMSIM_PREFIX "/lib/willmsim", "", name)
               ? 0
               : -1;
}
