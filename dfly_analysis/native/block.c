/* A block of lines to columns. What this reader is not sure of is handed back as ranges of lines for the Python reader. */
#include "internal.h"

#include <stdlib.h>

/* Texts already seen, by hash; slots hold a code plus one. */
typedef struct {
  uint32_t *slots;
  uint32_t *hashes;
  int64_t mask;
  int64_t last; /* the code of the last text, which often comes again */
} Seen;

static uint32_t hash_of(Slice text) {
  uint64_t hash = (uint64_t)text.length * 0x9E3779B97F4A7C15u;
  int64_t at = 0;
  for (; at + 8 <= text.length; at += 8) {
    uint64_t word;
    memcpy(&word, text.at + at, 8);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  uint64_t word = 0;
  memcpy(&word, text.at + at, (size_t)(text.length - at));
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return (uint32_t)(hash >> 32);
}

static int grow(Seen *seen) {
  int64_t mask = seen->slots ? seen->mask * 2 + 1 : 1023;
  uint32_t *slots = calloc((size_t)mask + 1, sizeof(uint32_t));
  uint32_t *hashes = malloc(((size_t)mask + 1) * sizeof(uint32_t));
  if (slots == NULL || hashes == NULL) {
    free(slots);
    free(hashes);
    return 0;
  }
  for (int64_t i = 0; seen->slots && i <= seen->mask; i++) {
    if (seen->slots[i] == 0) continue;
    int64_t at = seen->hashes[i] & mask;
    while (slots[at]) at = (at + 1) & mask;
    slots[at] = seen->slots[i];
    hashes[at] = seen->hashes[i];
  }
  free(seen->slots);
  free(seen->hashes);
  *seen = (Seen){slots, hashes, mask, seen->last};
  return 1;
}

static inline int is_text(Slice text, const uint8_t *data, const Texts *texts, int64_t code) {
  return texts->length[code] == text.length && memcmp(data + texts->start[code], text.at, (size_t)text.length) == 0;
}

/* The code of a text, a new one where it was not seen before; -1 where memory is out. */
static int32_t code_of(Slice text, const uint8_t *data, Texts *texts, Seen *seen) {
  if (texts->count && is_text(text, data, texts, seen->last)) return (int32_t)seen->last;
  if ((seen->slots == NULL || texts->count * 2 > seen->mask) && !grow(seen)) return -1;
  uint32_t hash = hash_of(text);
  int64_t at = hash & seen->mask;
  for (; seen->slots[at]; at = (at + 1) & seen->mask) {
    int64_t code = seen->slots[at] - 1;
    if (seen->hashes[at] == hash && is_text(text, data, texts, code)) return (int32_t)(seen->last = code);
  }
  texts->start[texts->count] = text.at - data;
  texts->length[texts->count] = (int32_t)text.length;
  seen->hashes[at] = hash;
  seen->slots[at] = (uint32_t)++texts->count;
  return (int32_t)(seen->last = texts->count - 1);
}

static inline void put_unique(Texts *texts, int64_t row, Slice text, const uint8_t *data) {
  if (text.at == NULL) return;
  texts->codes[texts->count] = (int32_t)row;
  texts->start[texts->count] = text.at - data;
  texts->length[texts->count++] = (int32_t)text.length;
}

static uint8_t *copy_text(uint8_t *to, Slice text, int escaped) {
  if (!escaped) {
    memcpy(to, text.at, (size_t)text.length);
    return to + text.length;
  }
  static const char FROM[] = "bfnrt", INTO[] = "\b\f\n\r\t";
  for (const uint8_t *at = text.at; at < text.at + text.length; at++) {
    if (*at != '\\') {
      *to++ = *at;
      continue;
    }
    const char *place = memchr(FROM, *++at, 5);
    *to++ = place ? (uint8_t)INTO[place - FROM] : *at;
  }
  return to;
}

static int holds(const uint8_t *from, const uint8_t *to, const uint8_t *text, int64_t length) {
  for (; to - from >= length && (from = memchr(from, *text, (size_t)(to - from - length + 1))); from++)
    if (memcmp(from, text, (size_t)length) == 0) return 1;
  return 0;
}

/* The message, and behind it the error it was written with unless it says it itself. */
static int32_t write_message(uint8_t *to, const Record *record) {
  uint8_t *end = copy_text(to, record->message, record->escaped);
  if (record->error.length == 0) return (int32_t)(end - to);
  uint8_t *error = end + 2;
  uint8_t *error_end = copy_text(error, record->error, record->escaped);
  if (holds(to, end, error, error_end - error)) return (int32_t)(end - to);
  end[0] = ':';
  end[1] = ' ';
  return (int32_t)(error_end - to);
}

/* Where a part of the message as it was written to `copy` stands in the line; 0 where it does not stand there as such. */
static int find_in_line(const Record *record, const uint8_t *copy, Slice *part) {
  const uint8_t *at = record->message.at, *end = at + record->message.length;
  if (!record->escaped) {
    part->at = at + (part->at - copy);
    return 1;
  }
  for (; copy < part->at; copy++) at += 1 + (*at == '\\');
  if (end - at < part->length || memchr(at, '\\', (size_t)part->length)) return 0;
  part->at = at;
  return 1;
}

/* Take what the message of a known event tells: 1; 0 for any other message; -1 where Python must look. */
static int take_event(const Block *block, int16_t start, Slice message, Record *record) {
  Slice fields[FIELDS];
  int32_t first = start < 0 ? -1 : block->pattern[start];
  if (first < 0 || record->error.length) return start < 0 ? 0 : -1;
  if (!match_event(&block->patterns, first, message, fields)) return -1;
  for (int column = TASK_ID; column < TEXTS; column++) {
    Slice text = fields[column - TASK_ID];
    if (text.at == NULL || record->texts[column].at) continue;
    if (!find_in_line(record, message.at, &text)) return -1;
    if (column == URL) without_query(&text);
    if (text.length) record->texts[column] = text;
  }
  if (fields[PIECE_NUMBER].at) record->piece_number = read_whole(fields[PIECE_NUMBER]);
  if (fields[PIECE_BYTES].at) record->piece_bytes = read_whole(fields[PIECE_BYTES]);
  if (fields[SIZE_BYTES].at && record->size_bytes < 0) record->size_bytes = read_whole(fields[SIZE_BYTES]);
  return 1;
}

typedef struct {
  Record record;
  const uint8_t *at;
  int64_t length;
  int32_t line;
  int open;
} Pending;

static int commit(Block *block, Pending *pending, Seen *seen) {
  if (!pending->open) return 1;
  pending->open = 0;
  if (pending->record.skipped) {
    block->skipped++;
    if (pending->record.time_ns < block->earliest_ns) block->earliest_ns = pending->record.time_ns;
    if (pending->record.time_ns > block->latest_ns) block->latest_ns = pending->record.time_ns;
    return 1;
  }
  Record *record = &pending->record;
  int64_t row = block->records;
  int32_t *offset = block->message_offset + row;
  int32_t length = write_message(block->message_data + *offset, record);
  offset[1] = *offset + length;
  block->line[row] = pending->line;
  block->time_ns[row] = record->time_ns;
  block->level[row] = record->level;
  block->raw_start[row] = pending->at - block->data;
  block->raw_length[row] = (int32_t)pending->length;
  block->start[row] = start_of(block, (Slice){block->message_data + *offset, length});
  block->event[row] = (int8_t)take_event(block, block->start[row], (Slice){block->message_data + *offset, length}, record);
  block->piece_number[row] = record->piece_number;
  block->size_bytes[row] = record->size_bytes;
  block->piece_bytes[row] = record->piece_bytes;
  for (int column = 0; column < FIRST_UNIQUE; column++) {
    Slice text = record->texts[column];
    block->texts[column].codes[row] = -1;
    if (text.at == NULL) continue;
    int32_t *known = memo_code(record, column);
    int32_t code = known && *known >= 0 ? *known : code_of(text, block->data, &block->texts[column], &seen[column]);
    if (code < 0) return 0;
    if (known) *known = code;
    block->texts[column].codes[row] = code;
  }
  for (int column = FIRST_UNIQUE; column < TEXTS; column++) put_unique(&block->texts[column], row, record->texts[column], block->data);
  block->records = row + 1;
  return 1;
}

/* Leave a line to the Python reader, together with the record before it, which it may continue. */
static void leave_to_python(Block *block, Pending *pending, const uint8_t *at, const uint8_t *next, int32_t line, int64_t time_ns, int *left) {
  if (!*left) {
    block->fallback_time_ns[block->fallbacks] = time_ns;
    block->fallback_start[block->fallbacks] = (pending->open ? pending->at : at) - block->data;
    block->fallback_line[block->fallbacks++] = pending->open ? pending->line : line;
  }
  block->fallback_end[block->fallbacks - 1] = next - block->data;
  pending->open = 0;
  *left = 1;
}

int64_t dfly_read_block(Block *block, int64_t grammar) {
  Seen seen[TEXTS] = {{NULL, NULL, 0, 0}};
  Pending slots[2] = {{.open = 0}, {.open = 0}}, *pending = slots, *now = slots + 1;
  Memo memo;
  int zap = grammar == GRAMMAR_JSON;
  int left = 0, fine = 1;
  int64_t time_ns = NO_TIME;
  const uint8_t *end = block->data + block->size;
  block->records = block->fallbacks = block->lines = block->skipped = 0;
  block->earliest_ns = INT64_MAX;
  block->latest_ns = INT64_MIN;
  block->message_offset[0] = 0;
  for (int i = 0; i < MEMO_SLOTS; i++) memo.locations[i].length = memo.trailing[i].length = 0;
  memo.last = NULL;
  memo.limit = end;
  for (int column = 0; column < TEXTS; column++) block->texts[column].count = 0;
  for (const uint8_t *at = block->data, *next; at < end && fine; at = next, block->lines++) {
    const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
    if (stop == NULL) stop = end;
    next = stop + (stop < end);
    *now = (Pending){{.piece_number = -1, .size_bytes = -1, .piece_bytes = -1}, at, stop - at, (int32_t)block->lines, 1};
    if (zap ? read_zap(&memo, at, stop, end, &now->record) : read_compact(block, &memo, at, stop, &now->record)) {
      if (zap && is_irrelevant(block, &now->record)) now->record.skipped = 1;
      fine = commit(block, zap ? now : pending, seen); /* nothing continues an object */
      time_ns = now->record.time_ns;
      left = 0;
      if (zap) continue;
      Pending *written = pending;
      pending = now;
      now = written;
    } else {
      if (now->record.begins) fine = commit(block, pending, seen);
      leave_to_python(block, pending, at, next, (int32_t)block->lines, time_ns, &left);
    }
  }
  fine = fine && commit(block, pending, seen);
  for (int column = 0; column < TEXTS; column++) {
    free(seen[column].slots);
    free(seen[column].hashes);
  }
  return fine;
}

int64_t dfly_count_lines(const uint8_t *data, int64_t size) {
  int64_t count = 0;
  for (int64_t from = 0; from < size;) {
    uint8_t part = 0; /* eight bits are enough for this many, and sixteen of them are added at once */
    int64_t to = size - from > 255 ? from + 255 : size;
    for (; from < to; from++) part = (uint8_t)(part + (data[from] == '\n'));
    count += part;
  }
  return count;
}

/* Copy texts one after another; `offset` has one more than there are texts. */
void dfly_gather(const uint8_t *data, const int64_t *start, const int32_t *length, int64_t count, int32_t *offset, uint8_t *out) {
  offset[0] = 0;
  for (int64_t i = 0; i < count; i++) {
    memcpy(out + offset[i], data + start[i], (size_t)length[i]);
    offset[i + 1] = offset[i] + length[i];
  }
}
