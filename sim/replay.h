/* replay.h - the offline way to choose a slice (WiLLM section 6.3): the whole run is replayed with
 * each slice, and the best serves the run. Draws do not hang on what was chosen, so that every
 * replay meets the same requests and the same channel. */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "sim/run.h"

/* Number of arms to replay: the most that a group with an offline choice has; 0: there is none. */
int replay_arms(const struct scenario *sc);

/* Replays the scenario once per arm (all offline groups with the same arm number at a time; a group
 * with fewer arms with its last) and fills arms[group] with the number of the best, -1 for groups
 * whose choice is not offline. Returns 0 or an error; ERR_INTERRUPTED when options->stop was set.
 */
int replay_best(const struct scenario *sc, const struct run_options *options, int *arms,
                struct err *e);

#endif
