/* SPDX-License-Identifier: MIT */
/*
** The reader is a state machine over five expectations. Numbers
** are exact: an integer mantissa times a power of ten is computed in doubles
** where that can't round, in 128-bit integers where the power of five fits
** 64 bits (every embedding ever seen), and by strtod otherwise. strtod and
** snprintf follow the host's locale, so the first is only ever given digits
** without a point, and what the second takes for a point is replaced.
*/
#include "json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  A_VALUE,        /* at the start and after a key */
  ITEM_OR_END,    /* after '[' */
  MEMBER_OR_END,  /* after '{' */
  COMMA_OR_END,   /* after a value */
  NOTHING         /* after an error */
};

/* ---------------------------------------------------------------- bytes */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t load8 (const char *s) {
  uint64_t word;
  memcpy(&word, s, sizeof word);
  return word;
}


/* Not 0 if one of eight bytes is less than limit, which is at most 0x80. */
static inline uint64_t has_less (uint64_t word, unsigned limit) {
  return (word - EACH(limit)) & ~word & EACH(0x80);
}


static inline uint64_t has_special (uint64_t word) {
  return has_less(word, 0x20) | has_less(word ^ EACH('"'), 1) |
         has_less(word ^ EACH('\\'), 1);
}


static inline bool is_special (unsigned char c) {
  return c < 0x20 || c == '"' || c == '\\';
}


#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LITTLE_ENDIAN_WORDS 1
/* Bytes before the first one that a mask from above names. */
#define FIRST_BYTE(mask) ((size_t)__builtin_ctzll(mask) >> 3)
#else
#define LITTLE_ENDIAN_WORDS 0
#define FIRST_BYTE(mask) 0
#endif

/* Leading bytes that are not special and have no bit of `others`. */
static inline size_t run_length (const char *s, size_t n, unsigned others) {
  size_t i = 0;
  for (; n - i >= 8; i += 8) {
    uint64_t word = load8(s + i), mask = has_special(word);
    mask |= word & EACH(others);
    if (!mask) continue;
    i += FIRST_BYTE(mask);
    if (LITTLE_ENDIAN_WORDS) return i;
    break;
  }
  while (i < n && !is_special((unsigned char)s[i]) &&
         !((unsigned char)s[i] & others)) i++;
  return i;
}


static inline size_t plain (const char *s, size_t n) {
  return run_length(s, n, 0);
}


size_t json_plain (const char *s, size_t n) {
  return plain(s, n);
}


/* ------------------------------------------------------------- escapes */

