/* verbs.h - one function per verb of the program. argv[0] is the verb; the return value is the
 * exit status (CLI.md: 0 done, 1 failed, 2 wrong call or input). */
#ifndef TOOLS_VERBS_H
#define TOOLS_VERBS_H

int verb_run(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_sweep(int argc, char **argv);
int verb_capacity(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_import(int argc, char **argv);
int verb_export(int argc, char **argv);
int verb_metrics(int argc, char **argv);
int verb_figures(int argc, char **argv);
int verb_validate(int argc, char **argv);
int verb_schema(int argc, char **argv);
int verb_slice(int argc, char **argv);
int verb_phy(int argc, char **argv);
int verb_estimate(int argc, char **argv);
int verb_calibrate(int argc, char **argv);
int verb_solve(int argc, char **argv);

#endif
