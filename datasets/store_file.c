/* store_file.c - what may be under a store's name (S5 of store.h). */
#include "datasets/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is the open file a store of ours, by the first 100 bytes of an SQLite file
 * (https://www.sqlite.org/fileformat.html, 1.3)? */
static bool header_is_ours(int fd)
{
    unsigned char h[100];
    if (pread(fd, h, sizeof h, 0) != (ssize_t)sizeof h) {
        return false;
    }
    uint32_t id = (uint32_t)h[68] << 24 | (uint32_t)h[69] << 16 | (uint32_t)h[70] << 8 | h[71];
    return memcmp(h, "SQLite format 3", 16) == 0 && id == STORE_APPLICATION_ID;
}

/* ERR_INPUT unless `path` is a store (or an empty file, when `may_be_empty`). */
int store_file_check(const char *path, bool may_be_empty, bool *exists, struct err *e)
{
    struct stat st;
    *exists = stat(path, &st) == 0;
    if (!*exists) {
        return 0;
    }
    if (S_ISDIR(st.st_mode)) {
        return err_input(e, path, NULL, "is a folder; name a file in it");
    }
    if (!S_ISREG(st.st_mode)) {
        return err_input(e, path, NULL, "is not a regular file; name another");
    }
    if (st.st_size == 0 && may_be_empty) {
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_input(e, path, NULL, "cannot be read: %s", strerror(errno));
    }
    bool ours = header_is_ours(fd);
    close(fd);
    return ours ? 0
                : err_input(e, path, NULL,
                            may_be_empty ? "exists and is not a store of willmsim, so it is left "
                                           "alone; name another file"
                                         : "is not a store of willmsim; name a file that `run`, "
                                           "`sweep` or `import` wrote");
}

/* Is another process in the middle of writing this store? */
bool store_file_is_busy(const char *db_name)
{
    sqlite3 *db = NULL;
    bool busy = false;
    if (sqlite3_open_v2(db_name, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
        SQLITE_OK) {
        int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        busy = (rc & 0xff) == SQLITE_BUSY;
    }
    sqlite3_close(db);
    return busy;
}

/* Removes an older store, so that the file can be made anew. */
int store_file_remove(const char *path, const char *db_name, struct err *e)
{
    if (access(path, W_OK) != 0) {
        return err_input(e, path, NULL, "exists and cannot be written: %s", strerror(errno));
    }
    if (store_file_is_busy(db_name)) {
        return err_input(e, path, NULL, "another run is writing to it; name another file");
    }
    if (unlink(path) != 0) {
        return err_input(e, path, NULL, "exists and cannot be replaced: %s", strerror(errno));
    }
    static const char *const beside[] = {"-wal", "-shm", "-journal"};
    char name[4096];
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
        if (snprintf(name, sizeof name, "%s%s", path, beside[i]) < (int)sizeof name) {
            unlink(name); /* mostly not there */
        }
    }
    return 0;
}
