/* Compact records of the client: time, level, spans, source, message, and the fields of all spans at the end. */
#include "internal.h"

static const char *const LEVELS[] = {DFLY_COMPACT_LEVELS}; /* as wide as they are written */
enum { LEVEL_COUNT = sizeof(LEVELS) / sizeof(*LEVELS) };

/* Fields that spans append, and the column of those that are kept. */
enum { PIECE_ID = TEXTS, CONTENT_LENGTH, IGNORED };
#define FIELD(name, column) {name, sizeof(name) - 1, column}
static const struct {
  const char *name;
  int64_t length;
  int column;
} SPAN_FIELDS[] = {DFLY_SPAN_FIELDS};
enum { FIELD_COUNT = sizeof(SPAN_FIELDS) / sizeof(*SPAN_FIELDS), ONLY_LENGTH = 1 << FIELD_CONTENT_LENGTH, HAS_TASK = 1 << FIELD_TASK_ID };

/* How the fields at the end of a line can begin; of each only the first place in a message counts. */
#define TAIL_START(text) {text, sizeof(text) - 1}
static const struct {
  const char *text;
  int64_t length;
} TAIL_STARTS[] = {DFLY_TAIL_STARTS};
enum { TAIL_START_COUNT = sizeof(TAIL_STARTS) / sizeof(*TAIL_STARTS) };

static const uint8_t *read_level(const uint8_t *at, const uint8_t *end, int8_t *level) {
  if (end - at < 7 || at[0] != ' ' || at[6] != ' ') return NULL;
  for (int i = 0; i < LEVEL_COUNT; i++) {
    if (memcmp(at + 1, LEVELS[i], 5) == 0) {
      *level = (int8_t)i;
      return at + 7;
    }
  }
  return NULL;
}

/* The innermost of spans joined by one or two colons; each begins with a letter. */
static int innermost(const uint8_t *from, const uint8_t *to, Slice *span) {
  for (const uint8_t *at = from; at < to;) {
    if (!is_letter(*at)) return 0;
    span->at = at;
    while (at < to && *at != ':') at++;
    span->length = at - span->at;
    if (at == to) return 1;
    at += 1 + (to - at > 1 && at[1] == ':');
    if (at == to) return 0;
  }
  return 0;
}

static const uint8_t *read_location(const uint8_t *at, const uint8_t *end, Record *record) {
  const uint8_t *run = at, *source = at;
  for (; run < end && (is_word(*run) || *run == ' ' || *run == ':'); run++)
    if (*run == ' ') source = run + 1;
  if (source > at) {
    if (source - at < 3 || source[-2] != ':' || !innermost(at, source - 2, &record->texts[SPAN])) return NULL;
    if (memchr(at, ' ', (size_t)(source - 2 - at))) return NULL; /* names with spaces are rare: let Python look */
  }
  const uint8_t *colon = source;
  for (; colon < end && *colon != ':'; colon++)
    if (*colon <= ' ' || *colon > 126 || *colon == '{' || *colon == '}' || *colon == '"') return NULL;
  if (colon - source < 4 || memcmp(colon - 3, ".rs", 3) != 0) return NULL;
  const uint8_t *number = colon + 1;
  while (number < end && is_digit(*number)) number++;
  if (number == colon + 1 || end - number < 2 || number[0] != ':' || number[1] != ' ') return NULL;
  record->texts[SOURCE] = (Slice){source, number - source};
  return number + 2;
}

static const uint8_t *field_at(const uint8_t *at, const uint8_t *end, int *field) {
  for (int i = 0; i < FIELD_COUNT; i++) {
    int64_t length = SPAN_FIELDS[i].length;
    if (end - at >= length && *at == (uint8_t)*SPAN_FIELDS[i].name && memcmp(at, SPAN_FIELDS[i].name, (size_t)length) == 0) {
      *field = i;
      return at + length;
    }
  }
  return NULL;
}

static const uint8_t *read_value(const uint8_t *at, const uint8_t *end, Slice *value) {
  if (at < end && *at == '"') {
    const uint8_t *quote = memchr(at + 1, '"', (size_t)(end - at - 1));
    if (quote == NULL) return NULL;
    *value = (Slice){at + 1, quote - at - 1};
    return quote + 1;
  }
  const uint8_t *from = at;
  while (at < end && *at != ' ' && *at != '"' && *at != '=') at++;
  *value = (Slice){from, at - from};
  return at > from ? at : NULL;
}

