/* Decides which lines may be read here, and which only Python, which redacts: everything that could hold a secret, and every byte
   beyond printable ASCII. It may leave too many to Python, never too few. */
#include "internal.h"

/* What the names of secrets end with, by last letter, in lower case. */
typedef struct {
  const char *text;
  int64_t length;
} Ending;

#define ENDING(text) {text, sizeof(text) - 1}
static const Ending ENDINGS[26][DFLY_MOST_SECRET_ENDINGS + 1] = {DFLY_SECRET_ENDINGS};

#define LETTER(c) (1u << ((c) - 'a'))
/* The letters before the last one in those. */
static const uint32_t BEFORE_LAST[26] = {DFLY_SECRET_BEFORE_LAST};

static inline int ends_with(const uint8_t *from, const uint8_t *to, Ending ending) {
  if (to - from < ending.length) return 0;
  for (int64_t i = 0; i < ending.length; i++) {
    uint8_t c = to[i - ending.length];
    if (c >= 'A' && c <= 'Z') c |= 32;
    if (c != (uint8_t)ending.text[i]) return 0;
  }
  return 1;
}

/* Whether a name before a colon or equals sign is one of a secret; quotes and spaces may stand between. */
static int names_secret(const uint8_t *from, const uint8_t *to) {
  while (to > from && (to[-1] == ' ' || to[-1] == '"' || to[-1] == '\'' || to[-1] == '\\')) to--;
  if (to - from < 2) return 0;
  uint8_t last = (uint8_t)((to[-1] | 32) - 'a'), before = (uint8_t)((to[-2] | 32) - 'a');
  if (last >= 26 || before >= 26 || !(BEFORE_LAST[last] >> before & 1)) return 0;
  for (const Ending *ending = ENDINGS[last]; ending->length; ending++)
    if (to - from >= ending->length && (to[-ending->length] | 32) == *ending->text && ends_with(from, to, *ending)) return 1;
  return 0;
}

/* Whether the secret that a name before a colon names is empty, as in Go's `\"Authorization\":\"\"`, where nothing is redacted. Only
   of names that redaction knows as they end here; others may be parts of longer ones. */
static int is_empty_secret(const uint8_t *from, const uint8_t *mark, const uint8_t *end) {
  static const Ending WHOLE[] = {ENDING("authorization\\\""), ENDING("token\\\""), ENDING("password\\\""), ENDING("signature\\\"")};
  if (end - mark < 5 || memcmp(mark, ":\\\"\\\"", 5) != 0) return 0;
  for (unsigned i = 0; i < sizeof(WHOLE) / sizeof(*WHOLE); i++)
    if (ends_with(from, mark, WHOLE[i])) return 1;
  return 0;
}

/* Bytes that need a look, as bits: beyond printable ASCII; pairs; the end of a scheme; of the start of a web token; at signs; backslashes. */
typedef struct {
  uint32_t odd, pair, scheme, web_token, at_sign, escape;
} Marks;

#if defined(__AVX2__)
#include <immintrin.h>
enum { WIDTH = 32 };
typedef __m256i Bytes;
#define LOAD(at) _mm256_loadu_si256((const __m256i *)(at))
#define OR(a, b) _mm256_or_si256(a, b)
#define BELOW(a, b) _mm256_cmpgt_epi8(b, a)
#define BITS(bytes) (uint32_t)_mm256_movemask_epi8(bytes)
#define EQUAL(a, b) _mm256_cmpeq_epi8(a, b)
#elif defined(__SSE2__)
#include <emmintrin.h>
enum { WIDTH = 16 };
typedef __m128i Bytes;
#define LOAD(at) _mm_loadu_si128((const __m128i *)(at))
#define OR(a, b) _mm_or_si128(a, b)
#define BELOW(a, b) _mm_cmplt_epi8(a, b)
#define BITS(bytes) (uint32_t)_mm_movemask_epi8(bytes)
#define EQUAL(a, b) _mm_cmpeq_epi8(a, b)
#else
enum { WIDTH = 16 };
#endif

