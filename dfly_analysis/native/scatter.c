/* Columns as Arrow keeps them: values, those of the Python reader put between the others, and a bit for each that is there. */
#include "internal.h"

/* Bits of values that are not below `least`; how many are. */
#define VALIDITY(name, type)                                                                           \
  static int64_t name(const type *values, int64_t count, type least, uint8_t *validity) {              \
    int64_t there = 0;                                                                                 \
    for (int64_t at = 0; at < count; at += 8) {                                                        \
      int64_t width = count - at < 8 ? count - at : 8;                                                 \
      uint8_t bits = 0;                                                                                \
      for (int64_t i = 0; i < width; i++) bits = (uint8_t)(bits | (values[at + i] >= least) << i);     \
      validity[at / 8] = bits;                                                                         \
      there += __builtin_popcount(bits);                                                               \
    }                                                                                                  \
    return count - there;                                                                              \
  }

#define SPREAD(name, type, validity_of)                                                                \
  int64_t name(const type *values, int64_t count, const int64_t *places, const type *more, int64_t more_count, int64_t least, \
               type *out, uint8_t *validity) {                                                         \
    int64_t done = 0;                                                                                  \
    type *to = out;                                                                                    \
    for (int64_t i = 0; i < more_count; i++) {                                                         \
      memcpy(to, values + done, (size_t)(places[i] - done) * sizeof(type));                            \
      to += places[i] - done;                                                                          \
      done = places[i];                                                                                \
      *to++ = more[i];                                                                                 \
    }                                                                                                  \
    memcpy(to, values + done, (size_t)(count - done) * sizeof(type));                                  \
    return validity_of(out, count + more_count, (type)least, validity);                                \
  }

VALIDITY(validity_of_codes, int32_t)
VALIDITY(validity_of_numbers, int64_t)
SPREAD(dfly_spread_codes, int32_t, validity_of_codes)
SPREAD(dfly_spread_numbers, int64_t, validity_of_numbers)

/* The same of texts that stand one after another; `offset` and `more_offset` have one more than there are texts. */
void dfly_spread_texts(const int32_t *offset, const uint8_t *data, int64_t count, const int64_t *places, const int32_t *more_offset,
                       const uint8_t *more, int64_t more_count, int32_t *out_offset, uint8_t *out) {
  int64_t done = 0;
  int32_t size = 0;
  int32_t *to = out_offset;
  *to++ = 0;
  for (int64_t i = 0; i <= more_count; i++) {
    int64_t until = i < more_count ? places[i] : count;
    int32_t from = offset[done], shift = size - from;
    memcpy(out + size, data + from, (size_t)(offset[until] - from));
    for (int64_t at = done; at < until; at++) *to++ = offset[at + 1] + shift;
    size += offset[until] - from;
    done = until;
    if (i == more_count) break;
    int32_t length = more_offset[i + 1] - more_offset[i];
    memcpy(out + size, more + more_offset[i], (size_t)length);
    *to++ = size += length;
  }
}
