// The loops of all element-wise kernels. Needs a simd/ header and simd/epilogue.h before it.
#pragma once

#include "activations.h"
#include "bilinear.h"
#include "cells.h"

KERNEL_INLINE void f32_add(size_t count, const float *a, const float *b, float *output, float minimum, float maximum) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vf32_store(output + i, vf32_clamp(vf32_add(vf32_load(a + i), vf32_load(b + i)), minimum, maximum));
  }
  if (i < count) {
    vf32 sum = vf32_add(vf32_load_n(a + i, count - i), vf32_load_n(b + i, count - i));
    vf32_store_n(output + i, vf32_clamp(sum, minimum, maximum), count - i);
  }
}

KERNEL_INLINE void qs8_add(size_t count, const int8_t *a, const int8_t *b, int8_t *output,
                           const qs8_addition *addition) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vs32_store_s8(output + i, qs8_sum(addition, vs32_load_s8(a + i), vs32_load_s8(b + i)));
  }
  if (i < count) {
    const size_t n = count - i;
    vs32_store_s8_n(output + i, qs8_sum(addition, vs32_load_s8_n(a + i, n), vs32_load_s8_n(b + i, n)), n);
  }
}

KERNEL_INLINE void f32_multiply(size_t rows, size_t count, const float *a, const float *b, float *output) {
  for (; rows > 0; rows--, a += count, output += count) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) vf32_store(output + i, vf32_mul(vf32_load(a + i), vf32_load(b + i)));
    if (i < count) {
      const size_t n = count - i;
      vf32_store_n(output + i, vf32_mul(vf32_load_n(a + i, n), vf32_load_n(b + i, n)), n);
    }
  }
}

KERNEL_INLINE void f32_clamp(size_t count, const float *input, float *output, float minimum, float maximum) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vf32_store(output + i, vf32_clamp(vf32_load(input + i), minimum, maximum));
  }
  if (i < count) {
    vf32_store_n(output + i, vf32_clamp(vf32_load_n(input + i, count - i), minimum, maximum), count - i);
  }
}

KERNEL_INLINE void f32_leaky_relu(size_t count, const float *input, float *output, float slope) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) vf32_store(output + i, vf32_leaky_relu(vf32_load(input + i), slope));
  if (i < count) vf32_store_n(output + i, vf32_leaky_relu(vf32_load_n(input + i, count - i), slope), count - i);
}

// Applies `f` to each element; `f` is a constant where this is inlined.
KERNEL_INLINE void f32_map(size_t count, const float *input, float *output, vf32 (*f)(vf32)) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) vf32_store(output + i, f(vf32_load(input + i)));
  if (i < count) vf32_store_n(output + i, f(vf32_load_n(input + i, count - i)), count - i);
}

KERNEL_INLINE void f32_sigmoid(size_t count, const float *input, float *output) {
  f32_map(count, input, output, vf32_sigmoid);
}

KERNEL_INLINE void f32_tanh(size_t count, const float *input, float *output) {
  f32_map(count, input, output, vf32_tanh);
}

KERNEL_INLINE void f32_hard_sigmoid(size_t count, const float *input, float *output) {
  f32_map(count, input, output, vf32_hard_sigmoid);
}

KERNEL_INLINE void f32_hard_swish(size_t count, const float *input, float *output) {
  f32_map(count, input, output, vf32_hard_swish);
}

KERNEL_INLINE void f32_gelu(size_t count, const float *input, float *output) {
  f32_map(count, input, output, vf32_gelu);
}

KERNEL_INLINE void f32_silu(size_t count, const float *input, float *output) {
  f32_map(count, input, output, vf32_silu);
}

KERNEL_INLINE void f32_softmax(size_t count, const float *input, float *output) {
  float most = input[0];
  size_t i = 0;
  if (count >= LANES) {
    vf32 mosts = vf32_load(input);
    for (; i + LANES <= count; i += LANES) mosts = vf32_max(mosts, vf32_load(input + i));
    most = vf32_reduce_max(mosts);
  }
  for (; i < count; i++) most = input[i] > most ? input[i] : most;

  vf32 sums = vf32_set(0);
  float sum = 0;
  for (i = 0; i + LANES <= count; i += LANES) {
    vf32 e = vf32_exp(vf32_sub(vf32_load(input + i), vf32_set(most)));
    vf32_store(output + i, e);
    sums = vf32_add(sums, e);
  }
  if (i < count) {
    vf32 e = vf32_exp(vf32_sub(vf32_load_n(input + i, count - i), vf32_set(most)));
    vf32_store_n(output + i, e, count - i);
    for (; i < count; i++) sum += output[i];
  }
  const vf32 reciprocal = vf32_set(1 / (sum + vf32_reduce_add(sums)));
  for (i = 0; i + LANES <= count; i += LANES) vf32_store(output + i, vf32_mul(vf32_load(output + i), reciprocal));
  if (i < count) vf32_store_n(output + i, vf32_mul(vf32_load_n(output + i, count - i), reciprocal), count - i);
}