#if defined(__SSE2__)
/* What bytes are compared with, each so often as there are bytes. Read through a pointer that the compiler knows nothing of: it would
   compute them again for each comparison, which takes longer than the comparison. */
#define EIGHT(c) c, c, c, c, c, c, c, c
#define FULL(c) {EIGHT(c), EIGHT(c), EIGHT(c), EIGHT(c)}
enum { SPACE, DELETE, COLON, EQUALS_SIGN, R, C, J, AT_SIGN, BACKSLASH, COMPARED };
static const uint8_t COMPARED_WITH[COMPARED][32] __attribute__((aligned(32))) = {
    FULL(' '), FULL(127), FULL(':'), FULL('='), FULL('r'), FULL('c'), FULL('j'), FULL('@'), FULL('\\'),
};
typedef const uint8_t (*Letters)[32];

static inline Letters letters_to_look_for(void) {
  Letters letters = COMPARED_WITH;
  __asm__("" : "+r"(letters));
  return letters;
}

static inline Bytes is(Bytes bytes, Letters letters, int which) { return EQUAL(bytes, LOAD(letters[which])); }

/* Where any of those marks is: mostly nowhere. */
static inline uint32_t marked(const uint8_t *at, Letters letters) {
  Bytes bytes = LOAD(at);
  Bytes lower = OR(bytes, LOAD(letters[SPACE]));
  Bytes odd = OR(BELOW(bytes, LOAD(letters[SPACE])), is(bytes, letters, DELETE));
  Bytes pair = OR(is(bytes, letters, COLON), is(bytes, letters, EQUALS_SIGN));
  Bytes rare = OR(OR(is(lower, letters, J), is(bytes, letters, AT_SIGN)), is(bytes, letters, BACKSLASH));
  uint32_t spaces = BITS(is(bytes, letters, SPACE)), ends = BITS(OR(is(lower, letters, R), is(lower, letters, C)));
  return BITS(OR(OR(odd, pair), rare)) | (spaces & (ends << 1 | 1));
}

static inline Marks look(const uint8_t *at, Letters letters) {
  Bytes bytes = LOAD(at);
  Bytes lower = OR(bytes, LOAD(letters[SPACE]));
  uint32_t spaces = BITS(is(bytes, letters, SPACE)), ends = BITS(OR(is(lower, letters, R), is(lower, letters, C)));
  return (Marks){
      .odd = BITS(OR(BELOW(bytes, LOAD(letters[SPACE])), is(bytes, letters, DELETE))), /* signed: bytes above 127 are below too */
      .pair = BITS(OR(is(bytes, letters, COLON), is(bytes, letters, EQUALS_SIGN))),
      .scheme = spaces & (ends << 1 | 1),
      .web_token = BITS(is(lower, letters, J)),
      .at_sign = BITS(is(bytes, letters, AT_SIGN)),
      .escape = BITS(is(bytes, letters, BACKSLASH)),
  };
}
#else
typedef int Letters;

static inline Letters letters_to_look_for(void) { return 0; }

static inline uint32_t marked(const uint8_t *at, Letters letters) {
  (void)at;
  (void)letters;
  return ~0u;
}

static Marks look(const uint8_t *at, Letters letters) {
  (void)letters;
  Marks marks = {0, 0, 0, 0, 0, 0};
  for (uint32_t i = 0; i < WIDTH; i++) {
    uint32_t bit = 1u << i;
    if (at[i] < ' ' || at[i] > 126) marks.odd |= bit;
    if (at[i] == ':' || at[i] == '=') marks.pair |= bit;
    if (at[i] == ' ') marks.scheme |= bit;
    if (at[i] == 'j' || at[i] == 'J') marks.web_token |= bit;
    if (at[i] == '@') marks.at_sign |= bit;
    if (at[i] == '\\') marks.escape |= bit;
  }
  return marks;
}
#endif

static const Ending BEARER = ENDING("bearer"), BASIC = ENDING("basic"), WEB_TOKEN = ENDING("ey");

