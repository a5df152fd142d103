/* JSON records of the Go services: one object a line, of which only texts of the outermost level are taken. */
#include "internal.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { MOST_DEEP = 16, MOST_DIGITS = 64 };
enum { SIMPLE_ESCAPE = 1, CODE_ESCAPE = 2 };
/* What the names of the outermost level are: a column of texts, or one of these. */
enum { OTHER = TEXTS, MESSAGE, ERROR_NAME, LEVEL, TIME, CALLER };
/* Each name is known by a bit, so that one that comes twice is seen. */
typedef struct {
  int kind, bit;
} Name;

/* Where the next quote or backslash stands, or `end`. Bytes up to `limit` may be looked at. */
static inline const uint8_t *next_mark(const uint8_t *at, const uint8_t *end, const uint8_t *limit) {
#if defined(__AVX2__)
  const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\');
  for (; at < end && limit - at >= 32; at += 32) {
    __m256i bytes = _mm256_loadu_si256((const __m256i *)at);
    uint32_t found = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_cmpeq_epi8(bytes, quote), _mm256_cmpeq_epi8(bytes, backslash)));
    if (found) return at += __builtin_ctz(found), at < end ? at : end;
  }
#elif defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  for (; at < end && limit - at >= 16; at += 16) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    uint32_t found = (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    if (found) return at += __builtin_ctz(found), at < end ? at : end;
  }
#endif
  (void)limit;
  while (at < end && *at != '"' && *at != '\\') at++;
  return at < end ? at : end;
}

static int is_hexadecimal(uint8_t c) { return is_digit(c) || (uint8_t)((c | 32) - 'a') < 6; }

/* What lies behind an escape that begins at `at`; NULL where there is none. */
static const uint8_t *skip_escape(const uint8_t *at, const uint8_t *end, int *escapes) {
  if (end - at < 2) return NULL;
  if (at[1] == 'u') {
    *escapes |= CODE_ESCAPE;
    if (end - at < 6) return NULL;
    for (int i = 2; i < 6; i++)
      if (!is_hexadecimal(at[i])) return NULL;
    return at + 6;
  }
  *escapes |= SIMPLE_ESCAPE;
  return memchr("\"\\/bfnrt", at[1], 8) ? at + 2 : NULL;
}

/* The end of a string whose opening quote is at `at`; NULL where it has none. */
static inline const uint8_t *skip_string(const uint8_t *at, const uint8_t *end, const uint8_t *limit, int *escapes) {
  for (at++;;) {
    at = next_mark(at, end, limit);
    if (at == end) return NULL;
    if (*at == '"') return at + 1;
    if ((at = skip_escape(at, end, escapes)) == NULL) return NULL;
  }
}

static const uint8_t *skip_spaces(const uint8_t *at, const uint8_t *end) {
  while (at < end && *at == ' ') at++;
  return at;
}

static const uint8_t *skip_digits(const uint8_t *at, const uint8_t *end) {
  const uint8_t *from = at;
  while (at < end && is_digit(*at)) at++;
  return at > from ? at : NULL;
}

static const uint8_t *skip_number(const uint8_t *at, const uint8_t *end) {
  const uint8_t *whole = at += at < end && *at == '-';
  if ((at = skip_digits(at, end)) == NULL || (*whole == '0' && at - whole > 1)) return NULL;
  if (at < end && *at == '.' && (at = skip_digits(at + 1, end)) == NULL) return NULL;
  if (at < end && (*at | 32) == 'e') {
    at++;
    at += at < end && (*at == '+' || *at == '-');
    if ((at = skip_digits(at, end)) == NULL) return NULL;
  }
  return at - whole <= MOST_DIGITS ? at : NULL;
}

static const uint8_t *skip_literal(const uint8_t *at, const uint8_t *end) {
  if (end - at >= 4 && (memcmp(at, "true", 4) == 0 || memcmp(at, "null", 4) == 0)) return at + 4;
  if (end - at >= 5 && memcmp(at, "false", 5) == 0) return at + 5;
  return skip_number(at, end);
}

/* The end of any value; NULL where it is none, or nested deeper than a log's values are. */
static const uint8_t *skip_value(const uint8_t *at, const uint8_t *end, const uint8_t *limit, int depth) {
  int escapes = 0;
  if (at == end) return NULL;
  if (*at == '"') return skip_string(at, end, limit, &escapes);
  if (*at != '[' && *at != '{') return skip_literal(at, end);
  uint8_t closing = *at == '[' ? ']' : '}';
  if (depth == MOST_DEEP) return NULL;
  at = skip_spaces(at + 1, end);
  if (at < end && *at == closing) return at + 1;
  for (;;) {
    if (closing == '}') {
      if (at == end || *at != '"' || (at = skip_string(at, end, limit, &escapes)) == NULL || at == end || *at != ':') return NULL;
      at = skip_spaces(at + 1, end);
    }
    if ((at = skip_value(at, end, limit, depth + 1)) == NULL) return NULL;
    at = skip_spaces(at, end);
    if (at == end || (*at != ',' && *at != closing)) return NULL;
    if (*at == closing) return at + 1;
    at = skip_spaces(at + 1, end);
  }
}

