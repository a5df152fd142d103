/* Times as the programs write them, to nanoseconds since 1970. */
#include "internal.h"

static const int8_t DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

static int two(const uint8_t *at) {
  return is_digit(at[0]) && is_digit(at[1]) ? (at[0] - '0') * 10 + at[1] - '0' : -1;
}

/* Days since 1970 of a date in the Gregorian calendar (Howard Hinnant's civil calendar arithmetic). */
static int64_t days_since_1970(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = year / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static const uint8_t *read_zone(const uint8_t *at, const uint8_t *end, int64_t *offset_s) {
  *offset_s = 0;
  if (at < end && *at == 'Z') return at + 1;
  if (end - at < 5 || (*at != '+' && *at != '-')) return NULL;
  int sign = *at == '-' ? -1 : 1;
  int hours = two(at + 1);
  const uint8_t *minutes_at = at + 3 + (at[3] == ':');
  if (end - minutes_at < 2) return NULL;
  int minutes = two(minutes_at);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return NULL;
  *offset_s = sign * (hours * 3600 + minutes * 60);
  return minutes_at + 2;
}

const uint8_t *read_time(const uint8_t *at, const uint8_t *end, char between, int zoned, int64_t *time_ns) {
  if (end - at < 19 || at[4] != '-' || at[7] != '-' || at[10] != (uint8_t)between || at[13] != ':' || at[16] != ':') return NULL;
  int century = two(at), year_of_century = two(at + 2), month = two(at + 5), day = two(at + 8);
  int hour = two(at + 11), minute = two(at + 14), second = two(at + 17);
  if (century < 0 || year_of_century < 0 || month < 1 || month > 12 || day < 1) return NULL;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return NULL;
  int year = century * 100 + year_of_century;
  int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (year < 1971 || year > 2199 || day > DAYS[month - 1] + (month == 2 && leap)) return NULL;
  at += 19;
  int64_t fraction = 0;
  if (at < end && *at == '.') {
    int digits = 0;
    for (at++; at < end && digits < 10 && is_digit(*at); at++, digits++) fraction = fraction * 10 + (*at - '0');
    if (digits < 1 || digits > 9) return NULL;
    for (; digits < 9; digits++) fraction *= 10;
  }
  int64_t offset_s = 0;
  if (zoned && (at = read_zone(at, end, &offset_s)) == NULL) return NULL;
  int64_t seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
  *time_ns = seconds * 1000000000 + fraction;
  return at;
}

/* A number of at most 18 digits, or -1. */
int64_t read_whole(Slice digits) {
  if (digits.length < 1 || digits.length > 18) return -1;
  int64_t number = 0;
  for (int64_t i = 0; i < digits.length; i++) {
    if (!is_digit(digits.at[i])) return -1;
    number = number * 10 + (digits.at[i] - '0');
  }
  return number;
}