/* Whether a secret may stand in the part of a line that begins at `at`; the line begins at `from`. */
static int may_tell(const uint8_t *from, const uint8_t *at, const uint8_t *end, Marks marks, int *address) {
  for (uint32_t bits = marks.pair; bits; bits &= bits - 1) {
    const uint8_t *mark = at + __builtin_ctz(bits);
    if (names_secret(from, mark) && !is_empty_secret(from, mark, end)) return 1;
    *address |= *mark == ':' && end - mark > 2 && mark[1] == '/' && mark[2] == '/';
  }
  for (uint32_t bits = marks.scheme; bits; bits &= bits - 1) {
    const uint8_t *mark = at + __builtin_ctz(bits);
    if (ends_with(from, mark, BEARER) || ends_with(from, mark, BASIC)) return 1;
  }
  for (uint32_t bits = marks.web_token; bits; bits &= bits - 1)
    if (ends_with(from, at + __builtin_ctz(bits), WEB_TOKEN)) return 1;
  return 0;
}

/* The marks of the next bytes; of bytes behind the line, up to `limit`, nothing is said. */
static inline Marks look_at(const uint8_t *at, const uint8_t *end, const uint8_t *limit, Letters letters) {
  if (end - at >= WIDTH) return look(at, letters);
  if (limit - at >= WIDTH) {
    Marks marks = look(at, letters);
    uint32_t own = (1u << (end - at)) - 1;
    return (Marks){marks.odd & own, marks.pair & own, marks.scheme & own, marks.web_token & own, marks.at_sign & own, marks.escape & own};
  }
  uint8_t last[WIDTH];
  memset(last, '.', WIDTH);
  memcpy(last, at, (size_t)(end - at));
  return look(last, letters);
}

static inline int is_unmarked(const uint8_t *at, const uint8_t *end, const uint8_t *limit, Letters letters) {
  if (end - at >= WIDTH) return marked(at, letters) == 0;
  return limit - at >= WIDTH && (marked(at, letters) & ((1u << (end - at)) - 1)) == 0;
}

/* Whether a user may stand in the address of a line that has an at sign. */
static int names_user(const uint8_t *at, const uint8_t *end) {
  while (at < end && (at = memchr(at, ':', (size_t)(end - at)))) {
    if (end - ++at < 2 || at[0] != '/' || at[1] != '/') continue;
    at += 2;
    while (at < end && *at != '@' && !memchr(" /\"'[", *at, 5)) at++;
    if (at < end && *at == '@') return 1;
  }
  return 0;
}

static inline int tells_no_secret(const uint8_t *from, const uint8_t *end, const uint8_t *limit, int escapes) {
  Letters letters = letters_to_look_for();
  int address = 0;
  uint32_t at_signs = 0;
  for (const uint8_t *at = from; at < end; at += WIDTH) {
    if (is_unmarked(at, end, limit, letters)) continue;
    Marks marks = look_at(at, end, limit, letters);
    if (marks.odd || (!escapes && marks.escape) || may_tell(from, at, end, marks, &address)) return 0;
    at_signs |= marks.at_sign;
  }
  return !(at_signs && address && names_user(from, end));
}

int is_plain(const uint8_t *from, const uint8_t *end, const uint8_t *limit) { return tells_no_secret(from, end, limit, 1); }

int is_plain_without_escapes(const uint8_t *from, const uint8_t *end, const uint8_t *limit) { return tells_no_secret(from, end, limit, 0); }

/* The same of so many fields at the end of a line: their names are known, so only their values could tell. 0 where one has
   what a value rarely has: all of the line must be looked at then. */
int are_plain_fields(const uint8_t *from, const uint8_t *end, const uint8_t *limit, int count) {
  Letters letters = letters_to_look_for();
  int pairs = 0;
  for (const uint8_t *at = from; at < end; at += WIDTH) {
    Marks marks = look_at(at, end, limit, letters);
    if (marks.odd || marks.scheme || marks.at_sign || marks.web_token || marks.escape) return 0;
    pairs += __builtin_popcount(marks.pair);
  }
  return pairs == count;
}
