/* near_priv.h - "did you mean": the candidate most like a word */
#ifndef RUNBOX_SPEC_NEAR_PRIV_H
#define RUNBOX_SPEC_NEAR_PRIV_H

#include <stddef.h>

struct rb_near {
	const char *word;
	const char *best; /* NULL as long as nothing came close */
	size_t distance;
};

/** rb_near_try() - remember @candidate if it is closer to near->word than what was tried before. */
void rb_near_try(struct rb_near *near, const char *candidate);

#endif
