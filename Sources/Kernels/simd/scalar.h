// Vectors of one lane, for the scalar tier: the loops are those of the other tiers.
//
// Every simd/ header defines the same names. `_n` variants touch only the first n lanes' memory, 1 ≤ n ≤ LANES.
#pragma once

#include "../target.h"

enum { LANES = 1 };

typedef float vf32;
typedef int32_t vs32;
typedef bool vmask;

KERNEL_INLINE vf32 vf32_load(const float *p) { return *p; }
KERNEL_INLINE vf32 vf32_load_n(const float *p, size_t n) { return (void)n, *p; }
KERNEL_INLINE void vf32_store(float *p, vf32 a) { *p = a; }
KERNEL_INLINE void vf32_store_n(float *p, vf32 a, size_t n) { (void)n, *p = a; }
KERNEL_INLINE vf32 vf32_set(float a) { return a; }
KERNEL_INLINE vf32 vf32_add(vf32 a, vf32 b) { return a + b; }
KERNEL_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return a - b; }
KERNEL_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return a * b; }
KERNEL_INLINE vf32 vf32_div(vf32 a, vf32 b) { return a / b; }
// a × b + c
KERNEL_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return a * b + c; }
// `b` when either is NaN, on every tier.
KERNEL_INLINE vf32 vf32_min(vf32 a, vf32 b) { return a < b ? a : b; }
KERNEL_INLINE vf32 vf32_max(vf32 a, vf32 b) { return a > b ? a : b; }
KERNEL_INLINE vf32 vf32_abs(vf32 a) { return fabsf(a); }
KERNEL_INLINE vf32 vf32_copysign(vf32 magnitude, vf32 sign) { return copysignf(magnitude, sign); }
KERNEL_INLINE vmask vf32_less(vf32 a, vf32 b) { return a < b; }
KERNEL_INLINE vf32 vf32_select(vmask mask, vf32 yes, vf32 no) { return mask ? yes : no; }
KERNEL_INLINE float vf32_reduce_add(vf32 a) { return a; }
KERNEL_INLINE float vf32_reduce_min(vf32 a) { return a; }
KERNEL_INLINE float vf32_reduce_max(vf32 a) { return a; }

KERNEL_INLINE vs32 vs32_load(const int32_t *p) { return *p; }
KERNEL_INLINE vs32 vs32_set(int32_t a) { return a; }
// Sums and products wrap, as in every vector instruction.
KERNEL_INLINE vs32 vs32_add(vs32 a, vs32 b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
KERNEL_INLINE vs32 vs32_sub(vs32 a, vs32 b) { return (int32_t)((uint32_t)a - (uint32_t)b); }
KERNEL_INLINE vs32 vs32_mul(vs32 a, vs32 b) { return (int32_t)((uint32_t)a * (uint32_t)b); }
KERNEL_INLINE vs32 vs32_min(vs32 a, vs32 b) { return a < b ? a : b; }
KERNEL_INLINE vs32 vs32_max(vs32 a, vs32 b) { return a > b ? a : b; }
KERNEL_INLINE vs32 vs32_shift_right(vs32 a, int32_t count) { return a >> count; }
KERNEL_INLINE vf32 vf32_from_s32(vs32 a) { return (float)a; }

// The nearest integer, ties to even, of |a| < 2^22: adding 1.5·2^23 leaves no bits below the units.
KERNEL_INLINE vs32 vs32_round(vf32 a) {
  float shifted = a + 0x1.8p23f;
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  return bits - 0x4B400000;
}

// a × 2^n; a and the result are normal numbers.
KERNEL_INLINE vf32 vf32_scale(vf32 a, vs32 n) {
  uint32_t bits;
  memcpy(&bits, &a, sizeof bits);
  bits += (uint32_t)n << 23;
  memcpy(&a, &bits, sizeof bits);
  return a;
}

KERNEL_INLINE vs32 vs32_load_s8(const int8_t *p) { return *p; }
KERNEL_INLINE vs32 vs32_load_s8_n(const int8_t *p, size_t n) { return (void)n, *p; }
// Lanes are in [−128, 127].
KERNEL_INLINE void vs32_store_s8(int8_t *p, vs32 a) { *p = (int8_t)a; }
KERNEL_INLINE void vs32_store_s8_n(int8_t *p, vs32 a, size_t n) { (void)n, *p = (int8_t)a; }

// Pairs of vectors: 2·LANES columns of s32, in such an order that narrowing them to bytes (which works in parts of 16 bytes
// on x86) puts them in order. This loads floats in that order, …
KERNEL_INLINE void pair_load(const float *p, vf32 *pair) { pair[0] = p[0], pair[1] = p[1]; }
// … this puts them in plain order, …
KERNEL_INLINE void pair_in_order(vf32 *pair) { (void)pair; }
// … and this is Quantize's `Requantization` of n columns (all when n is larger), scales[i] being those of sums[i].
KERNEL_INLINE void pair_store_s8(int8_t *p, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                 size_t n) {
  for (size_t i = 0; i < 2 && i < n; i++) {
    const vf32 scaled = vf32_min(vf32_max((float)sums[i] * scales[i], r->minimum), r->maximum);
    p[i] = (int8_t)(vs32_round(scaled) + r->zero_point);
  }
}

// Vectors of bytes, for what stays in bytes.
enum { BYTE_LANES = 1 };
typedef int8_t vs8;

KERNEL_INLINE vs8 vs8_load(const int8_t *p) { return *p; }
KERNEL_INLINE vs8 vs8_load_n(const int8_t *p, size_t n) { return (void)n, *p; }
KERNEL_INLINE void vs8_store(int8_t *p, vs8 a) { *p = a; }
KERNEL_INLINE void vs8_store_n(int8_t *p, vs8 a, size_t n) { (void)n, *p = a; }
KERNEL_INLINE vs8 vs8_max(vs8 a, vs8 b) { return a > b ? a : b; }

// A function of a byte: the 256 entries for −128 … 127.
typedef struct {
  const int8_t *entries;
} vs8_table;

KERNEL_INLINE vs8_table vs8_table_load(const int8_t *entries) { return (vs8_table){entries}; }
KERNEL_INLINE vs8 vs8_lookup(const vs8_table *table, vs8 x) { return table->entries[x + 128]; }