#define NAME(literal, kind, bit) \
  if (memcmp(text.at, literal, sizeof(literal) - 1) == 0) return (Name){kind, 1 << bit};
static Name name_of(Slice text) {
  switch (text.length) {
    DFLY_ZAP_NAMES
  }
  return (Name){OTHER, 0};
}

enum { NEEDED = DFLY_ZAP_NEEDED };

#define ZAP_LEVEL(name, level) {name, level}
static int take_level(Slice value, int8_t *level) {
  static const struct {
    const char *name;
    int8_t level;
  } LEVELS[] = {DFLY_ZAP_LEVELS};
  for (unsigned i = 0; i < sizeof(LEVELS) / sizeof(*LEVELS); i++) {
    if (equals(value, LEVELS[i].name)) return *level = LEVELS[i].level, 1;
  }
  return 0;
}

/* Take the text of a name; 0 where Python must look. */
static int take(int kind, Slice value, int escapes, Record *record) {
  const uint8_t *to = value.at + value.length;
  switch (kind) {
  case OTHER:
    return 1;
  case MESSAGE:
  case ERROR_NAME:
    *(kind == MESSAGE ? &record->message : &record->error) = value;
    record->escaped |= escapes;
    return !(escapes & CODE_ESCAPE);
  case LEVEL:
    return take_level(value, &record->level);
  case TIME:
    return read_time(value.at, to, ' ', 0, &record->time_ns) == to;
  default:
    record->texts[kind == CALLER ? SOURCE : kind] = value;
    return !escapes && value.length > 0;
  }
}

/* What has to be so of the whole record. */
static int is_whole(int seen, Record *record) {
  without_query(&record->texts[URL]);
  return (seen & NEEDED) == NEEDED && (record->texts[URL].at == NULL || record->texts[URL].length > 0);
}

/* Names that say whose the record is: what stands behind its message is remembered where it has only those, and others that tell nothing. */
enum { OWNERS = DFLY_ZAP_OWNERS };

/* Take the fields from `at` on as they were read in another line. A comma behind a quote begins them, so that no secret can reach over it. */
static int reuse_trailing(Memo *memo, const uint8_t *at, const uint8_t *end, int seen, Record *record) {
  TrailingFields *tail = seen & OWNERS ? NULL : find_trailing_at(memo, at, end);
  if (tail == NULL) return 0;
  record->trailing = tail;
  copy_trailing(tail, record);
  return 1;
}

/* Read a line; bytes behind it, up to `limit`, may be looked at. */
int read_zap(Memo *memo, const uint8_t *at, const uint8_t *end, const uint8_t *limit, Record *record) {
  if (end - at < 2 || *at != '{' || end[-1] != '}') return 0;
  const uint8_t *line = at, *fields = NULL; /* where those behind the message begin */
  int seen = 0, seen_before = 0;
  for (at++; at < end;) {
    int escapes = 0, name_escapes = 0;
    if (*at != '"') return 0;
    const uint8_t *from = at + 1;
    if ((at = skip_string(at, end, limit, &name_escapes)) == NULL || name_escapes) return 0;
    Name name = name_of((Slice){from, at - from - 1});
    if (at == end || *at != ':' || seen & name.bit) return 0;
    seen |= name.bit;
    at = skip_spaces(at + 1, end);
    if (at < end && *at == '"') {
      from = at + 1;
      if ((at = skip_string(at, end, limit, &escapes)) == NULL) return 0;
      if (!take(name.kind, (Slice){from, at - from - 1}, escapes, record)) return 0;
    } else if (name.bit & NEEDED || (at = skip_value(at, end, limit, 0)) == NULL) {
      return 0;
    }
    if (at == end) return 0;
    if (*at == '}') {
      if (at + 1 != end || !is_plain(line, end, limit) || !is_whole(seen, record)) return 0;
      if (fields && !(seen_before & OWNERS) && !((seen ^ seen_before) & ~OWNERS)) record->trailing = store_trailing(memo, fields, end, record);
      return 1;
    }
    if (*at != ',') return 0;
    if (name.kind == MESSAGE) {
      if (reuse_trailing(memo, at, end, seen, record)) return is_plain(line, at, limit) && is_whole(seen, record);
      fields = at;
      seen_before = seen;
    }
    at = skip_spaces(at + 1, end);
  }
  return 0;
}
