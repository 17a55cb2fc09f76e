// s8 products in the compiler's own vectors of 16 bytes, which are SSE2 on every x86-64: bytes are widened to s16, and
// neighbouring products added, by pmaddwd where there is one. f32 needs nothing of the kind: the compiler finds vectors in the
// scalar loops by itself. See igemm/qs8_igemm.h and dwconv/qs8_dwconv.h for what these names mean.
#pragma once

#include "../target.h"

enum { LANES = 4 };

typedef float vf32 __attribute__((vector_size(16)));
typedef int32_t vs32 __attribute__((vector_size(16)));
typedef uint32_t vu32 __attribute__((vector_size(16)));
typedef int16_t vs16 __attribute__((vector_size(16)));
typedef int8_t vs8x8 __attribute__((vector_size(8)));
typedef int8_t vs8x4 __attribute__((vector_size(4)));

KERNEL_INLINE vf32 vf32_set(float a) { return (vf32){a, a, a, a}; }
KERNEL_INLINE vf32 vf32_load(const float *p) {
  vf32 a;
  memcpy(&a, p, sizeof a);
  return a;
}
KERNEL_INLINE vf32 vf32_load_n(const float *p, size_t n) {
  vf32 a = vf32_set(0);
  memcpy(&a, p, n * sizeof *p);
  return a;
}
KERNEL_INLINE void vf32_store(float *p, vf32 a) { memcpy(p, &a, sizeof a); }
KERNEL_INLINE void vf32_store_n(float *p, vf32 a, size_t n) { memcpy(p, &a, n * sizeof *p); }
KERNEL_INLINE vf32 vf32_add(vf32 a, vf32 b) { return a + b; }
KERNEL_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return a * b; }
KERNEL_INLINE vf32 vf32_select(vs32 mask, vf32 yes, vf32 no) { return (vf32)((mask & (vs32)yes) | (~mask & (vs32)no)); }
// `b` when either is NaN, on every tier.
KERNEL_INLINE vf32 vf32_min(vf32 a, vf32 b) { return vf32_select(a < b, a, b); }
KERNEL_INLINE vf32 vf32_max(vf32 a, vf32 b) { return vf32_select(a > b, a, b); }
KERNEL_INLINE vf32 vf32_from_s32(vs32 a) { return __builtin_convertvector(a, vf32); }

KERNEL_INLINE vs32 vs32_load(const int32_t *p) {
  vs32 a;
  memcpy(&a, p, sizeof a);
  return a;
}
KERNEL_INLINE vs32 vs32_set(int32_t a) { return (vs32){a, a, a, a}; }
// Sums and products wrap, as in every vector instruction.
KERNEL_INLINE vs32 vs32_add(vs32 a, vs32 b) { return (vs32)((vu32)a + (vu32)b); }
KERNEL_INLINE vs32 vs32_sub(vs32 a, vs32 b) { return (vs32)((vu32)a - (vu32)b); }
KERNEL_INLINE vs32 vs32_mul(vs32 a, vs32 b) { return (vs32)((vu32)a * (vu32)b); }
KERNEL_INLINE vs32 vs32_min(vs32 a, vs32 b) { return ((a < b) & a) | (~(a < b) & b); }
KERNEL_INLINE vs32 vs32_max(vs32 a, vs32 b) { return ((a > b) & a) | (~(a > b) & b); }
KERNEL_INLINE vs32 vs32_shift_right(vs32 a, int32_t count) { return a >> vs32_set(count); }
// As in scalar.h.
KERNEL_INLINE vs32 vs32_round(vf32 a) { return vs32_sub((vs32)(a + vf32_set(0x1.8p23f)), vs32_set(0x4B400000)); }

KERNEL_INLINE vs32 vs32_load_s8(const int8_t *p) {
  vs8x4 a;
  memcpy(&a, p, sizeof a);
  return __builtin_convertvector(a, vs32);
}
KERNEL_INLINE vs32 vs32_load_s8_n(const int8_t *p, size_t n) {
  vs8x4 a = {0};
  memcpy(&a, p, n);
  return __builtin_convertvector(a, vs32);
}
// Lanes are in [−128, 127].
KERNEL_INLINE void vs32_store_s8(int8_t *p, vs32 a) {
  const vs8x4 bytes = __builtin_convertvector(a, vs8x4);
  memcpy(p, &bytes, sizeof bytes);
}
KERNEL_INLINE void vs32_store_s8_n(int8_t *p, vs32 a, size_t n) {
  const vs8x4 bytes = __builtin_convertvector(a, vs8x4);
  memcpy(p, &bytes, n);
}

