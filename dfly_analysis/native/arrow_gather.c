/* Some rows of columns as Arrow keeps them: what of them is looked for, and what they hold. */
#include "internal.h"

#include <stdlib.h>

static int is_there(const Column *column, int64_t row) {
  int64_t at = column->offset + row;
  return column->bits == NULL || (column->bits[at >> 3] >> (at & 7) & 1);
}

static int32_t code_at(const Column *column, int64_t row) {
  return is_there(column, row) ? ((const int32_t *)column->values)[column->offset + row] : -1;
}

/* The rows that have a text in `event` and in one of `task` and `peer`, and those of a peer whose level is among `levels`. */
int64_t dfly_rows_of_peers(const Column *event, const Column *task, const Column *peer, const Column *level, const uint8_t *levels,
                           int64_t count, int64_t *out) {
  int64_t found = 0;
  for (int64_t row = 0; row < count; row++) {
    int of_peer = is_there(peer, row);
    int32_t how = code_at(level, row);
    out[found] = row;
    found += (is_there(event, row) && (of_peer || is_there(task, row))) || (of_peer && how >= 0 && levels[how]);
  }
  return found;
}

/* Which of some rows have something in one of `count` columns; in the first that does not count where `event` is among `bulk`. */
int64_t dfly_rows_with_any(const Column *columns, int64_t count, const Column *event, const uint8_t *bulk, const int64_t *rows,
                           int64_t rows_count, int64_t *out) {
  int64_t found = 0;
  for (int64_t i = 0; i < rows_count; i++) {
    int32_t which = code_at(event, rows[i]);
    int any = is_there(columns, rows[i]) && !(which >= 0 && bulk[which]);
    for (int64_t column = 1; column < count && !any; column++) any = is_there(columns + column, rows[i]);
    out[found] = i;
    found += any;
  }
  return found;
}

/* What stands for the texts of some rows; -1 where there is none. */
void dfly_codes_at(const Column *column, const int64_t *rows, int64_t count, const int32_t *places, int32_t *out) {
  for (int64_t i = 0; i < count; i++) {
    int32_t code = code_at(column, rows[i]);
    out[i] = code < 0 ? -1 : places[code];
  }
}

void dfly_numbers_at(const Column *column, const int64_t *rows, int64_t count, int64_t missing, int64_t *out) {
  const int64_t *values = (const int64_t *)column->values + column->offset;
  for (int64_t i = 0; i < count; i++) out[i] = is_there(column, rows[i]) ? values[rows[i]] : missing;
}

/* Let keys tell apart what a column holds too, `size` texts or none; the keys must have room for it. */
void dfly_extend_keys(const Column *column, const int64_t *rows, int64_t count, int64_t size, int64_t *keys) {
  for (int64_t i = 0; i < count; i++) keys[i] = keys[i] * (size + 1) + code_at(column, rows[i]) + 1;
}

/* Number keys in the order of first standing; return how many differ, -1 without memory. `first`: where each stands first. */
int64_t dfly_number_keys(const int64_t *keys, int64_t count, int32_t *numbers, int64_t *first) {
  uint64_t size = 64;
  while (size < 2 * (uint64_t)count) size *= 2;
  int32_t *slots = calloc(size, sizeof *slots); /* 0: free; else the number and 1 */
  if (slots == NULL) return -1;
  int32_t known = 0;
  for (int64_t i = 0; i < count; i++) {
    uint64_t slot = (uint64_t)keys[i] * 0x9e3779b97f4a7c15u;
    for (slot = (slot ^ slot >> 32) & (size - 1);; slot = (slot + 1) & (size - 1)) {
      if (slots[slot] == 0) {
        first[known] = i;
        slots[slot] = ++known;
      }
      if (keys[first[slots[slot] - 1]] == keys[i]) break;
    }
    numbers[i] = slots[slot] - 1;
  }
  free(slots);
  return known;
}

#define MOST_DIGITS 15 /* so many are a double exactly, and so is their power of ten: the quotient is the nearest double */
static const double TENS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* The texts of some rows as seconds, NAN where there is none; return how many are not digits, perhaps a point, and ms or s. */
int64_t dfly_seconds_at(const Column *column, const uint8_t *data, const int64_t *rows, int64_t count, double *out) {
  const int32_t *ends = (const int32_t *)column->values + column->offset;
  int64_t others = 0;
  for (int64_t i = 0; i < count; i++) {
    out[i] = __builtin_nan("");
    if (!is_there(column, rows[i])) continue;
    const uint8_t *at = data + ends[rows[i]], *stop = data + ends[rows[i] + 1], *begin = at, *point = NULL;
    int64_t whole = 0, digits = 0;
    for (; at < stop && digits <= MOST_DIGITS; at++) {
      if (*at == '.' && point == NULL && at > begin) point = at;
      else if (*at >= '0' && *at <= '9') whole = whole * 10 + (*at - '0'), digits++;
      else break;
    }
    int64_t fraction = point == NULL ? 0 : at - point - 1;
    int thousandths = stop - at == 2 && at[0] == 'm' && at[1] == 's';
    if (!digits || digits > MOST_DIGITS || (point != NULL && !fraction) || !(thousandths || (stop - at == 1 && *at == 's'))) others++;
    else out[i] = (double)whole / TENS[fraction] * (thousandths ? 1e-3 : 1.0);
  }
  return others;
}
