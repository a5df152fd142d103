/* Tells lines that may be read here from those that the careful reader in Python must have: everything that could hold a
   secret, and every byte beyond printable ASCII. It may send too many there, never too few. */
#include "records.h"

/* What the names of secrets end with, by last letter, in lower case. */
static const char *const ENDINGS[26][5] = {
    ['d' - 'a'] = {"passwd", "password", "keyid", "key_id", "key-id"},
    ['e' - 'a'] = {"cookie", "signature", "passphrase"},
    ['g' - 'a'] = {"sig"},
    ['h' - 'a'] = {"auth"},
    ['l' - 'a'] = {"credential"},
    ['n' - 'a'] = {"authorization", "token"},
    ['s' - 'a'] = {"signedheaders"},
    ['t' - 'a'] = {"secret"},
    ['y' - 'a'] = {"key"},
};

static int ends_with(const uint8_t *from, const uint8_t *to, const char *ending) {
  int64_t length = (int64_t)strlen(ending);
  if (to - from < length) return 0;
  for (int64_t i = 0; i < length; i++) {
    uint8_t c = to[i - length];
    if (c >= 'A' && c <= 'Z') c |= 32;
    if (c != (uint8_t)ending[i]) return 0;
  }
  return 1;
}

/* Whether a name before a colon or equals sign is one of a secret; quotes and spaces may stand between. */
static int names_secret(const uint8_t *from, const uint8_t *to) {
  while (to > from && (to[-1] == ' ' || to[-1] == '"' || to[-1] == '\'' || to[-1] == '\\')) to--;
  if (to == from) return 0;
  uint8_t last = (uint8_t)((to[-1] | 32) - 'a');
  if (last >= 26) return 0;
  for (int i = 0; i < 5 && ENDINGS[last][i]; i++)
    if (ends_with(from, to, ENDINGS[last][i])) return 1;
  return 0;
}

enum { WIDTH = 16 };

/* Bytes that need a look, as bits: beyond printable ASCII; pairs; the end of a scheme; of the start of a web token; at signs. */
typedef struct {
  uint32_t odd, pair, scheme, web_token, at_sign;
} Marks;

#if defined(__SSE2__)
#include <emmintrin.h>

static uint32_t where(__m128i bytes, char c) { return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c))); }

static Marks look(const uint8_t *at) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)at);
  __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(' '));
  __m128i below = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')); /* signed: bytes above 127 are below too */
  uint32_t spaces = where(bytes, ' ');
  return (Marks){
      .odd = (uint32_t)_mm_movemask_epi8(below) | where(bytes, 127),
      .pair = where(bytes, ':') | where(bytes, '='),
      .scheme = spaces & ((where(lower, 'r') | where(lower, 'c')) << 1 | 1),
      .web_token = where(lower, 'j'),
      .at_sign = where(bytes, '@'),
  };
}
#else
static Marks look(const uint8_t *at) {
  Marks marks = {0, 0, 0, 0, 0};
  for (uint32_t i = 0; i < WIDTH; i++) {
    uint32_t bit = 1u << i;
    if (at[i] < ' ' || at[i] > 126) marks.odd |= bit;
    if (at[i] == ':' || at[i] == '=') marks.pair |= bit;
    if (at[i] == ' ') marks.scheme |= bit;
    if (at[i] == 'j' || at[i] == 'J') marks.web_token |= bit;
    if (at[i] == '@') marks.at_sign |= bit;
  }
  return marks;
}
#endif

/* Whether a secret may stand in the part of a line that begins at `at`; the line begins at `from`. */
static int may_tell(const uint8_t *from, const uint8_t *at, const uint8_t *end, Marks marks, int *address) {
  for (uint32_t bits = marks.pair; bits; bits &= bits - 1) {
    const uint8_t *mark = at + __builtin_ctz(bits);
    if (names_secret(from, mark)) return 1;
    *address |= *mark == ':' && end - mark > 2 && mark[1] == '/' && mark[2] == '/';
  }
  for (uint32_t bits = marks.scheme; bits; bits &= bits - 1) {
    const uint8_t *mark = at + __builtin_ctz(bits);
    if (ends_with(from, mark, "bearer") || ends_with(from, mark, "basic")) return 1;
  }
  for (uint32_t bits = marks.web_token; bits; bits &= bits - 1)
    if (ends_with(from, at + __builtin_ctz(bits), "ey")) return 1;
  return 0;
}

/* The marks of the next bytes; what lies behind the line is not ours to read. */
static Marks look_at(const uint8_t *at, const uint8_t *end) {
  if (end - at >= WIDTH) return look(at);
  uint8_t last[WIDTH];
  memset(last, '.', WIDTH);
  memcpy(last, at, (size_t)(end - at));
  return look(last);
}

int is_plain(const uint8_t *from, const uint8_t *end) {
  int address = 0;
  uint32_t at_signs = 0;
  for (const uint8_t *at = from; at < end; at += WIDTH) {
    Marks marks = look_at(at, end);
    if (marks.odd || may_tell(from, at, end, marks, &address)) return 0;
    at_signs |= marks.at_sign;
  }
  return !(at_signs && address);
}

/* The same of so many fields at the end of a line: their names are known, so only their values could tell. 0 where one has
   what a value rarely has: all of the line must be looked at then. */
int are_plain_fields(const uint8_t *from, const uint8_t *end, int count) {
  int pairs = 0;
  for (const uint8_t *at = from; at < end; at += WIDTH) {
    Marks marks = look_at(at, end);
    if (marks.odd || marks.scheme || marks.at_sign || marks.web_token) return 0;
    pairs += __builtin_popcount(marks.pair);
  }
  return pairs == count;
}
