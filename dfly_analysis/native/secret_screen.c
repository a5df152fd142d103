/* Decides which lines may be read here, and which only Python, which redacts: everything that could hold a secret, and every byte
   beyond printable ASCII. It may leave too many to Python, never too few. */
#include "internal.h"

/* What the names of secrets end with, by last letter, in lower case; and what stands near them, where it is `first` only as the first of a word. */
typedef struct {
  const char *text;
  int64_t length;
  int first;
} Ending;

#define ENDING(text) {text, sizeof(text) - 1, 0}
#define FIRST_WORD(text) {text, sizeof(text) - 1, 1}
static const Ending ENDINGS[26][DFLY_MOST_SECRET_ENDINGS + 1] = {DFLY_SECRET_ENDINGS};

#define LETTER(c) (1u << ((c) - 'a'))
/* The letters before the last one in those. */
static const uint32_t BEFORE_LAST[26] = {DFLY_SECRET_BEFORE_LAST};

static inline int ends_with(const uint8_t *from, const uint8_t *to, Ending ending) {
  if (to - from < ending.length) return 0;
  for (int64_t i = ending.length - 1; i >= 0; i--) {
    uint8_t c = to[i - ending.length];
    if (c >= 'A' && c <= 'Z') c |= 32;
    if (c != (uint8_t)ending.text[i]) return 0;
  }
  return 1;
}

/* Whether a name before a colon or equals sign is one of a secret; quotes and spaces may stand between. */
static int names_secret(const uint8_t *from, const uint8_t *to) {
  while (to > from && (to[-1] == ' ' || to[-1] == '"' || to[-1] == '\'' || to[-1] == '\\')) to--;
  while (to > from && (is_digit(to[-1]) || to[-1] == '_' || to[-1] == '-')) to--;
  if (to - from < 2) return 0;
  uint8_t last = (uint8_t)((to[-1] | 32) - 'a'), before = (uint8_t)((to[-2] | 32) - 'a');
  if (last >= 26 || before >= 26 || !(BEFORE_LAST[last] >> before & 1)) return 0;
  for (const Ending *ending = ENDINGS[last]; ending->length; ending++)
    if (ends_with(from, to, *ending)) return 1;
  return 0;
}

/* Whether an empty text follows a name, as in Go's `\"Authorization\":\"\"`, where nothing is redacted. */
static int is_empty_after(const uint8_t *at, const uint8_t *end) {
  int escaped = at < end && *at == '\\';
  const char *empty = escaped ? "\\\":\\\"\\\"" : "\":\"\"";
  int64_t length = escaped ? 7 : 4;
  if (end - at <= length || memcmp(at, empty, (size_t)length) != 0) return 0;
  return memchr(",})] ", at[length], 5) != NULL;
}

/* The same of a name that ends before a colon. */
static int is_empty_secret(const uint8_t *from, const uint8_t *mark, const uint8_t *end) {
  if (mark > from && mark[-1] == '"') mark--;
  if (mark > from && mark[-1] == '\\') mark--;
  return is_empty_after(mark, end);
}

/* Words near secrets, in lower case, by the hash of their first three bytes; and a bit for each three bytes that tell of one: with one in two
   places looked at, each word is met by its first three bytes or by those one further (for a word of three: by one before). */
static const Ending WORDS[] = {DFLY_SECRET_WORDS};
static const uint16_t FIRST[] = {DFLY_SECRET_FIRST};
static const uint64_t WINDOWS[] = {DFLY_SECRET_WINDOWS};

