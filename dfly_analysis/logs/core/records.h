/* What the compiled reader shares: the block it fills and the small pieces every grammar needs. */
#ifndef DFLY_RECORDS_H
#define DFLY_RECORDS_H

#include <stdint.h>
#include <string.h>

enum { SPAN, SOURCE, HOST_ID, PEER_ID, JOB_ID, TASK_ID, URL, ORIGIN, PARENT_ID, STAGE, COST, PIECES, ERROR_TEXT, DETAIL, TEXTS };
/* What an event can tell: texts of the same names, from TASK_ID on, then numbers. */
enum { PIECE_NUMBER = TEXTS - TASK_ID, SIZE_BYTES, PIECE_BYTES, FIELDS };
/* From this one on texts rarely repeat. */
enum { FIRST_UNIQUE = COST };
#define TIMELESS INT64_MIN
enum { TRACE, DEBUG, INFO, WARN, ERROR, FATAL };

/* One column of texts that repeat: each record's code, and where in the data each code's text stands. Of texts that rarely do,
   `codes` are the records that have one. */
typedef struct {
  int32_t *codes;
  int64_t *start;
  int32_t *length;
  int64_t count;
} Texts;

/* One step of a pattern; what a, b and c are depends on op. */
typedef struct {
  int32_t op, a, b, c;
} Step;

/* `sets` have a byte for each of their 256 members that may be, `literals` are texts one after another. */
typedef struct {
  const Step *steps;
  const uint8_t *sets;
  const uint8_t *literals;
} Patterns;

/* All arrays are the caller's, as long as the block has lines. `start_*` lists how messages of known events begin, `pattern`
   the first step of each one's pattern, or -1. `event` is 1 where a record's pattern matched, 0 where it is no
   known event, -1 where Python must look. `rest_time_ns` is the time of the record before a rest, TIMELESS where there is none. Where
   `telling` is set, records below WARN that are no known event are only counted, with their earliest and latest time. */
typedef struct {
  const uint8_t *data;
  int64_t size;
  int64_t start_count;
  const uint8_t *start_data;
  const int32_t *start_offset;
  const int32_t *start_index;
  const int32_t *pattern;
  Patterns patterns;
  int32_t *line;
  int64_t *time_ns;
  int8_t *level;
  int64_t *raw_start;
  int32_t *raw_length;
  int32_t *message_offset;
  uint8_t *message_data;
  int64_t *piece_number;
  int64_t *size_bytes;
  int64_t *piece_bytes;
  int16_t *start;
  int8_t *event;
  Texts texts[TEXTS];
  int64_t *rest_start;
  int64_t *rest_end;
  int32_t *rest_line;
  int64_t *rest_time_ns;
  int64_t telling;
  int64_t records;
  int64_t rests;
  int64_t lines;
  int64_t passed_over;
  int64_t earliest_ns;
  int64_t latest_ns;
} Block;

typedef struct {
  const uint8_t *at;
  int64_t length;
} Slice;

/* Where a record was written, and the fields at the end of its line, with the codes of their texts, -1 where not yet known. */
typedef struct Place {
  const uint8_t *at;
  int64_t length;
  Slice texts[SOURCE + 1];
  int32_t codes[SOURCE + 1];
  struct Place *next; /* what came after it the last time */
} Place;

typedef struct {
  const uint8_t *at;
  int64_t length;
  Slice texts[TEXTS];
  int32_t codes[TEXTS];
  int64_t piece_number;
  int64_t size_bytes;
} Tail;

enum { RECALLED = 64 };
typedef struct {
  Place places[RECALLED];
  Tail tails[RECALLED];
  Place *last;
  const uint8_t *limit; /* the end of the block */
} Recall;

/* One record as its grammar read it, before it is written to the block's columns. */
typedef struct {
  int64_t time_ns;
  int8_t level;
  Slice message;
  Slice error;
  int escaped;
  int passed_over;
  int begins; /* certain to begin a record, even where Python must read it */
  Slice texts[TEXTS];
  int64_t piece_number;
  int64_t size_bytes;
  int64_t piece_bytes;
  Place *place;
  Tail *tail;
} Record;

int is_plain(const uint8_t *at, const uint8_t *end, const uint8_t *limit);
int is_plain_without_escapes(const uint8_t *at, const uint8_t *end, const uint8_t *limit);
int are_plain_fields(const uint8_t *at, const uint8_t *end, const uint8_t *limit, int count);
int read_compact(const Block *block, Recall *recall, const uint8_t *at, const uint8_t *end, Record *record);
int read_zap(Recall *recall, const uint8_t *at, const uint8_t *end, const uint8_t *limit, Record *record);
Place *recall_place(Recall *recall, const uint8_t *at, const uint8_t *end);
Place *keep_place(Recall *recall, const uint8_t *at, const uint8_t *stop, const Record *record);
Tail *recall_tail(Recall *recall, const uint8_t *at, const uint8_t *end);
Tail *recall_fields(Recall *recall, const uint8_t *at, const uint8_t *end);
Tail *keep_tail(Recall *recall, const uint8_t *at, const uint8_t *end, const Record *record);
void take_tail(const Tail *tail, Record *record);
int32_t *recalled_code(const Record *record, int column);
int begins_compact(const uint8_t *at, const uint8_t *end);
const uint8_t *read_time(const uint8_t *at, const uint8_t *end, char between, int zoned, int64_t *time_ns);
int64_t read_whole(Slice digits);
int match_event(const Patterns *patterns, int32_t first, Slice message, Slice *fields);
int16_t start_of(const Block *block, Slice message);
int tells_nothing(const Block *block, const Record *record);
void without_query(Slice *url);

static inline int is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }
static inline int is_letter(uint8_t c) { return (uint8_t)((c | 32) - 'a') < 26 || c == '_'; }
static inline int is_word(uint8_t c) { return is_letter(c) || is_digit(c); }
static inline int equals(Slice text, const char *other) {
  return text.length == (int64_t)strlen(other) && memcmp(text.at, other, (size_t)text.length) == 0;
}

#endif
