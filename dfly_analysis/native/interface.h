/* The interface between this library and Python: what interface.py declares for ctypes. README.md describes it.

   Whoever changes a structure or a function here changes interface.py too: offsets and sizes are compared when the library is
   loaded. Enumerations and tables that Python has as well are in tables.h, which build.py writes from Python's own. */
#ifndef DFLY_INTERFACE_H
#define DFLY_INTERFACE_H

#include <stdint.h>

#include "tables.h"

#define NO_TIME INT64_MIN

/* One column of texts. Of texts that repeat: each record's code, -1 for none, and where in the data each code's text stands. Of the
   others, from FIRST_UNIQUE on: the records that have one, ascending, and where it stands. */
typedef struct {
  int32_t *codes;
  int64_t *start;
  int32_t *length;
  int64_t count;
} Texts;

/* One instruction of regex_vm.c; what a, b and c are depends on op. */
typedef struct {
  int32_t op, a, b, c;
} Step;

/* `sets` have a byte for each of the 256 bytes, 1 for members; set 0 holds all. `literals` are texts one after another. */
typedef struct {
  const Step *steps;
  const uint8_t *sets;
  const uint8_t *literals;
} Patterns;

/* A block of whole lines and the columns it is read to. All arrays belong to the caller: message_data has `size` + 8 bytes, the others
   as many elements as the block has lines, and one more (message_offset two).

   start_data, start_offset: how messages of known events begin; start_index: the first one of each first byte, 257 entries;
   pattern: the first step of each one's pattern, -1 where Python matches it.
   line: from 0; time_ns: since 1970, in the zone it is written in; piece_number, size_bytes, piece_bytes: -1 for none.
   start: which start the message has, -1 for none; event: 1 where its pattern matched and its fields are taken, 0 where it is no known
   event, -1 where Python must match.
   fallback_*: ranges of lines that Python must read, and the time of the record before, NO_TIME where there is none.
   relevant_only: records below WARN that are no known event are only counted (skipped), with their earliest and latest time. */
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
  int64_t *fallback_start;
  int64_t *fallback_end;
  int32_t *fallback_line;
  int64_t *fallback_time_ns;
  int64_t relevant_only;
  int64_t records;
  int64_t fallbacks;
  int64_t lines;
  int64_t skipped;
  int64_t earliest_ns;
  int64_t latest_ns;
} Block;

/* Compared when the library is loaded; see abi.c. */
extern const int64_t dfly_abi_version;
extern const int64_t dfly_layout[];
extern const char dfly_source_hash[];

/* block.c: returns 0 where memory is out. */
int64_t dfly_read_block(Block *block, int64_t grammar);
int64_t dfly_count_lines(const uint8_t *data, int64_t size);
/* Copies texts one after another; `offset` has one more than there are texts. */
void dfly_gather(const uint8_t *data, const int64_t *start, const int32_t *length, int64_t count, int32_t *offset, uint8_t *out);

#endif
