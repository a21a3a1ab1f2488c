/* gnuplot.c - runs gnuplot as a child, its script on standard input and its picture into a file. */
#include "tools/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/utf8.h"

const char *const gnuplot_format_words[] = {"svg", "png", "pdf", NULL};

/* What gnuplot may know of our environment: where programs, fonts and temporary files are, and
 * nothing that changes a picture. */
enum { ENVIRONMENT = 8 };
struct environment {
    char *items[ENVIRONMENT];
    char text[ENVIRONMENT][PATH_MAX];
    int n;
};

static void environment_add(struct environment *v, const char *name, const char *value)
{
    if (value != NULL && v->n + 1 < ENVIRONMENT) {
        int length = snprintf(v->text[v->n], PATH_MAX, "%s=%s", name, value);
        if (length > 0 && length < PATH_MAX) {
            v->items[v->n] = v->text[v->n];
            v->n++;
        }
    }
}

static void environment_make(struct environment *v)
{
    *v = (struct environment){0};
    environment_add(v, "PATH", getenv("PATH"));
    environment_add(v, "HOME", getenv("HOME"));
    environment_add(v, "TMPDIR", getenv("TMPDIR"));
    environment_add(v, "LC_ALL", "C.UTF-8");
}

/* Runs gnuplot over open files; returns its exit status, or -1 with errno. */
static int child_run(char *const argv[], int in, int out, int messages)
{
    struct environment v;
    environment_make(&v);
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) {
        errno = rc;
        return -1;
    }
    pid_t child = 0;
    rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    rc = rc != 0 ? rc : posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    rc = rc != 0 ? rc : posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
    rc = rc != 0 ? rc : posix_spawnp(&child, argv[0], &actions, NULL, argv, v.items);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        errno = rc;
        return -1;
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char program[] = "gnuplot", defaults[] = "-d", version[] = "--version";

int gnuplot_check(struct err *e)
{
    char *const argv[] = {program, version, NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int status = null < 0 ? -1 : child_run(argv, null, null, null);
    if (null >= 0) {
        close(null);
    }
    return status == 0 ? 0
                       : err_work(e, "gnuplot", NULL,
                                  "cannot be run, and it draws the figures; write 'make deps', or "
                                  "install Debian's package gnuplot-nox");
}

void gnuplot_terminal(FILE *script, enum gnuplot_format format, const char *name, int width,
                      int height)
{
    switch (format) {
    case GNUPLOT_SVG:
        fprintf(script,
                "set terminal svg size %d,%d dynamic font 'sans-serif,12' background 'white' "
                "name ",
                width, height);
        gnuplot_quote(script, name);
        break;
    case GNUPLOT_PNG:
        /* Two device pixels for one, for sharp screens; letters count in points of 4/3 pixels. */
        fprintf(script,
                "set terminal pngcairo size %d,%d fontscale 1.5 linewidth 2 pointscale 2 "
                "font 'sans-serif,12' background 'white'",
                2 * width, 2 * height);
        break;
    case GNUPLOT_PDF:
        fprintf(script,
                "set terminal pdfcairo size %.3fin,%.3fin fontscale 0.75 font 'sans-serif,12' "
                "background 'white'",
                width / 96.0, height / 96.0);
        break;
    }
    fputs("\nset encoding utf8\n", script);
}

void gnuplot_quote(FILE *script, const char *text)
{
    /* Within double quotes gnuplot knows backslashes, `commands` and @macros. Every byte that is
     * no plain letter is written as its octal number, which is nothing but that byte. Broken UTF-8
     * and control characters would break an SVG. */
    const unsigned char *c = (const unsigned char *)text;
    fputc('"', script);
    while (*c != '\0') {
        size_t bytes = utf8_sequence(c, strnlen((const char *)c, UTF8_LONGEST));
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || strchr(" .,:;=+-_/()<>", *c) != NULL;
        if (*c == '\n') {
            fputs("\\n", script);
        } else if (plain) {
            fputc(*c, script);
        } else if (bytes == 0 || *c < 0x20 || *c == 0x7f) {
            fputc('?', script);
        } else {
            for (size_t i = 0; i < bytes; i++) {
                fprintf(script, "\\%03o", c[i]);
            }
        }
        c += bytes > 0 ? bytes : 1;
    }
    fputc('"', script);
}

/* The first line that gnuplot said, for a person. */
static void first_words(FILE *messages, char *line, size_t bytes)
{
    line[0] = '\0';
    rewind(messages);
    while (fgets(line, (int)bytes, messages) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[strspn(line, " \t^")] != '\0' && strncmp(line, "gnuplot>", 8) != 0) {
            return;
        }
    }
    line[0] = '\0';
}

static int draw_into(const char *script, size_t bytes, int picture, const char *path, struct err *e)
{
    FILE *in = tmpfile();
    FILE *messages = tmpfile();
    int rc = 0;
    if (in == NULL || messages == NULL || fwrite(script, 1, bytes, in) != bytes ||
        fflush(in) != 0 || lseek(fileno(in), 0, SEEK_SET) < 0) {
        rc = err_work(e, path, NULL, "no temporary file for gnuplot: %s", strerror(errno));
    } else {
        char *const argv[] = {program, defaults, NULL};
        int status = child_run(argv, fileno(in), picture, fileno(messages));
        char line[256];
        first_words(messages, line, sizeof line);
        if (status < 0) {
            rc = err_work(e, path, NULL, "gnuplot cannot be run: %s", strerror(errno));
        } else if (status != 0) { /* a warning, about a font perhaps, is none of a person's */
            rc = err_work(e, path, NULL, "gnuplot did not draw it (exit status %d): %s", status,
                          line[0] != '\0' ? line : "it said nothing");
        } else if (lseek(picture, 0, SEEK_END) <= 0) {
            rc = err_work(e, path, NULL, "gnuplot wrote nothing");
        }
    }
    if (in != NULL) {
        fclose(in);
    }
    if (messages != NULL) {
        fclose(messages);
    }
    return rc;
}

int gnuplot_draw(const char *script, size_t bytes, const char *path, struct err *e)
{
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s.part", path);
    if (length < 0 || (size_t)length >= sizeof beside) {
        return err_input(e, path, NULL, "the path is too long; name another folder");
    }
    int picture = open(beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (picture < 0) {
        return err_work(e, beside, NULL, "cannot be made: %s", strerror(errno));
    }
    int rc = draw_into(script, bytes, picture, path, e);
    if (close(picture) != 0 && rc == 0) {
        rc = err_work(e, path, NULL, "cannot be written: %s", strerror(errno));
    }
    if (rc == 0 && rename(beside, path) != 0) {
        rc = err_work(e, path, NULL, "cannot be written: %s", strerror(errno));
    }
    if (rc != 0) {
        unlink(beside);
    }
    return rc;
}