KERNEL_INLINE void f32_range(size_t count, const float *input, float *minimum, float *maximum) {
  vf32 low = vf32_set(0), high = vf32_set(0);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    // In this order a NaN leaves what was there.
    low = vf32_min(vf32_load(input + i), low);
    high = vf32_max(vf32_load(input + i), high);
  }
  if (i < count) {
    // Lanes past the end are 0.
    low = vf32_min(vf32_load_n(input + i, count - i), low);
    high = vf32_max(vf32_load_n(input + i, count - i), high);
  }
  *minimum = vf32_reduce_min(low);
  *maximum = vf32_reduce_max(high);
}

KERNEL_INLINE vs32 f32_quantize_vector(vf32 x, float inverse_scale, int32_t zero_point) {
  vf32 scaled = vf32_mul(x, vf32_set(inverse_scale));
  vs32 rounded = vs32_round(vf32_clamp_number(scaled, (float)(-128 - zero_point), (float)(127 - zero_point)));
  return vs32_add(rounded, vs32_set(zero_point));
}

KERNEL_INLINE void f32_quantize(size_t count, const float *input, int8_t *output, float inverse_scale,
                                int32_t zero_point) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vs32_store_s8(output + i, f32_quantize_vector(vf32_load(input + i), inverse_scale, zero_point));
  }
  if (i < count) {
    vs32 q = f32_quantize_vector(vf32_load_n(input + i, count - i), inverse_scale, zero_point);
    vs32_store_s8_n(output + i, q, count - i);
  }
}

// Factors less their zero point, and what takes the zero point off the other operand: (a − za)·b = a·b − za·b. Integers
// of at most 255² are exact in f32.
typedef struct qs8_factors {
  vf32 b, offset;
} qs8_factors;

KERNEL_INLINE qs8_factors qs8_factors_from(const qs8_multiplication *m, vs32 b) {
  const vf32 factors = vf32_from_s32(vs32_sub(b, vs32_set(m->zero_point_b)));
  return (qs8_factors){factors, vf32_mul(factors, vf32_set((float)-m->zero_point_a))};
}

KERNEL_INLINE vs32 qs8_product(const qs8_multiplication *m, vs32 a, qs8_factors factors) {
  return f32_quantize_vector(vf32_fma(vf32_from_s32(a), factors.b, factors.offset), m->multiplier, m->zero_point);
}

// Columns of `vectors` vectors in all rows, which are `count` elements apart.
KERNEL_INLINE void qs8_multiply_columns(size_t rows, size_t count, size_t vectors, const int8_t *a, const int8_t *b,
                                        int8_t *output, const qs8_multiplication *m) {
  qs8_factors factors[4];
  for (size_t v = 0; v < vectors; v++) factors[v] = qs8_factors_from(m, vs32_load_s8(b + v * LANES));
  for (; rows > 0; rows--, a += count, output += count) {
    for (size_t v = 0; v < vectors; v++) {
      vs32_store_s8(output + v * LANES, qs8_product(m, vs32_load_s8(a + v * LANES), factors[v]));
    }
  }
}

KERNEL_INLINE void qs8_multiply(size_t rows, size_t count, const int8_t *a, const int8_t *b, int8_t *output,
                                const qs8_multiplication *multiplication) {
  size_t i = 0;
  for (; i + 4 * LANES <= count; i += 4 * LANES) {
    qs8_multiply_columns(rows, count, 4, a + i, b + i, output + i, multiplication);
  }
  for (; i + LANES <= count; i += LANES) {
    qs8_multiply_columns(rows, count, 1, a + i, b + i, output + i, multiplication);
  }
  if (i == count) return;
  const size_t n = count - i;
  const qs8_factors factors = qs8_factors_from(multiplication, vs32_load_s8_n(b + i, n));
  for (size_t row = 0; row < rows; row++, i += count) {
    vs32_store_s8_n(output + i, qs8_product(multiplication, vs32_load_s8_n(a + i, n), factors), n);
  }
}

KERNEL_INLINE void s8_dequantize(size_t count, const int8_t *input, float *output, float scale, int32_t zero_point) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    vs32 q = vs32_sub(vs32_load_s8(input + i), vs32_set(zero_point));
    vf32_store(output + i, vf32_mul(vf32_from_s32(q), vf32_set(scale)));
  }
  if (i < count) {
    vs32 q = vs32_sub(vs32_load_s8_n(input + i, count - i), vs32_set(zero_point));
    vf32_store_n(output + i, vf32_mul(vf32_from_s32(q), vf32_set(scale)), count - i);
  }
}

KERNEL_INLINE void s8_lookup(size_t count, const int8_t *input, const int8_t *entries, int8_t *output) {
  const vs8_table table = vs8_table_load(entries);
  size_t i = 0;
  for (; i + BYTE_LANES <= count; i += BYTE_LANES) vs8_store(output + i, vs8_lookup(&table, vs8_load(input + i)));
  if (i < count) vs8_store_n(output + i, vs8_lookup(&table, vs8_load_n(input + i, count - i)), count - i);
}
