// The transforms of Winograd's F(4×4, 3×3) in whole numbers: exact. Needs a simd/…_words.h header and simd/epilogue.h before it.
//
// With the interpolation points 0, ±1, ±2, ∞ the matrices become whole when the lines of G are freed of their denominators
// and those go into the output's transform (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2016):
//
//   Bᵀ = 4  0 −5  0  1  0      G = 1  0  0      Aᵀ = 6 −4 −4  1  1  0   makes 24 times the first line,
//        0 −4 −4  1  1  0          1  1  1           0 −2  2  1 −1  0         12 times the second,
//        0  4 −4 −1  1  0          1 −1  1           0 −1 −1  1  1  0          6 times the third
//        0 −2 −1  2  1  0          1  2  4           0 −1  1  2 −2  6          and the fourth
//        0  2 −1 −2  1  0          1 −2  4
//        0  4  0 −5  0  1          0  0  1
//
// Inputs less their zero point are in an interval of width 255 around 0, so that a place of Bᵀ d B is at most 68 · 255 = 17,340,
// weights at most 49 · 127: both are s16. Products are summed modulo 2^32, as are the outputs' transforms: what comes out is
// 9 · 2^e times the convolution, e ≤ 6, modulo 2^32. The inverse of 9 modulo 2^32 takes the 9 out; a shift by e gives the
// convolution itself if that is in [−2^25, 2^25), whatever the sums on the way were. `qs8_winograd_is_exact` (qs8_pack.c)
// proves it for a layer's weights.
#pragma once

enum { QS8_WINOGRAD_SIDE = 6, QS8_WINOGRAD_TILE = 4, QS8_WINOGRAD_PLACES = 36 };

// 9 times this is 1 modulo 2^32.
enum { QS8_WINOGRAD_NINTH = 0x38E38E39 };

// Bᵀ times a line of six, `step` apart, into another.
KERNEL_INLINE void qs8_winograd_input_line(const vs16 *d, vs16 *result, size_t step) {
  const vs16 even = vs16_sub(d[4 * step], d[2 * step]), odd = vs16_sub(d[3 * step], d[step]);
  const vs16 twice_odd = vs16_add(odd, odd);
  const vs16 twice_1 = vs16_add(d[step], d[step]), twice_2 = vs16_add(d[2 * step], d[2 * step]);
  const vs16 far_even = vs16_sub(d[4 * step], vs16_add(twice_2, twice_2));
  const vs16 far_odd = vs16_sub(d[3 * step], vs16_add(twice_1, twice_1));
  const vs16 first = vs16_sub(d[0], d[2 * step]), twice_first = vs16_add(first, first);
  result[0] = vs16_add(vs16_add(twice_first, twice_first), even);
  result[step] = vs16_add(far_even, far_odd);
  result[2 * step] = vs16_sub(far_even, far_odd);
  result[3 * step] = vs16_add(even, twice_odd);
  result[4 * step] = vs16_sub(even, twice_odd);
  result[5 * step] = vs16_sub(vs16_sub(d[5 * step], d[3 * step]), vs16_add(twice_odd, twice_odd));
}

// Aᵀ times a line of six, into a line of four.
KERNEL_INLINE void qs8_winograd_output_line(const vs32 *m, vs32 *result, size_t step) {
  const vs32 sum_1 = vs32_add(m[step], m[2 * step]), difference_1 = vs32_sub(m[step], m[2 * step]);
  const vs32 sum_2 = vs32_add(m[3 * step], m[4 * step]), difference_2 = vs32_sub(m[3 * step], m[4 * step]);
  // 6 m₀ − 4 s = 2 (m₀ + 2 (m₀ − s)), and 2 d + 6 m₅ = 2 (d + m₅ + 2 m₅).
  const vs32 rest = vs32_sub(m[0], sum_1), first = vs32_add(m[0], vs32_add(rest, rest));
  const vs32 last = vs32_add(vs32_add(difference_2, m[5 * step]), vs32_add(m[5 * step], m[5 * step]));
  result[0] = vs32_add(sum_2, vs32_add(first, first));
  result[step] = vs32_sub(difference_2, vs32_add(difference_1, difference_1));
  result[2 * step] = vs32_sub(sum_2, sum_1);
  result[3 * step] = vs32_sub(vs32_add(last, last), difference_1);
}