// Pairs of vectors, in plain order.
KERNEL_INLINE void pair_load(const float *p, vf32 *pair) { pair[0] = vf32_load(p), pair[1] = vf32_load(p + LANES); }
KERNEL_INLINE void pair_in_order(vf32 *pair) { (void)pair; }
KERNEL_INLINE void pair_store_s8(int8_t *p, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                 size_t n) {
  UNROLL for (size_t v = 0; v < 2; v++) {
    const vf32 scaled = vf32_min(vf32_max(vf32_from_s32(sums[v]) * scales[v], vf32_set(r->minimum)), vf32_set(r->maximum));
    const vs32 q = vs32_add(vs32_round(scaled), vs32_set(r->zero_point));
    if (n >= (v + 1) * LANES) {
      vs32_store_s8(p + v * LANES, q);
    } else if (n > v * LANES) {
      vs32_store_s8_n(p + v * LANES, q, n - v * LANES);
    }
  }
}

enum { QS8_KR = 2, QS8_INPUT_BIAS = 0, QS8_RUN = 16 };
#define QS8_WIDENS

typedef vs16 qs8_inputs;   // the same pair in all lanes
typedef vs16 qs8_weights;  // [4 lanes][2]

// n ≤ 8 bytes, widened; the rest 0.
KERNEL_INLINE vs16 portable_widen(const int8_t *p, size_t n) {
  vs8x8 x = {0};
  memcpy(&x, p, n >= sizeof x ? sizeof x : n);
  return __builtin_convertvector(x, vs16);
}
KERNEL_INLINE qs8_inputs portable_pair(int8_t a, int8_t b) {
  return (vs16)vs32_set((int32_t)((uint16_t)a | (uint32_t)(uint16_t)b << 16));
}
KERNEL_INLINE qs8_inputs qs8_broadcast(const int8_t *p) { return portable_pair(p[0], p[1]); }
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) { return (void)n, portable_pair(p[0], 0); }
KERNEL_INLINE void qs8_widen(const int8_t *p, int16_t *words) {
  UNROLL for (size_t i = 0; i < QS8_RUN; i += 8) {
    const vs16 x = portable_widen(p + i, 8);
    memcpy(words + i, &x, sizeof x);
  }
}
KERNEL_INLINE qs8_inputs qs8_broadcast_words(const int16_t *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return (vs16)vs32_set(pair);
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) {
  vs8x8 w;
  memcpy(&w, p, sizeof w);
  return __builtin_convertvector(w, vs16);
}
// Products of words, neighbours added modulo 2^32.
KERNEL_INLINE vs32 portable_products(vs16 a, vs16 b) {
#if KERNELS_X86
  return (vs32)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  // The even words are shifted up and down again for their sign.
  const vs32 even_a = (vs32)((vu32)a << 16) >> 16, even_b = (vs32)((vu32)b << 16) >> 16;
  const vs32 even = even_a * even_b, odd = ((vs32)a >> 16) * ((vs32)b >> 16);
  return vs32_add(even, odd);
#endif
}
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) { return vs32_add(sums, portable_products(x, w)); }

// Depthwise: channels in plain order.
enum { QS8_DW_VECTORS = 2 };

KERNEL_INLINE void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x) {
  const vs16 a = portable_widen(taps[0] + offset, n), b = count > 1 ? portable_widen(taps[1] + offset, n) : (vs16){0};
  x[0] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  x[1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
KERNEL_INLINE void qs8_dw_load(const float *block, vf32 *v) { pair_load(block, v); }
KERNEL_INLINE void qs8_dw_store(float *block, const vf32 *v) {
  vf32_store(block, v[0]);
  vf32_store(block + LANES, v[1]);
}
KERNEL_INLINE void qs8_dw_store_s8(int8_t *output, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                   size_t n) {
  pair_store_s8(output, r, scales, sums, n);
}
