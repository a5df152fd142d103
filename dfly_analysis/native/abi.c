/* What tells Python whether this library is the one it was written for. */
#include <stddef.h>

#include "interface.h"

#ifndef DFLY_SOURCE_HASH
#define DFLY_SOURCE_HASH "" /* built by hand, not by build.py */
#endif

const int64_t dfly_abi_version = DFLY_ABI_VERSION;
const char dfly_source_hash[] = DFLY_SOURCE_HASH;
/* Of each structure its size and where each member begins. */
const int64_t dfly_layout[] = {DFLY_LAYOUT};