static int hex_digit (unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* The value of an escape \uXXXX at s, or -1 if none is there. */
static int32_t unicode_escape (const char *s, const char *end) {
  int32_t code = 0;
  if (end - s < 6 || s[0] != '\\' || s[1] != 'u') return -1;
  for (int i = 2; i < 6; i++) {
    int digit = hex_digit((unsigned char)s[i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}


/* The byte that backslash and c stand for, or -1. */
static int short_escape (char c) {
  switch (c) {
    case '"': case '\\': case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return -1;
  }
}


/* Bytes of the escape at s, which is a backslash; 0 if it is none. */
static size_t escape_length (const char *s, const char *end) {
  if (end - s < 2) return 0;
  if (short_escape(s[1]) >= 0) return 2;
  return unicode_escape(s, end) >= 0 ? 6 : 0;
}


static char *put_utf8 (char *to, int32_t code) {
  if (code < 0x80) {
    *to++ = (char)code;
  } else if (code < 0x800) {
    *to++ = (char)(0xC0 | code >> 6);
    *to++ = (char)(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *to++ = (char)(0xE0 | code >> 12);
    *to++ = (char)(0x80 | (code >> 6 & 0x3F));
    *to++ = (char)(0x80 | (code & 0x3F));
  } else {
    *to++ = (char)(0xF0 | code >> 18);
    *to++ = (char)(0x80 | (code >> 12 & 0x3F));
    *to++ = (char)(0x80 | (code >> 6 & 0x3F));
    *to++ = (char)(0x80 | (code & 0x3F));
  }
  return to;
}


/* Undoes one \uXXXX, or two that are a pair; returns the bytes it took. */
static size_t unescape_unicode (const char *s, const char *end, char **to) {
  int32_t code = unicode_escape(s, end), low;
  if (code < 0) return 0;
  if (code < 0xD800 || code > 0xDFFF) {
    *to = put_utf8(*to, code);
    return 6;
  }
  low = code < 0xDC00 ? unicode_escape(s + 6, end) : -1;
  if (low < 0xDC00 || low > 0xDFFF) {
    *to = put_utf8(*to, 0xFFFD);
    return 6;
  }
  *to = put_utf8(*to, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
  return 12;
}


static size_t unescape_one (const char *s, const char *end, char **to) {
  int byte;
  if (end - s < 2 || *s != '\\') return 0;
  byte = short_escape(s[1]);
  if (byte < 0) return unescape_unicode(s, end, to);
  *(*to)++ = (char)byte;
  return 2;
}


ptrdiff_t json_unescape (const char *s, size_t n, char *out) {
  const char *end = s + n;
  char *to = out;
  while (s < end) {
    size_t run = plain(s, (size_t)(end - s));
    if (run && to != s) memmove(to, s, run);
    to += run;
    s += run;
    if (s == end) break;
    size_t used = unescape_one(s, end, &to);
    if (!used) return -1;
    s += used;
  }
  return to - out;
}


/*
** Bytes of the well-formed UTF-8 sequence at s (n > 0), or minus those of the
** part that one U+FFFD replaces.
*/
static int utf8_step (const unsigned char *s, size_t n) {
  unsigned char c = s[0], low = 0x80, high = 0xBF;
  int length = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
  if (c < 0xC2 || c > 0xF4) return -1;
  if (c == 0xE0) low = 0xA0;  /* less would be overlong */
  if (c == 0xED) high = 0x9F; /* more would be a surrogate */
  if (c == 0xF0) low = 0x90;
  if (c == 0xF4) high = 0x8F; /* more would be past U+10FFFF */
  for (int i = 1; i < length; i++) {
    if ((size_t)i >= n || s[i] < low || s[i] > high) return -i;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}


static size_t plain_ascii (const char *s, size_t n) {
  return run_length(s, n, 0x80);
}


size_t json_clean (const char *s, size_t n) {
  size_t i = plain_ascii(s, n);
  while (i < n && (unsigned char)s[i] >= 0x80) {
    int step = utf8_step((const unsigned char *)s + i, n - i);
    if (step < 0) break;
    i += (size_t)step;
    i += plain_ascii(s + i, n - i);
  }
  return i;
}


static char escape_letter (unsigned char c) {
  switch (c) {
    case '"': case '\\': return (char)c;
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
  }
}


size_t json_escape (const char *s, size_t n, char *out, size_t *used) {
  static const char hex[] = "0123456789abcdef";
  unsigned char c = (unsigned char)*s;
  char letter = escape_letter(c);
  *used = 1;
  if (c >= 0x80) {
    *used = (size_t)-utf8_step((const unsigned char *)s, n);
    return (size_t)(put_utf8(out, 0xFFFD) - out);
  }
  out[0] = '\\';
  out[1] = letter ? letter : 'u';
  if (letter) return 2;
  out[2] = out[3] = '0';
  out[4] = hex[c >> 4];
  out[5] = hex[c & 15];
  return 6;
}


/* ------------------------------------------------------------- numbers */

#define EXACT_DIGITS 19 /* as many always fit 64 bits */
#define EXACT_FIVES 27  /* 5^27 is the last that fits 64 bits */
#define SLOW_DIGITS 780 /* a double's neighbours differ within 768 */
#define EXPONENT_CAP (INT64_C(1) << 56) /* more can't matter */

typedef struct decimal {
  const char *digits, *digits_end; /* as written, maybe with a point */
  uint64_t mantissa; /* of them, modulo 2^64 */
  int64_t exponent;  /* of ten, the point taken into account */
  bool point;        /* whether there is one */
} decimal;

static inline bool is_digit (char c) {
  return (unsigned char)(c - '0') < 10;
}


/*
** The value of the digits that eight bytes at s begin with; returns how many.
** No loop and no branch on each, for the lengths of fractions can't be foretold.
*/
static inline size_t some_digits (const char *s, uint64_t *value) {
  uint64_t word = load8(s), others = word ^ EACH(0x30);
  size_t count = 8;
  others |= (word + EACH(0x06)) ^ EACH(0x30);
  others &= EACH(0xF0);
  if (others) count = FIRST_BYTE(others);
  word = word << 4 * (8 - count) << 4 * (8 - count); /* zeros come in front */
  word = (word & EACH(0x0F)) * 2561 >> 8;
  word = (word & UINT64_C(0x00FF00FF00FF00FF)) * 6553601 >> 16;
  *value = (word & UINT64_C(0x0000FFFF0000FFFF)) * 42949672960001 >> 32;
  return count;
}


static inline const char *eat_digits (const char *s, const char *end,
                                     uint64_t *value) {
  uint64_t v = *value;
  for (; s < end && is_digit(*s); s++) v = v * 10 + (uint64_t)(*s - '0');
  *value = v;
  return s;
}


static const uint32_t small_ten_to[] = { 1, 10, 100, 1000, 10000, 100000,
                                         1000000, 10000000, 100000000 };

/* The same for a fraction, which tends to be long. */
static inline const char *eat_fraction (const char *s, const char *end,
                                        uint64_t *value) {
  uint64_t part;
  while (LITTLE_ENDIAN_WORDS && end - s >= 8) {
    size_t count = some_digits(s, &part);
    *value = *value * small_ten_to[count] + part;
    s += count;
    if (count < 8) return s;
  }
  return eat_digits(s, end, value);
}


/* Whether the mantissa is that of all the digits written. */
static bool mantissa_is_exact (const decimal *d) {
  ptrdiff_t count = d->digits_end - d->digits - d->point;
  if (count <= EXACT_DIGITS) return true;
  for (const char *s = d->digits; *s == '0' || *s == '.'; s++) {
    if (s + 1 == d->digits_end) return true;
    count -= *s == '0';
  }
  return count <= EXACT_DIGITS;
}


/*
** Copies the digits without zeros in front and without the point, but at most
** SLOW_DIGITS; what is left out only breaks a tie, for which one digit does.
*/
static size_t copy_digits (const decimal *d, char *to, int64_t *exponent) {
  size_t n = 0;
  bool more = false;
  for (const char *s = d->digits; s < d->digits_end; s++) {
    if (*s == '.' || (n == 0 && *s == '0')) continue;
    if (n < SLOW_DIGITS) {
      to[n++] = *s;
      continue;
    }
    more = more || *s != '0';
    (*exponent)++;
  }
  if (more) {
    to[n++] = '1';
    (*exponent)--;
  }
  return n;
}


static double slow_double (const decimal *d) {
  char text[SLOW_DIGITS + 32];
  int64_t exponent = d->exponent;
  size_t n = copy_digits(d, text, &exponent);
  if (n == 0 || (int64_t)n + exponent < -400) return 0;
  if ((int64_t)n + exponent > 400) return HUGE_VAL;
  snprintf(text + n, sizeof text - n, "e%d", (int)exponent);
  return strtod(text, NULL);
}


#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 uint128;

static const uint64_t five_to[EXACT_FIVES + 1] = {
  UINT64_C(1), UINT64_C(5), UINT64_C(25), UINT64_C(125), UINT64_C(625),
  UINT64_C(3125), UINT64_C(15625), UINT64_C(78125), UINT64_C(390625),
  UINT64_C(1953125), UINT64_C(9765625), UINT64_C(48828125),
  UINT64_C(244140625), UINT64_C(1220703125), UINT64_C(6103515625),
  UINT64_C(30517578125), UINT64_C(152587890625), UINT64_C(762939453125),
  UINT64_C(3814697265625), UINT64_C(19073486328125),
  UINT64_C(95367431640625), UINT64_C(476837158203125),
  UINT64_C(2384185791015625), UINT64_C(11920928955078125),
  UINT64_C(59604644775390625), UINT64_C(298023223876953125),
  UINT64_C(1490116119384765625), UINT64_C(7450580596923828125)
};

/* q * 2^e, to nearest and ties to even; more: a bit beyond q is set. */
static double rounded (uint64_t q, int e, bool more) {
  int shift = __builtin_clzll(q);
  uint64_t bits, below, power;
  double unit;
  q <<= shift;
  bits = q >> 11;
  below = q & 0x7FF;
  bits += (below > 0x400) | ((below == 0x400) & (more | (bits & 1)));
  power = (uint64_t)(e - shift + 11 + 1023) << 52;
  memcpy(&unit, &power, sizeof unit);
  return (double)bits * unit;
}


/* m * 10^e for m > 0 and 0 <= e <= EXACT_FIVES. */
static double multiplied (uint64_t m, int e) {
  uint128 product = (uint128)m * five_to[e];
  uint64_t high = (uint64_t)(product >> 64);
  int shift;
  if (!high) return rounded((uint64_t)product, e, false);
  shift = __builtin_clzll(high);
  product <<= shift;
  return rounded((uint64_t)(product >> 64), 64 - shift + e,
                 (uint64_t)product != 0);
}


/* For each power of five, shifted up to its top bit: (2^128 - 1) / it - 2^64. */
static const uint64_t inverse_of_five_to[EXACT_FIVES + 1] = {
  UINT64_C(18446744073709551615), UINT64_C(11068046444225730969),
  UINT64_C(5165088340638674452), UINT64_C(442721857769029238),
  UINT64_C(11776401416656177751), UINT64_C(5731772318583031878),
  UINT64_C(896069040124515179), UINT64_C(12501756908424955256),
  UINT64_C(6312056711998053881), UINT64_C(1360296554856532782),
  UINT64_C(13244520931996183421), UINT64_C(6906267930855036413),
  UINT64_C(1835665529942118807), UINT64_C(14005111292133121062),
  UINT64_C(7514740218964586526), UINT64_C(2322443360429758898),
  UINT64_C(14783955820913345206), UINT64_C(8137815841988765842),
  UINT64_C(2820903858849102350), UINT64_C(15581492618384294730),
  UINT64_C(8775845279965525461), UINT64_C(3331327409230510045),
  UINT64_C(16398170298994547042), UINT64_C(9429187424453727310),
  UINT64_C(3854001124821071525), UINT64_C(17234448243939445410),
  UINT64_C(10098209780409646005), UINT64_C(4389219009585806480)
};

/*
** n / d for n < d * 2^64 and d with its top bit set, by two multiplications,
** since a division takes several times as long (Moller and Granlund, "Improved
** division by invariant integers", algorithm 4).
*/
static uint64_t quotient (uint128 n, uint64_t d, uint64_t inverse, uint64_t *rest) {
  uint128 estimate = (n >> 64) * inverse + n;
  uint64_t q = (uint64_t)(estimate >> 64) + 1, r = (uint64_t)n - q * d;
  if (r > (uint64_t)estimate) {
    q--;
    r += d;
  }
  if (r >= d) {
    q++;
    r -= d;
  }
  *rest = r;
  return q;
}


/* m / 10^e for m > 0 and 0 < e <= EXACT_FIVES. */
static double divided (uint64_t m, int e) {
  int up = __builtin_clzll(m), down = __builtin_clzll(five_to[e]);
  uint64_t rest, q = quotient((uint128)(m << up) << 63, five_to[e] << down,
                              inverse_of_five_to[e], &rest);
  return rounded(q, down - up - 63 - e, rest != 0);
}


static double scaled (const decimal *d) {
  int e = (int)d->exponent;
  return e < 0 ? divided(d->mantissa, -e) : multiplied(d->mantissa, e);
}


/* m / 10^e for 0 < e <= EXACT_FIVES; false where it is not to be had so. */
static inline bool long_quotient (uint64_t m, int e, double *value) {
  if (m == 0) return false;
  *value = divided(m, e);
  return true;
}
#else
static double scaled (const decimal *d) {
  return slow_double(d);
}


static inline bool long_quotient (uint64_t m, int e, double *value) {
  (void)m, (void)e, (void)value;
  return false;
}
#endif

static const double ten_to[] = {
  1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

#define IS_DOUBLE(mantissa) \
  (FLT_EVAL_METHOD == 0 && (mantissa) <= UINT64_C(1) << 53)

/* Mantissa and power of ten are doubles, so one operation rounds rightly. */
static bool quick_double (const decimal *d, double *value) {
  if (!IS_DOUBLE(d->mantissa)) return false;
  if (d->exponent < -22 || d->exponent > 22) return false;
  *value = (double)d->mantissa;
  if (d->exponent < 0) *value /= ten_to[-d->exponent];
  else *value *= ten_to[d->exponent];
  return true;
}


/* The double nearest to d, or an infinity. */
static double to_double (const decimal *d) {
  double value;
  if (!mantissa_is_exact(d)) return slow_double(d);
  if (d->mantissa == 0) return 0;
  if (quick_double(d, &value)) return value;
  if (d->exponent < -EXACT_FIVES || d->exponent > EXACT_FIVES)
    return slow_double(d);
  return scaled(d);
}


static bool to_integer (const decimal *d, bool negative, int64_t *value) {
  uint64_t m = d->mantissa;
  if (d->digits_end - d->digits > EXACT_DIGITS) return false;
  if (m > (uint64_t)INT64_MAX + negative) return false;
  if (negative && m == 0) return false; /* only a float knows -0 */
  if (!negative) *value = (int64_t)m;
  else *value = m > INT64_MAX ? INT64_MIN : -(int64_t)m;
  return true;
}


/* Digits and a point from s; returns where they end, NULL where malformed. */
static const char *read_mantissa (const char *s, const char *end, decimal *d) {
  const char *whole;
  d->digits = s;
  d->mantissa = 0;
  d->exponent = 0;
  d->point = false;
  whole = eat_digits(s, end, &d->mantissa);
  if (whole == s || (*s == '0' && whole - s > 1)) return NULL;
  d->digits_end = whole;
  if (whole == end || *whole != '.') return whole;
  s = eat_fraction(whole + 1, end, &d->mantissa);
  d->point = true;
  d->exponent = whole + 1 - s;
  d->digits_end = s;
  return d->exponent ? s : NULL;
}


/* An exponent after its 'e'. */
static const char *read_exponent (const char *s, const char *end, decimal *d) {
  int64_t value = 0;
  bool negative = s < end && *s == '-';
  if (s < end && (*s == '-' || *s == '+')) s++;
  if (s == end || !is_digit(*s)) return NULL;
  for (; s < end && is_digit(*s); s++)
    if (value < EXPONENT_CAP) value = value * 10 + (*s - '0');
  d->exponent += negative ? -value : value;
  return s;
}


/* A number without its sign; returns where it ends, NULL where malformed. */
static const char *read_decimal (const char *s, const char *end, decimal *d,
                                 bool *integral) {
  s = read_mantissa(s, end, d);
  if (!s) return NULL;
  *integral = !d->point;
  if (s == end || (*s != 'e' && *s != 'E')) return s;
  *integral = false;
  return read_exponent(s + 1, end, d);
}


/* No branch: signs can't be foretold. */
static inline double signed_double (double value, bool negative) {
  static const double sign[] = { 1, -1 };
  return value * sign[negative];
}


static json_event fail (json_parser *p, const char *at, const char *why) {
  p->at = at;
  p->error = why;
  p->expect = NOTHING;
  return JSON_ERROR;
}


static json_event read_number (json_parser *p) {
  decimal d;
  bool negative = *p->at == '-', integral;
  const char *s = read_decimal(p->at + negative, p->end, &d, &integral);
  if (!s) return fail(p, p->at, "malformed number");
  if (integral && to_integer(&d, negative, &p->integer)) {
    p->at = s;
    return JSON_INTEGER;
  }
  p->number = signed_double(to_double(&d), negative);
  if (fabs(p->number) > DBL_MAX) return fail(p, p->at, "number out of range");
  p->at = s;
  return JSON_NUMBER;
}


#define SHORT_FRACTION 18 /* with the digit before them always within 64 bits */
#define SHORT_ROOM 22 /* bytes read_short may look at */

/*
** A digit, a point, up to 18 digits: what lists of numbers are made of. Returns
** where it ends, NULL where it is something else.
*/
static inline const char *read_short (const char *s, double *value) {
  bool negative = *s == '-';
  uint64_t mantissa, part;
  size_t count;
  s += negative;
  if (!is_digit(s[0]) || s[1] != '.') return NULL;
  mantissa = (uint64_t)(s[0] - '0');
  s += 2;
  count = some_digits(s, &part);
  mantissa = mantissa * small_ten_to[count] + part;
  if (count == 8) {
    size_t more = some_digits(s + 8, &part);
    mantissa = mantissa * small_ten_to[more] + part;
    count += more;
  }
  s += count;
  for (; count >= 16 && count < SHORT_FRACTION && is_digit(*s); s++, count++)
    mantissa = mantissa * 10 + (uint64_t)(*s - '0');
  if (count == 0 || is_digit(*s) || (*s | 0x20) == 'e') return NULL;
  if (IS_DOUBLE(mantissa)) *value = (double)mantissa / ten_to[count];
  else if (!long_quotient(mantissa, (int)count, value)) return NULL;
  *value = signed_double(*value, negative);
  return s;
}


/* Any that is no integer; NULL where there is none. */
static const char *read_float (const char *s, const char *end, double *value) {
  decimal d;
  bool negative = *s == '-', integral;
  s = read_decimal(s + negative, end, &d, &integral);
  if (!s || integral) return NULL;
  *value = signed_double(to_double(&d), negative);
  return fabs(*value) > DBL_MAX ? NULL : s;
}


size_t json_write_integer (int64_t value, char *out) {
  char digits[20];
  size_t n = 0, size = 0;
  uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    digits[n++] = (char)('0' + left % 10);
    left /= 10;
  } while (left);
  if (value < 0) out[size++] = '-';
  while (n) out[size++] = digits[--n];
  return size;
}


/* Makes '.' of whatever the locale has for a point, be it several bytes. */
static size_t fix_point (char *s, size_t n) {
  size_t to = 0;
  bool point = false;
  for (size_t i = 0; i < n; i++) {
    if (is_digit(s[i]) || s[i] == '-' || s[i] == '+' || s[i] == 'e') {
      s[to++] = s[i];
    } else if (!point) {
      s[to++] = '.';
      point = true;
    }
  }
  return to;
}


static double read_back (const char *s, size_t n) {
  json_parser p;
  json_start(&p, s, n, 1);
  return json_next(&p) == JSON_INTEGER ? (double)p.integer : p.number;
}


/* Writes the first of `least` to `most` digits that read back as the value;
** narrow: as the same float. */
static size_t write_shortest (double value, int least, int most, bool narrow,
                              char *out) {
  char text[64];
  size_t n = 0;
  for (int digits = least; digits <= most; digits++) {
    double back;
    n = (size_t)snprintf(text, sizeof text, "%.*g", digits, value);
    n = fix_point(text, n);
    back = read_back(text, n);
    if (narrow ? (float)back == (float)value : back == value) break;
  }
  memcpy(out, text, n);
  if (!memchr(text, '.', n) && !memchr(text, 'e', n)) {
    out[n++] = '.';
    out[n++] = '0';
  }
  return n;
}


size_t json_write_number (double value, char *out) {
  return write_shortest(value, 15, 17, false, out);
}


size_t json_write_float (float value, char *out) {
  return write_shortest((double)value, 6, 9, true, out);
}


/* -------------------------------------------------------------- reader */

static json_event unexpected (json_parser *p) {
  if (p->at == p->end) return fail(p, p->at, "unexpected end");
  return fail(p, p->at, "unexpected character");
}


static inline const char *skip_space (const char *s, const char *end) {
  while (s < end && (*s == ' ' || *s == '\n' || *s == '\r' || *s == '\t')) s++;
  return s;
}


/* The next byte that is no white space, which stays unread; -1 at the end. */
static inline int peek (json_parser *p) {
  p->at = skip_space(p->at, p->end);
  return p->at < p->end ? (unsigned char)*p->at : -1;
}


static json_event read_string (json_parser *p, json_event event) {
  const char *s = p->at + 1;
  p->text = s;
  p->escaped = false;
  for (;;) {
    size_t used;
    s += plain(s, (size_t)(p->end - s));
    if (s == p->end) return fail(p, s, "unexpected end");
    if (*s == '"') break;
    if (*s != '\\') return fail(p, s, "control character in a string");
    used = escape_length(s, p->end);
    if (!used) return fail(p, s, "malformed escape");
    p->escaped = true;
    s += used;
  }
  p->length = (size_t)(s - p->text);
  p->at = s + 1;
  return event;
}


static json_event read_word (json_parser *p, const char *word, size_t n,
                            json_event event) {
  if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0)
    return fail(p, p->at, "unexpected character");
  p->at += n;
  return event;
}


static json_event open_container (json_parser *p, json_event event) {
  int bit = 1 << (p->depth & 7), byte = p->depth >> 3;
  bool object = event == JSON_OBJECT;
  if (p->depth == p->limit) return fail(p, p->at, "nested too deeply");
  if (object) p->kinds[byte] |= (unsigned char)bit;
  else p->kinds[byte] &= (unsigned char)~bit;
  p->depth++;
  p->at++;
  p->expect = object ? MEMBER_OR_END : ITEM_OR_END;
  return event;
}


static json_event close_container (json_parser *p, json_event event) {
  p->depth--;
  p->at++;
  p->expect = COMMA_OR_END;
  return event;
}


static bool in_object (const json_parser *p) {
  int depth = p->depth - 1;
  return p->kinds[depth >> 3] >> (depth & 7) & 1;
}


static json_event read_value (json_parser *p, int c) {
  p->expect = COMMA_OR_END;
  /* one branch for both, as signs in a list come at random */
  if ((c == '-') | ((unsigned)(c - '0') < 10)) return read_number(p);
  switch (c) {
    case '"': return read_string(p, JSON_STRING);
    case '{': return open_container(p, JSON_OBJECT);
    case '[': return open_container(p, JSON_ARRAY);
    case 'n': return read_word(p, "null", 4, JSON_NULL);
    case 't': return read_word(p, "true", 4, JSON_TRUE);
    case 'f': return read_word(p, "false", 5, JSON_FALSE);
    default: return unexpected(p);
  }
}


/* A key and its colon. */
static json_event read_key (json_parser *p, int c) {
  if (c != '"') return unexpected(p);
  if (read_string(p, JSON_KEY) == JSON_ERROR) return JSON_ERROR;
  if (peek(p) != ':') return unexpected(p);
  p->at++;
  p->expect = A_VALUE;
  return JSON_KEY;
}


static json_event after_value (json_parser *p, int c) {
  bool object;
  if (p->depth == 0)
    return c < 0 ? JSON_END : fail(p, p->at, "trailing data");
  object = in_object(p);
  if (c == (object ? '}' : ']'))
    return close_container(p, object ? JSON_OBJECT_END : JSON_ARRAY_END);
  if (c != ',') return unexpected(p);
  p->at++;
  c = peek(p);
  return object ? read_key(p, c) : read_value(p, c);
}


void json_start (json_parser *p, const char *s, size_t n, int limit) {
  p->start = p->at = s;
  p->end = s + n;
  p->error = NULL;
  p->depth = 0;
  p->limit = limit;
  p->expect = A_VALUE;
}


json_event json_next (json_parser *p) {
  int c;
  if (p->expect == NOTHING) return JSON_ERROR;
  c = peek(p);
  switch (p->expect) {
    case COMMA_OR_END: return after_value(p, c);
    case MEMBER_OR_END:
      if (c == '}') return close_container(p, JSON_OBJECT_END);
      return read_key(p, c);
    case ITEM_OR_END:
      if (c == ']') return close_container(p, JSON_ARRAY_END);
      return read_value(p, c);
    default: return read_value(p, c);
  }
}


size_t json_numbers (json_parser *p, double *out, size_t room) {
  const char *at = p->at, *s;
  size_t n = 0;
  if (p->expect != COMMA_OR_END || p->depth == 0 || in_object(p)) return 0;
  for (; n < room && at < p->end && *at == ','; at = s, n++) {
    const char *item = skip_space(at + 1, p->end);
    if (p->end - item < SHORT_ROOM) break;
    s = LITTLE_ENDIAN_WORDS ? read_short(item, out + n) : NULL;
    if (!s) s = read_float(item, p->end, out + n);
    if (!s) break;
  }
  p->at = at;
  return n;
}


bool json_valid (const char *s, size_t n, int limit) {
  json_parser p;
  json_event event;
  json_start(&p, s, n, limit);
  do event = json_next(&p); while (event > JSON_END);
  return event == JSON_END;
}
