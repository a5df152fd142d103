/* Matches the patterns of known events, compiled by regex_compiler.py: backtracking as Python's own engine does, in its order. */
#include "internal.h"

enum { MOST_STEPS = 20000, MOST_UNDONE = 256, ANYTHING = 0 };

/* What a way that fails has saved is taken back: `undo` holds what stood there before. */
typedef struct {
  const Patterns *patterns;
  const uint8_t *end;
  const uint8_t *saved[2 * FIELDS];
  int steps;
  int undone;
  struct {
    const uint8_t *before;
    int place;
  } undo[MOST_UNDONE];
} Matching;

static inline const uint8_t *set_of(const Matching *matching, const Step *step) { return matching->patterns->sets + step->a * 256; }

static inline const uint8_t *text_of(const Matching *matching, const Step *step) { return matching->patterns->literals + step->a; }

static int run(Matching *matching, int32_t place, const uint8_t *at);

/* The same, where another way is tried if this one fails. */
static int try(Matching *matching, int32_t place, const uint8_t *at) {
  int undone = matching->undone;
  int found = run(matching, place, at);
  if (found == 0)
    while (matching->undone > undone) {
      matching->undone--;
      matching->saved[matching->undo[matching->undone].place] = matching->undo[matching->undone].before;
    }
  return found;
}

/* As many as there are, then fewer; only places where the next character fits are tried. */
static int run_greedy(Matching *matching, const Step *step, int32_t place, const uint8_t *at) {
  int64_t count = 0, most = step->c < 0 ? matching->end - at : step->c;
  if (most > matching->end - at) most = matching->end - at;
  if (step->a == ANYTHING) {
    count = most;
  } else {
    const uint8_t *set = set_of(matching, step);
    while (count < most && set[at[count]]) count++;
  }
  const Step *next = step + 1;
  while (next->op == OP_SAVE) next++;
  for (; count >= step->b; count--) {
    if (next->op == OP_TEXT && (at + count == matching->end || at[count] != *text_of(matching, next))) continue;
    int found = try(matching, place + 1, at + count);
    if (found) return found;
  }
  return 0;
}

static int run_lazy(Matching *matching, const Step *step, int32_t place, const uint8_t *at) {
  const uint8_t *set = set_of(matching, step);
  for (int64_t count = 0;; count++) {
    if (count >= step->b) {
      int found = try(matching, place + 1, at + count);
      if (found) return found;
    }
    if (count == step->c || at + count == matching->end || !set[at[count]]) return 0;
  }
}

/* 1: matched; 0: not; -1: given up. */
static int run(Matching *matching, int32_t place, const uint8_t *at) {
  for (;; place++) {
    const Step *step = matching->patterns->steps + place;
    if (++matching->steps > MOST_STEPS) return -1;
    switch (step->op) {
    case OP_TEXT:
      if (matching->end - at < step->b || memcmp(at, text_of(matching, step), (size_t)step->b) != 0) return 0;
      at += step->b;
      break;
    case OP_SET:
      if (at == matching->end || !set_of(matching, step)[*at++]) return 0;
      break;
    case OP_SPLIT: {
      int found = try(matching, step->a, at);
      if (found) return found;
      place = step->b - 1;
      break;
    }
    case OP_JUMP:
      place = step->a - 1;
      break;
    case OP_SAVE:
      if (matching->undone == MOST_UNDONE) return -1;
      matching->undo[matching->undone].before = matching->saved[step->a];
      matching->undo[matching->undone++].place = step->a;
      matching->saved[step->a] = at;
      break;
    case OP_AT_END:
      if (at != matching->end) return 0;
      break;
    case OP_GREEDY:
      return run_greedy(matching, step, place, at);
    case OP_LAZY:
      return run_lazy(matching, step, place, at);
    default:
      return 1;
    }
  }
}

int match_event(const Patterns *patterns, int32_t first, Slice message, Slice *fields) {
  Matching matching;
  matching.patterns = patterns;
  matching.end = message.at + message.length;
  matching.steps = matching.undone = 0;
  memset(matching.saved, 0, sizeof(matching.saved));
  if (run(&matching, first, message.at) != 1) return 0;
  for (int field = 0; field < FIELDS; field++) {
    const uint8_t *from = matching.saved[2 * field], *to = matching.saved[2 * field + 1];
    fields[field] = from && to > from ? (Slice){from, to - from} : (Slice){NULL, 0};
  }
  return 1;
}

/* Which of the ways known events begin this message begins with; -1 for none. `start_index` is by first byte. */
int16_t start_of(const Block *block, Slice message) {
  if (message.length == 0) return -1;
  for (int32_t i = block->start_index[*message.at]; i < block->start_index[*message.at + 1]; i++) {
    int32_t length = block->start_offset[i + 1] - block->start_offset[i];
    const uint8_t *start = block->start_data + block->start_offset[i];
    if (message.length < length || message.at[length - 1] != start[length - 1]) continue; /* most differ there already */
    if (memcmp(message.at, start, (size_t)length) == 0) return (int16_t)i;
  }
  return -1;
}

int is_irrelevant(const Block *block, const Record *record) {
  return block->relevant_only && record->level <= INFO && start_of(block, record->message) < 0;
}
