/* Remembers the places and the fields at the end of lines already read: most lines repeat both, and to compare them is much
   cheaper than to read them again. What is remembered stands in the block that is being read. */
#include "internal.h"

enum { TAIL_END = 16 };

static inline uint64_t word_at(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, 8);
  return word;
}

static inline uint32_t slot_of(uint64_t one, uint64_t other, int64_t length) {
  uint64_t mixed = (one ^ (other << 7) ^ (uint64_t)length) * 0x9E3779B97F4A7C15u;
  return (uint32_t)(mixed >> 58);
}

/* Where the next colon with a space behind it stands, or NULL. */
static inline const uint8_t *colon_space(const uint8_t *at, const uint8_t *end) {
  while (end - at > 1 && (at = memchr(at, ':', (size_t)(end - at - 1)))) {
    if (at[1] == ' ') return at;
    at++;
  }
  return NULL;
}

static SourceLocation *location_slot(Memo *memo, const uint8_t *at, const uint8_t *stop) {
  return stop - at < 16 ? NULL : &memo->locations[slot_of(word_at(stop - 8), word_at(stop - 16), stop - at)];
}

static inline int is_location(const SourceLocation *location, const uint8_t *at, const uint8_t *end) {
  return end - at >= location->length && memcmp(location->at, at, (size_t)location->length) == 0;
}

static SourceLocation *follow(Memo *memo, SourceLocation *location) {
  if (memo->last) memo->last->next = location;
  return memo->last = location;
}

SourceLocation *find_location(Memo *memo, const uint8_t *at, const uint8_t *end) {
  SourceLocation *likely = memo->last ? memo->last->next : NULL;
  if (likely && is_location(likely, at, end)) return memo->last = likely;
  const uint8_t *colon = at;
  for (int i = 0; i < 2 && (colon = colon_space(colon, end)); i++) {
    colon += 2;
    SourceLocation *location = location_slot(memo, at, colon);
    if (location && location->length == colon - at && is_location(location, at, end)) return follow(memo, location);
  }
  return NULL;
}

/* Only of places that tell nothing together with what follows them: without an at sign. */
SourceLocation *store_location(Memo *memo, const uint8_t *at, const uint8_t *stop, const Record *record) {
  SourceLocation *location = location_slot(memo, at, stop);
  if (location == NULL || !is_plain_without_escapes(at, stop, memo->limit) || memchr(at, '@', (size_t)(stop - at))) return NULL;
  *location = (SourceLocation){at, stop - at, {record->texts[SPAN], record->texts[SOURCE]}, {-1, -1}, NULL};
  return follow(memo, location);
}

static TrailingFields *trailing_slot(Memo *memo, const uint8_t *end) { return &memo->trailing[slot_of(word_at(end - 8), word_at(end - 16), 0)]; }

TrailingFields *find_trailing(Memo *memo, const uint8_t *at, const uint8_t *end) {
  if (end - at < TAIL_END) return NULL;
  TrailingFields *trailing = trailing_slot(memo, end);
  int64_t length = trailing->length;
  if (length == 0 || end - at < length || memcmp(end - length, trailing->at, (size_t)length) != 0) return NULL;
  return memchr(at, '=', (size_t)(end - at - length)) ? NULL : trailing; /* else they may begin earlier */
}

/* The same where it is known where they begin. */
TrailingFields *find_trailing_at(Memo *memo, const uint8_t *at, const uint8_t *end) {
  if (end - at < TAIL_END) return NULL;
  TrailingFields *trailing = trailing_slot(memo, end);
  return trailing->length == end - at && memcmp(at, trailing->at, (size_t)trailing->length) == 0 ? trailing : NULL;
}

TrailingFields *store_trailing(Memo *memo, const uint8_t *at, const uint8_t *end, const Record *record) {
  if (end - at < TAIL_END) return NULL;
  TrailingFields *trailing = trailing_slot(memo, end);
  *trailing = (TrailingFields){.at = at, .length = end - at, .piece_number = record->piece_number, .size_bytes = record->size_bytes};
  for (int column = HOST_ID; column < TEXTS; column++) {
    trailing->texts[column] = record->texts[column];
    trailing->codes[column] = -1;
  }
  return trailing;
}

void copy_trailing(const TrailingFields *trailing, Record *record) {
  memcpy(record->texts + HOST_ID, trailing->texts + HOST_ID, (TEXTS - HOST_ID) * sizeof(Slice));
  record->piece_number = trailing->piece_number;
  record->size_bytes = trailing->size_bytes;
}

/* Where the code of a text is kept that was remembered, or NULL: what was remembered may have given way to another since. */
int32_t *memo_code(const Record *record, int column) {
  const uint8_t *at = record->texts[column].at;
  if (column <= SOURCE) return record->location && record->location->texts[column].at == at ? &record->location->codes[column] : NULL;
  return record->trailing && record->trailing->texts[column].at == at ? &record->trailing->codes[column] : NULL;
}
