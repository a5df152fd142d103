/* Remembers the places and the fields at the end of lines already read: most lines repeat both, and to compare them is much
   cheaper than to read them again. What is remembered stands in the block that is being read. */
#include "records.h"

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

static Place *place_of(Recall *recall, const uint8_t *at, const uint8_t *stop) {
  return stop - at < 16 ? NULL : &recall->places[slot_of(word_at(stop - 8), word_at(stop - 16), stop - at)];
}

static inline int is_place(const Place *place, const uint8_t *at, const uint8_t *end) {
  return end - at >= place->length && memcmp(place->at, at, (size_t)place->length) == 0;
}

static Place *follow(Recall *recall, Place *place) {
  if (recall->last) recall->last->next = place;
  return recall->last = place;
}

Place *recall_place(Recall *recall, const uint8_t *at, const uint8_t *end) {
  Place *likely = recall->last ? recall->last->next : NULL;
  if (likely && is_place(likely, at, end)) return recall->last = likely;
  const uint8_t *colon = at;
  for (int i = 0; i < 2 && (colon = colon_space(colon, end)); i++) {
    colon += 2;
    Place *place = place_of(recall, at, colon);
    if (place && place->length == colon - at && is_place(place, at, end)) return follow(recall, place);
  }
  return NULL;
}

/* Only of places that tell nothing together with what follows them: without an at sign. */
Place *keep_place(Recall *recall, const uint8_t *at, const uint8_t *stop, const Record *record) {
  Place *place = place_of(recall, at, stop);
  if (place == NULL || !is_plain_without_escapes(at, stop, recall->limit) || memchr(at, '@', (size_t)(stop - at))) return NULL;
  *place = (Place){at, stop - at, {record->texts[SPAN], record->texts[SOURCE]}, {-1, -1}, NULL};
  return follow(recall, place);
}

static Tail *tail_of(Recall *recall, const uint8_t *end) { return &recall->tails[slot_of(word_at(end - 8), word_at(end - 16), 0)]; }

Tail *recall_tail(Recall *recall, const uint8_t *at, const uint8_t *end) {
  if (end - at < TAIL_END) return NULL;
  Tail *tail = tail_of(recall, end);
  int64_t length = tail->length;
  if (length == 0 || end - at < length || memcmp(end - length, tail->at, (size_t)length) != 0) return NULL;
  return memchr(at, '=', (size_t)(end - at - length)) ? NULL : tail; /* else they may begin earlier */
}

/* The same where it is known where they begin. */
Tail *recall_fields(Recall *recall, const uint8_t *at, const uint8_t *end) {
  if (end - at < TAIL_END) return NULL;
  Tail *tail = tail_of(recall, end);
  return tail->length == end - at && memcmp(at, tail->at, (size_t)tail->length) == 0 ? tail : NULL;
}

Tail *keep_tail(Recall *recall, const uint8_t *at, const uint8_t *end, const Record *record) {
  if (end - at < TAIL_END) return NULL;
  Tail *tail = tail_of(recall, end);
  *tail = (Tail){.at = at, .length = end - at, .piece_number = record->piece_number, .size_bytes = record->size_bytes};
  for (int column = HOST_ID; column < TEXTS; column++) {
    tail->texts[column] = record->texts[column];
    tail->codes[column] = -1;
  }
  return tail;
}

void take_tail(const Tail *tail, Record *record) {
  memcpy(record->texts + HOST_ID, tail->texts + HOST_ID, (TEXTS - HOST_ID) * sizeof(Slice));
  record->piece_number = tail->piece_number;
  record->size_bytes = tail->size_bytes;
}

/* Where the code of a text is kept that was remembered, or NULL: what was remembered may have given way to another since. */
int32_t *recalled_code(const Record *record, int column) {
  const uint8_t *at = record->texts[column].at;
  if (column <= SOURCE) return record->place && record->place->texts[column].at == at ? &record->place->codes[column] : NULL;
  return record->tail && record->tail->texts[column].at == at ? &record->tail->codes[column] : NULL;
}
