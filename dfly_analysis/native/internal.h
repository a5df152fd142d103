/* What the files of this library share: records, the memo, and the small functions that every grammar needs. */
#ifndef DFLY_INTERNAL_H
#define DFLY_INTERNAL_H

#include <string.h>

#include "interface.h"

typedef struct {
  const uint8_t *at;
  int64_t length;
} Slice;

/* Where in the program a record was written, and the fields at the end of its line, with the codes of their texts, -1 where not yet known. */
typedef struct SourceLocation {
  const uint8_t *at;
  int64_t length;
  Slice texts[SOURCE + 1];
  int32_t codes[SOURCE + 1];
  struct SourceLocation *next; /* what came after it the last time */
} SourceLocation;

typedef struct {
  const uint8_t *at;
  int64_t length;
  Slice texts[TEXTS];
  int32_t codes[TEXTS];
  int64_t piece_number;
  int64_t size_bytes;
} TrailingFields;

enum { MEMO_SLOTS = 64 };
typedef struct {
  SourceLocation locations[MEMO_SLOTS];
  TrailingFields trailing[MEMO_SLOTS];
  SourceLocation *last;
  const uint8_t *limit; /* the end of the block */
} Memo;

/* One record as its grammar read it, before it is written to the block's columns. */
typedef struct {
  int64_t time_ns;
  int8_t level;
  Slice message;
  Slice error;
  int escaped;
  int skipped;
  int begins; /* certain to begin a record, even where Python must read it */
  Slice texts[TEXTS];
  int64_t piece_number;
  int64_t size_bytes;
  int64_t piece_bytes;
  SourceLocation *location;
  TrailingFields *trailing;
} Record;

int is_plain(const uint8_t *at, const uint8_t *end, const uint8_t *limit);
int is_plain_without_escapes(const uint8_t *at, const uint8_t *end, const uint8_t *limit);
int are_plain_fields(const uint8_t *at, const uint8_t *end, const uint8_t *limit, int count);
int read_compact(const Block *block, Memo *memo, const uint8_t *at, const uint8_t *end, Record *record);
int read_zap(Memo *memo, const uint8_t *at, const uint8_t *end, const uint8_t *limit, Record *record);
SourceLocation *find_location(Memo *memo, const uint8_t *at, const uint8_t *end);
SourceLocation *store_location(Memo *memo, const uint8_t *at, const uint8_t *stop, const Record *record);
TrailingFields *find_trailing(Memo *memo, const uint8_t *at, const uint8_t *end);
TrailingFields *find_trailing_at(Memo *memo, const uint8_t *at, const uint8_t *end);
TrailingFields *store_trailing(Memo *memo, const uint8_t *at, const uint8_t *end, const Record *record);
void copy_trailing(const TrailingFields *tail, Record *record);
int32_t *memo_code(const Record *record, int column);
const uint8_t *read_time(const uint8_t *at, const uint8_t *end, char between, int zoned, int64_t *time_ns);
int64_t read_whole(Slice digits);
int match_event(const Patterns *patterns, int32_t first, Slice message, Slice *fields);
int16_t start_of(const Block *block, Slice message);
int is_irrelevant(const Block *block, const Record *record);
void without_query(Slice *url);

static inline int is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }
static inline int is_letter(uint8_t c) { return (uint8_t)((c | 32) - 'a') < 26 || c == '_'; }
static inline int is_word(uint8_t c) { return is_letter(c) || is_digit(c); }
static inline int equals(Slice text, const char *other) {
  return text.length == (int64_t)strlen(other) && memcmp(text.at, other, (size_t)text.length) == 0;
}

#endif