/* How many fields there are to the end of the line; 0: not the tail; -1: Python must look. */
static int read_tail(const uint8_t *at, const uint8_t *end, Record *record) {
  Slice values[FIELD_COUNT]; /* of those seen */
  unsigned seen = 0;
  int count = 0;
  for (at++; at < end;) {
    int field = 0;
    Slice value;
    if ((at = field_at(at, end, &field)) == NULL || (at = read_value(at, end, &value)) == NULL) return 0;
    if (at < end && *at != ' ') return 0;
    while (at < end && *at == ' ') at++;
    if (value.length == 0) return -1;
    if (!(seen >> field & 1)) values[field] = value;
    seen |= 1u << field;
    count++;
  }
  if (seen == ONLY_LENGTH || seen == 0) return 0; /* content_length alone is part of the message */
  for (int i = 0; i < FIELD_COUNT; i++) {
    if (!(seen >> i & 1)) continue;
    if (SPAN_FIELDS[i].column < TEXTS) record->texts[SPAN_FIELDS[i].column] = values[i];
    if (SPAN_FIELDS[i].column == CONTENT_LENGTH && (record->size_bytes = read_whole(values[i])) < 0) return -1;
    if (SPAN_FIELDS[i].column == PIECE_ID) {
      const uint8_t *dash = values[i].at + values[i].length - 1;
      while (dash > values[i].at && *dash != '-') dash--;
      if (dash == values[i].at) return -1;
      record->piece_number = read_whole((Slice){dash + 1, values[i].at + values[i].length - dash - 1});
      if (!(seen & HAS_TASK)) record->texts[TASK_ID] = (Slice){values[i].at, dash - values[i].at};
    }
  }
  return count;
}

static int may_begin_tail(uint8_t c) {
  switch (c) {
  DFLY_TAIL_FIRST_LETTERS
    return 1;
  default:
    return 0;
  }
}

/* Whether a line can end with a field: with a quote, a space, or a last word that has an equals sign. */
static int may_end_tail(const uint8_t *at, const uint8_t *end) {
  if (end == at || end[-1] == '"' || end[-1] == ' ') return 1;
  for (const uint8_t *last = end; last-- > at && *last != ' ';)
    if (*last == '=') return 1;
  return 0;
}

/* Split a message from the fields behind it; how many there are, or -1 where Python must look. */
static int split_tail(const uint8_t *at, const uint8_t *end, Record *record) {
  unsigned tried = 0;
  record->message = (Slice){at, end - at};
  if (!may_end_tail(at, end)) return 0;
  for (const uint8_t *space = at; space < end && (space = memchr(space, ' ', (size_t)(end - space))); space++) {
    if (end - space < 2 || !may_begin_tail(space[1])) continue;
    for (int i = 0; i < TAIL_START_COUNT; i++) {
      int64_t length = TAIL_STARTS[i].length;
      if (tried >> i & 1 || end - space < length || memcmp(space, TAIL_STARTS[i].text, (size_t)length) != 0) continue;
      tried |= 1u << i;
      int found = read_tail(space, end, record);
      if (found == 0) continue;
      record->message = (Slice){at, space - at};
      return found;
    }
  }
  return 0;
}

void without_query(Slice *url) {
  const uint8_t *mark = url->at ? memchr(url->at, '?', (size_t)url->length) : NULL;
  if (mark) url->length = mark - url->at;
}

/* Read what stands behind a source location. */
static int read_message(Memo *memo, const uint8_t *place, const uint8_t *at, const uint8_t *end, Record *record) {
  if (record->location) place = at; /* it tells nothing */
  if ((record->trailing = find_trailing(memo, at, end))) {
    copy_trailing(record->trailing, record);
    record->message.length = end - at - record->trailing->length;
    return is_plain_without_escapes(place, end - record->trailing->length, memo->limit);
  }
  int fields = split_tail(at, end, record);
  const uint8_t *tail = record->message.at + record->message.length;
  if (fields < 0 || !is_plain_without_escapes(place, tail, memo->limit)) return 0;
  int plain = tail < end && are_plain_fields(tail, end, memo->limit, fields);
  if (tail < end && !plain && !is_plain_without_escapes(place, end, memo->limit)) return 0;
  without_query(&record->texts[URL]);
  if (record->texts[URL].at && record->texts[URL].length == 0) return 0;
  if (plain) record->trailing = store_trailing(memo, tail, end, record);
  return 1;
}

/* Read a record's source location, or find it in the memo; what stands behind it. */
static const uint8_t *take_location(Memo *memo, const uint8_t *at, const uint8_t *end, Record *record) {
  if ((record->location = find_location(memo, at, end))) {
    memcpy(record->texts, record->location->texts, sizeof(record->location->texts));
    return at + record->location->length;
  }
  const uint8_t *message = read_location(at, end, record);
  if (message) record->location = store_location(memo, at, message, record);
  return message;
}

int read_compact(const Block *block, Memo *memo, const uint8_t *at, const uint8_t *end, Record *record) {
  if ((at = read_time(at, end, 'T', 1, &record->time_ns)) == NULL) return 0;
  if ((at = read_level(at, end, &record->level)) == NULL) return 0;
  const uint8_t *place = at; /* time and level hold no secret */
  if ((at = take_location(memo, at, end, record)) == NULL) return 0;
  record->message = (Slice){at, end - at};
  if (!is_irrelevant(block, record) && read_message(memo, place, at, end, record)) return 1;
  record->begins = record->location || is_plain_without_escapes(place, at, memo->limit); /* else redaction may leave no head of a record */
  return record->skipped = record->begins && is_irrelevant(block, record);
}