static inline uint32_t window_at(const uint8_t *at) {
  uint32_t bytes;
  memcpy(&bytes, at, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  bytes = __builtin_bswap32(bytes);
#endif
  return ((bytes | 0x20202020u) & 0xFFFFFFu) * 0x9E3779B1u;
}

static int is_capital(uint8_t c) { return (uint8_t)(c - 'A') < 26; }

/* Whether a name is one of a list of query parameters, without values, as in Go's `FilteredQueryParams:\"X-Amz-Date&Signature\", Type:`. */
static int is_listed(const uint8_t *at, const uint8_t *end) {
  if (end - at > 2 && *at == '&') { /* but no entity */
    static const char *const ENTITIES[] = {"qu", "ap", "am", "lt", "gt"};
    for (unsigned i = 0; i < sizeof(ENTITIES) / sizeof(*ENTITIES); i++)
      if (memcmp(at + 1, ENTITIES[i], 2) == 0) return 0;
    return is_letter(at[1]);
  }
  if (end - at > 5 && memcmp(at, "\\\", ", 4) == 0) return is_capital(at[4]) && at[5] != '\'' && at[5] != '"' && at[5] != '\\';
  return 0;
}

/* Whether a word may begin here; behind an escape, as in `\\nAKIA` and `%20AKIA`, it may. */
static int may_begin(const uint8_t *from, const uint8_t *at) {
  if (at == from || !is_word(at[-1])) return 1;
  for (int i = 2; i <= 8 && at - from >= i; i++)
    if (at[-i] == '\\' || at[-i] == '%') return 1;
  return 0;
}

/* Whether a word begins here that tells of a secret. */
static int begins_word(const uint8_t *from, const uint8_t *at, const uint8_t *end) {
  if (end - at < 3) return 0;
  uint8_t start[4] = {at[0], at[1], at[2], 0};
  uint32_t hash = window_at(start) >> (32 - DFLY_FIRST_BITS);
  for (int i = FIRST[hash]; i < FIRST[hash + 1]; i++) {
    int64_t length = 0;
    while (length < WORDS[i].length && at + length < end && (at[length] | 32) == (uint8_t)WORDS[i].text[length]) length++;
    if (length < WORDS[i].length || (WORDS[i].first && !may_begin(from, at))) continue;
    const uint8_t *behind = at + length;
    while (behind < end && (is_word(*behind) || *behind == '-')) behind++;
    int is_name = behind - at <= length + 6; /* a token is longer than its first letters */
    if (!is_name || (!is_listed(behind, end) && !is_empty_after(behind, end))) return 1;
  }
  return 0;
}

static int has_word(const uint8_t *from, const uint8_t *end, const uint8_t *limit) {
  const uint8_t *at = from;
  for (; at < end && limit - at >= 4; at += 2) {
    uint32_t window = window_at(at) >> (32 - DFLY_WINDOW_BITS);
    if (!(WINDOWS[window >> 6] >> (window & 63) & 1)) continue;
    if (begins_word(from, at, end) || begins_word(from, at + 1, end) || (at > from && begins_word(from, at - 1, end))) return 1;
  }
  for (at = end - from > 8 ? end - 8 : from; at < end; at++) /* what the last windows could not look at */
    if (limit - end < 4 && begins_word(from, at, end)) return 1;
  return 0;
}

/* Bytes that need a look, as bits: beyond printable ASCII; pairs; at signs; backslashes. */
typedef struct {
  uint32_t odd, pair, at_sign, escape;
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
enum { SPACE, DELETE, COLON, EQUALS_SIGN, AT_SIGN, BACKSLASH, COMPARED };
static const uint8_t COMPARED_WITH[COMPARED][32] __attribute__((aligned(32))) = {
    FULL(' '), FULL(127), FULL(':'), FULL('='), FULL('@'), FULL('\\'),
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
  Bytes odd = OR(BELOW(bytes, LOAD(letters[SPACE])), is(bytes, letters, DELETE));
  Bytes pair = OR(is(bytes, letters, COLON), is(bytes, letters, EQUALS_SIGN));
  return BITS(OR(OR(odd, pair), OR(is(bytes, letters, AT_SIGN), is(bytes, letters, BACKSLASH))));
}

static inline Marks look(const uint8_t *at, Letters letters) {
  Bytes bytes = LOAD(at);
  return (Marks){
      .odd = BITS(OR(BELOW(bytes, LOAD(letters[SPACE])), is(bytes, letters, DELETE))), /* signed: bytes above 127 are below too */
      .pair = BITS(OR(is(bytes, letters, COLON), is(bytes, letters, EQUALS_SIGN))),
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
  Marks marks = {0, 0, 0, 0};
  for (uint32_t i = 0; i < WIDTH; i++) {
    uint32_t bit = 1u << i;
    if (at[i] < ' ' || at[i] > 126) marks.odd |= bit;
    if (at[i] == ':' || at[i] == '=') marks.pair |= bit;
    if (at[i] == '@') marks.at_sign |= bit;
    if (at[i] == '\\') marks.escape |= bit;
  }
  return marks;
}
#endif

/* Whether an at sign may end a user's password in an address: a colon or slash stands before it without a space between. */
static int ends_user(const uint8_t *from, const uint8_t *at, const uint8_t *end) {
  const uint8_t *behind = at + 1;
  if (end - behind > 1 && *behind == 'v' && is_digit(behind[1])) return 0; /* a version or a digest follows */
  if (end - behind > 3 && memcmp(behind, "sha", 3) == 0 && is_digit(behind[3])) return 0;
  while (at > from && at[-1] > ' ')
    if (*--at == ':' || *at == '/') return 1;
  return 0;
}

/* Whether a secret may stand in the part of a line that begins at `at`; the line begins at `from`. */
static int may_tell(const uint8_t *from, const uint8_t *at, const uint8_t *end, Marks marks) {
  for (uint32_t bits = marks.pair; bits; bits &= bits - 1) {
    const uint8_t *mark = at + __builtin_ctz(bits);
    if (names_secret(from, mark) && !is_empty_secret(from, mark, end)) return 1;
  }
  for (uint32_t bits = marks.at_sign; bits; bits &= bits - 1)
    if (ends_user(from, at + __builtin_ctz(bits), end)) return 1;
  return 0;
}

/* The marks of the next bytes; of bytes behind the line, up to `limit`, nothing is said. */
static inline Marks look_at(const uint8_t *at, const uint8_t *end, const uint8_t *limit, Letters letters) {
  if (end - at >= WIDTH) return look(at, letters);
  if (limit - at >= WIDTH) {
    Marks marks = look(at, letters);
    uint32_t own = (1u << (end - at)) - 1;
    return (Marks){marks.odd & own, marks.pair & own, marks.at_sign & own, marks.escape & own};
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

static inline int tells_no_secret(const uint8_t *from, const uint8_t *end, const uint8_t *limit, int escapes) {
  Letters letters = letters_to_look_for();
  for (const uint8_t *at = from; at < end; at += WIDTH) {
    if (is_unmarked(at, end, limit, letters)) continue;
    Marks marks = look_at(at, end, limit, letters);
    if (marks.odd || (!escapes && marks.escape) || may_tell(from, at, end, marks)) return 0;
  }
  return !has_word(from, end, limit);
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
    if (marks.odd || marks.at_sign || marks.escape) return 0;
    pairs += __builtin_popcount(marks.pair);
  }
  return pairs == count && !has_word(from, end, limit);
}
