/* version.h - which program this is. */
#ifndef TOOLS_VERSION_H
#define TOOLS_VERSION_H

#include <stdio.h>

/* "0.1.0+REVISION", or "0.1.0" when it was built outside of a checkout. Goes into every result. */
const char *version_text(void);

/* The version, the build options and the libraries, a line each. */
void version_print(FILE *out);

#endif
