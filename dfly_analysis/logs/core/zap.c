/* JSON records of the Go services: one flat object a line. */
#include "records.h"

static const struct {
  const char *name;
  int column;
} IDS[] = {
    {"hostID", HOST_ID}, {"taskID", TASK_ID}, {"taskId", TASK_ID}, {"peerID", PEER_ID}, {"groupUUID", JOB_ID}, {"groupID", JOB_ID},
    {"jobID", JOB_ID}, {"url", URL}, {"task", TASK_ID}, {"peer", PEER_ID},
};
static const struct {
  const char *name;
  int8_t level;
} LEVELS[] = {{"info", INFO}, {"warn", WARN}, {"error", ERROR}, {"debug", DEBUG}, {"fatal", FATAL}, {"panic", FATAL}, {"dpanic", FATAL}};

/* The end of a string whose opening quote is at `at`; NULL where it has none, or an escape beyond one letter. */
static const uint8_t *skip_string(const uint8_t *at, const uint8_t *end, int *escaped) {
  for (at++; at < end; at++) {
    if (*at == '"') return at + 1;
    if (*at == '\\') {
      *escaped = 1;
      if (++at == end || memchr("\"\\/bfnrt", *at, 8) == NULL) return NULL;
    }
  }
  return NULL;
}

static const uint8_t *skip_spaces(const uint8_t *at, const uint8_t *end) {
  while (at < end && *at == ' ') at++;
  return at;
}

static int is_literal(Slice text) {
  if (equals(text, "true") || equals(text, "false") || equals(text, "null")) return 1;
  int64_t at = text.length > 0 && text.at[0] == '-';
  int64_t from = at;
  while (at < text.length && is_digit(text.at[at])) at++;
  return at > from && at == text.length && !(text.at[from] == '0' && at - from > 1);
}

static const uint8_t *read_literal(const uint8_t *at, const uint8_t *end) {
  const uint8_t *from = at;
  while (at < end && *at != ',' && *at != '}' && *at != ' ') at++;
  return is_literal((Slice){from, at - from}) ? at : NULL;
}

static int take_level(Slice value, int8_t *level) {
  for (unsigned i = 0; i < sizeof(LEVELS) / sizeof(*LEVELS); i++) {
    if (equals(value, LEVELS[i].name)) {
      *level = LEVELS[i].level;
      return 1;
    }
  }
  return 0;
}

enum { HAS_LEVEL = 1, HAS_TIME = 2, HAS_MESSAGE = 4, HAS_CALLER = 8 };

/* Take one name and its text; 0 where Python must look. */
static int take(Slice name, Slice value, int escaped, int *has, Record *record) {
  if (equals(name, "msg")) {
    record->message = value;
    record->escaped |= escaped;
    *has |= HAS_MESSAGE;
    return 1;
  }
  if (equals(name, "error")) {
    record->error = value;
    record->escaped |= escaped;
    return 1;
  }
  if (equals(name, "level")) return *has & HAS_LEVEL ? 0 : (*has |= HAS_LEVEL, take_level(value, &record->level));
  if (equals(name, "ts")) {
    const uint8_t *to = value.at + value.length;
    *has |= HAS_TIME;
    return read_time(value.at, to, ' ', 0, &record->time_ns) == to;
  }
  if (equals(name, "caller")) {
    record->texts[SOURCE] = value;
    *has |= HAS_CALLER;
    return !escaped && value.length > 0;
  }
  for (unsigned i = 0; i < sizeof(IDS) / sizeof(*IDS); i++) {
    if (equals(name, IDS[i].name)) {
      record->texts[IDS[i].column] = value;
      return !escaped && value.length > 0;
    }
  }
  return 1;
}

int read_zap(const uint8_t *at, const uint8_t *end, Record *record) {
  if (end - at < 2 || *at != '{' || end[-1] != '}' || !is_plain(at, end)) return 0;
  int has = 0;
  for (at++; at < end;) {
    int escaped = 0, name_escaped = 0;
    if (*at != '"') return 0;
    const uint8_t *name = at + 1;
    if ((at = skip_string(at, end, &name_escaped)) == NULL || name_escaped) return 0;
    Slice key = {name, at - name - 1};
    if (at >= end || *at != ':') return 0;
    at = skip_spaces(at + 1, end);
    if (at < end && *at == '"') {
      const uint8_t *value = at + 1;
      if ((at = skip_string(at, end, &escaped)) == NULL) return 0;
      if (!take(key, (Slice){value, at - value - 1}, escaped, &has, record)) return 0;
    } else {
      if (equals(key, "msg") || equals(key, "ts") || equals(key, "level") || equals(key, "caller")) return 0;
      /* Arrays and objects are rare and their grammar long: Python's reader has it. */
      if ((at = read_literal(at, end)) == NULL) return 0;
    }
    if (at >= end) return 0;
    if (*at == '}') {
      without_query(&record->texts[URL]);
      if (record->texts[URL].at && record->texts[URL].length == 0) return 0;
      return at + 1 == end && has == (HAS_LEVEL | HAS_TIME | HAS_MESSAGE | HAS_CALLER);
    }
    if (*at != ',') return 0;
    at = skip_spaces(at + 1, end);
  }
  return 0;
}
