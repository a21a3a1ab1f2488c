/* gnuplot.h - pictures by gnuplot, run as a child.
 *
 * A script never holds the name of a file: gnuplot reads it from its standard input and writes the
 * picture to its standard output, which is the file. What comes from a result file (names of
 * slices, scenarios) goes into a script through gnuplot_quote() alone. gnuplot's own settings
 * (~/.gnuplot) are not read, so the same script gives the same bytes.
 */
#ifndef TOOLS_GNUPLOT_H
#define TOOLS_GNUPLOT_H

#include <stdio.h>

#include "base/err.h"

enum gnuplot_format { GNUPLOT_SVG, GNUPLOT_PNG, GNUPLOT_PDF };

/* "svg", "png", "pdf", NULL: the words of --format and the endings of files. */
extern const char *const gnuplot_format_words[];

/* ERR_WORK with one line unless gnuplot can be run. */
int gnuplot_check(struct err *e);

/* Writes `set terminal` for a picture of that many pixels; `name` begins the ids of an SVG, so
 * that several can stand in one page. */
void gnuplot_terminal(FILE *script, enum gnuplot_format format, const char *name, int width,
                      int height);

/* Writes `text` as a string of gnuplot that means just these bytes: nothing in it is a command, a
 * variable or an escape. "\n" stays a line break. */
void gnuplot_quote(FILE *script, const char *text);

/* Runs script[0..bytes) and puts the picture in `path`, whole or not at all: it is written beside
 * it and renamed. ERR_WORK: gnuplot is missing, said something, or the file cannot be made. */
int gnuplot_draw(const char *script, size_t bytes, const char *path, struct err *e);

#endif