// `n` channels from `channel` on, at most WORD_LANES.
//
// The zero point is taken off at the end: of a patch of equal numbers, all places but that of the two lines −4 −4 1 1 are 0.
KERNEL_INLINE void qs8_winograd_input_block(const qs8_winograd_input_arguments *a, size_t channel, size_t n) {
  enum { SIDE = QS8_WINOGRAD_SIDE };
  vs16 columns[QS8_WINOGRAD_PLACES];
  UNROLL for (size_t x = 0; x < SIDE; x++) {
    vs16 patch[QS8_WINOGRAD_PLACES];
    UNROLL for (size_t y = 0; y < SIDE; y++) {
      const int8_t *pixel = a->inputs[y * SIDE + x] + channel;
      patch[y * SIDE] = n >= WORD_LANES ? vs16_load_s8(pixel) : vs16_load_s8_n(pixel, n);
    }
    qs8_winograd_input_line(patch, columns + x, SIDE);
  }
  int16_t *output = a->output + channel;
  UNROLL for (size_t y = 0; y < SIDE; y++) {
    vs16 line[SIDE];
    qs8_winograd_input_line(columns + y * SIDE, line, 1);
    if (y == 1) line[1] = vs16_sub(line[1], vs16_set((int16_t)(36 * a->zero_point)));
    UNROLL for (size_t x = 0; x < SIDE; x++, output += a->output_stride) {
      if (n >= WORD_LANES) {
        vs16_store(output, line[x]);
      } else {
        vs16_store_n(output, line[x], n);
      }
    }
  }
}

KERNEL_INLINE void qs8_winograd_input(const qs8_winograd_input_arguments *arguments) {
  const qs8_winograd_input_arguments a = *arguments;
  size_t channel = 0;
  for (; channel + WORD_LANES <= a.channels; channel += WORD_LANES) qs8_winograd_input_block(&a, channel, WORD_LANES);
  if (channel < a.channels) qs8_winograd_input_block(&a, channel, a.channels - channel);
}

// Puts away one pixel's accumulators of `n` channels.
KERNEL_INLINE void qs8_winograd_store(const qs8_winograd_output_arguments *a, size_t place, size_t n, vf32 scales,
                                      vs32 sums) {
  vs32 q = qs8_requantized(&a->requantization, scales, sums);
  if (a->residual) {
    const int8_t *residual = a->residual + place;
    q = qs8_sum(&a->addition, q, n >= LANES ? vs32_load_s8(residual) : vs32_load_s8_n(residual, n));
  }
  if (n >= LANES) {
    vs32_store_s8(a->output + place, q);
  } else {
    vs32_store_s8_n(a->output + place, q, n);
  }
}

KERNEL_INLINE void qs8_winograd_output_block(const qs8_winograd_output_arguments *a, size_t channel, size_t n) {
  enum { SIDE = QS8_WINOGRAD_SIDE, TILE = QS8_WINOGRAD_TILE };
  vs32 columns[QS8_WINOGRAD_PLACES];
  const int32_t *input = a->input + channel;
  UNROLL for (size_t x = 0; x < SIDE; x++) {
    vs32 products[QS8_WINOGRAD_PLACES];
    UNROLL for (size_t y = 0; y < SIDE; y++) products[y * SIDE] = vs32_load(input + (y * SIDE + x) * a->input_stride);
    qs8_winograd_output_line(products, columns + x, SIDE);
  }
  const vf32 scales = vf32_load(a->requantization.multipliers + channel);
  const vs32 bias = vs32_load(a->bias + channel), ninth = vs32_set(QS8_WINOGRAD_NINTH);
  // The power of two that lines of Aᵀ have beside a 3.
  const int32_t exponents[TILE] = {3, 2, 1, 1};
  UNROLL for (size_t y = 0; y < TILE; y++) {
    vs32 line[TILE];
    qs8_winograd_output_line(columns + y * SIDE, line, 1);
    UNROLL for (size_t x = 0; x < TILE; x++) {
      if (y < a->lines && x < a->pixels) {
        const vs32 sums = vs32_shift_right(vs32_mul(line[x], ninth), exponents[y] + exponents[x]);
        qs8_winograd_store(a, y * a->line_stride + x * a->pixel_stride + channel, n, scales, vs32_add(sums, bias));
      }
    }
  }
}

KERNEL_INLINE void qs8_winograd_output(const qs8_winograd_output_arguments *arguments) {
  const qs8_winograd_output_arguments a = *arguments;
  for (size_t channel = 0; channel < a.channels; channel += LANES) {
    qs8_winograd_output_block(&a, channel, a.channels - channel);
  }
}
