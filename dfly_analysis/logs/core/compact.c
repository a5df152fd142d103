/* Compact records of the client: time, level, spans, source, message, and the fields of all spans at the end. */
#include "records.h"

static const char *const LEVELS[] = {"TRACE", "DEBUG", " INFO", " WARN", "ERROR"};

/* Fields that spans append, and the column of those that are kept. */
enum { PIECE_ID = TEXTS, CONTENT_LENGTH, IGNORED };
#define FIELD(name, column) {name, sizeof(name) - 1, column}
static const struct {
  const char *name;
  int64_t length;
  int column;
} SPAN_FIELDS[] = {
    FIELD("host_id=", HOST_ID), FIELD("task_id=", TASK_ID), FIELD("peer_id=", PEER_ID), FIELD("piece_id=", PIECE_ID),
    FIELD("url=", URL), FIELD("content_length=", CONTENT_LENGTH), FIELD("remote_host_id=", IGNORED), FIELD("piece_number=", IGNORED),
    FIELD("piece_length=", IGNORED), FIELD("uri=", IGNORED), FIELD("method=", IGNORED), FIELD("remote_ip=", IGNORED),
    FIELD("remote_address=", IGNORED), FIELD("local_only=", IGNORED), FIELD("num=", IGNORED), FIELD("lid=", IGNORED),
    FIELD("gid=", IGNORED), FIELD("id=", IGNORED), FIELD("panic.payload=", IGNORED), FIELD("panic.location=", IGNORED),
    FIELD("panic.backtrace=", IGNORED), FIELD("panic.note=", IGNORED),
};
enum { FIELD_COUNT = sizeof(SPAN_FIELDS) / sizeof(*SPAN_FIELDS), ONLY_LENGTH = 1 << 5, HAS_TASK = 1 << 1 };

/* How the fields at the end of a line can begin; of each only the first place in a message counts. */
#define TAIL_START(text) {text, sizeof(text) - 1}
static const struct {
  const char *text;
  int64_t length;
} TAIL_STARTS[] = {
    TAIL_START(" host_id=\""), TAIL_START(" remote_host_id=\""), TAIL_START(" task_id=\""), TAIL_START(" piece_id=\""),
    TAIL_START(" url="), TAIL_START(" uri="), TAIL_START(" id="), TAIL_START(" method="), TAIL_START(" content_length="),
    TAIL_START(" panic.payload=\""),
};
enum { TAIL_START_COUNT = sizeof(TAIL_STARTS) / sizeof(*TAIL_STARTS) };

int begins_compact(const uint8_t *at, const uint8_t *end) {
  return end - at > 20 && is_digit(at[0]) && at[4] == '-' && at[7] == '-' && at[10] == 'T' && at[13] == ':';
}

static const uint8_t *read_level(const uint8_t *at, const uint8_t *end, int8_t *level) {
  if (end - at < 7 || at[0] != ' ' || at[6] != ' ') return NULL;
  for (int i = 0; i < 5; i++) {
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

static const uint8_t *read_place(const uint8_t *at, const uint8_t *end, Record *record) {
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
  case 'h': case 'r': case 't': case 'p': case 'u': case 'i': case 'm': case 'c':
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

/* Read what stands behind a record's place. */
static int read_message(Recall *recall, const uint8_t *place, const uint8_t *at, const uint8_t *end, Record *record) {
  if (record->place) place = at; /* it tells nothing */
  if ((record->tail = recall_tail(recall, at, end))) {
    take_tail(record->tail, record);
    record->message.length = end - at - record->tail->length;
    return is_plain_without_escapes(place, end - record->tail->length, recall->limit);
  }
  int fields = split_tail(at, end, record);
  const uint8_t *tail = record->message.at + record->message.length;
  if (fields < 0 || !is_plain_without_escapes(place, tail, recall->limit)) return 0;
  int plain = tail < end && are_plain_fields(tail, end, recall->limit, fields);
  if (tail < end && !plain && !is_plain_without_escapes(place, end, recall->limit)) return 0;
  without_query(&record->texts[URL]);
  if (record->texts[URL].at && record->texts[URL].length == 0) return 0;
  if (plain) record->tail = keep_tail(recall, tail, end, record);
  return 1;
}

/* Read or recall a record's place; what stands behind it. */
static const uint8_t *take_place(Recall *recall, const uint8_t *at, const uint8_t *end, Record *record) {
  if ((record->place = recall_place(recall, at, end))) {
    memcpy(record->texts, record->place->texts, sizeof(record->place->texts));
    return at + record->place->length;
  }
  const uint8_t *message = read_place(at, end, record);
  if (message) record->place = keep_place(recall, at, message, record);
  return message;
}

int read_compact(const Block *block, Recall *recall, const uint8_t *at, const uint8_t *end, Record *record) {
  if ((at = read_time(at, end, 'T', 1, &record->time_ns)) == NULL) return 0;
  if ((at = read_level(at, end, &record->level)) == NULL) return 0;
  const uint8_t *place = at; /* time and level hold no secret */
  if ((at = take_place(recall, at, end, record)) == NULL) return 0;
  record->message = (Slice){at, end - at};
  if (!tells_nothing(block, record) && read_message(recall, place, at, end, record)) return 1;
  record->begins = record->place || is_plain_without_escapes(place, at, recall->limit); /* else redaction may leave no head of a record */
  return record->passed_over = record->begins && tells_nothing(block, record);
}
