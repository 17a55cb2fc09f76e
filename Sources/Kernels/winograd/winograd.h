// The transforms of Winograd's F(4×4, 3×3), float (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks",
// 2016). Needs a simd/ header before it.
//
// A 3×3 convolution of stride 1 makes 4×4 outputs of a 6×6 patch by 36 products instead of 144: Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A.
// The matrices interpolate polynomials at the points 0, ±1/√2, ±√2 and ∞. With the better known 0, ±1, ±2, ∞ their
// entries are less balanced and rounding errors several times as large. With p = 1/√2 and q = √2:
//
//   Bᵀ = 1   0  −5/2    0   1  0      Aᵀ = 1  1    1   1   1  0      G = 1                    0              0
//        0  −q  −2      p   1  0           0  p   −p   q  −q  0          [1 ±p  1/2] / −3/2
//        0   q  −2     −p   1  0           0  1/2 1/2  2   2  0          [1 ±q  2]   / 6
//        0  −p  −1/2    q   1  0           0  p/2 −p/2 2q −2q 1          0                    0              1
//        0   p  −1/2   −q   1  0
//        0   1   0   −5/2   0  1
#pragma once

enum { WINOGRAD_SIDE = 6, WINOGRAD_TILE = 4, WINOGRAD_PLACES = WINOGRAD_SIDE * WINOGRAD_SIDE };

#define WINOGRAD_P 0.70710678118654752f
#define WINOGRAD_Q 1.41421356237309505f

// Bᵀ times a line of six, `step` apart, into another.
KERNEL_INLINE void winograd_input_line(const vf32 *d, vf32 *result, size_t step) {
  const vf32 minus_two = vf32_set(-2), minus_half = vf32_set(-0.5f), minus_both = vf32_set(-2.5f);
  const vf32 even_p = vf32_fma(minus_two, d[2 * step], d[4 * step]);
  const vf32 odd_p = vf32_fma(minus_two, d[step], d[3 * step]);
  const vf32 even_q = vf32_fma(minus_half, d[2 * step], d[4 * step]);
  const vf32 odd_q = vf32_fma(minus_half, d[step], d[3 * step]);
  result[0] = vf32_fma(minus_both, d[2 * step], vf32_add(d[0], d[4 * step]));
  result[step] = vf32_fma(vf32_set(WINOGRAD_P), odd_p, even_p);
  result[2 * step] = vf32_fma(vf32_set(-WINOGRAD_P), odd_p, even_p);
  result[3 * step] = vf32_fma(vf32_set(WINOGRAD_Q), odd_q, even_q);
  result[4 * step] = vf32_fma(vf32_set(-WINOGRAD_Q), odd_q, even_q);
  result[5 * step] = vf32_fma(minus_both, d[3 * step], vf32_add(d[step], d[5 * step]));
}

// Aᵀ times a line of six, into a line of four.
KERNEL_INLINE void winograd_output_line(const vf32 *m, vf32 *result, size_t step) {
  const vf32 even_p = vf32_add(m[step], m[2 * step]), odd_p = vf32_sub(m[step], m[2 * step]);
  const vf32 even_q = vf32_add(m[3 * step], m[4 * step]), odd_q = vf32_sub(m[3 * step], m[4 * step]);
  result[0] = vf32_add(m[0], vf32_add(even_p, even_q));
  result[step] = vf32_fma(vf32_set(WINOGRAD_Q), odd_q, vf32_mul(vf32_set(WINOGRAD_P), odd_p));
  result[2 * step] = vf32_fma(vf32_set(2), even_q, vf32_mul(vf32_set(0.5f), even_p));
  result[3 * step] = vf32_fma(vf32_set(2 * WINOGRAD_Q), odd_q, vf32_fma(vf32_set(WINOGRAD_P / 2), odd_p, m[5 * step]));
}

// `n` channels from `channel` on, at most LANES.
KERNEL_INLINE void winograd_input_block(const f32_winograd_input_arguments *a, size_t channel, size_t n) {
  vf32 columns[WINOGRAD_PLACES];
  UNROLL for (size_t x = 0; x < WINOGRAD_SIDE; x++) {
    vf32 patch[WINOGRAD_PLACES];
    UNROLL for (size_t y = 0; y < WINOGRAD_SIDE; y++) {
      const float *pixel = a->inputs[y * WINOGRAD_SIDE + x] + channel;
      patch[y * WINOGRAD_SIDE] = n >= LANES ? vf32_load(pixel) : vf32_load_n(pixel, n);
    }
    winograd_input_line(patch, columns + x, WINOGRAD_SIDE);
  }
  float *output = a->output + channel;
  UNROLL for (size_t y = 0; y < WINOGRAD_SIDE; y++) {
    vf32 line[WINOGRAD_SIDE];
    winograd_input_line(columns + y * WINOGRAD_SIDE, line, 1);
    UNROLL for (size_t x = 0; x < WINOGRAD_SIDE; x++, output += a->output_stride) {
      if (n >= LANES) {
        vf32_store(output, line[x]);
      } else {
        vf32_store_n(output, line[x], n);
      }
    }
  }
}

KERNEL_INLINE void winograd_input(const f32_winograd_input_arguments *arguments) {
  const f32_winograd_input_arguments a = *arguments;
  size_t channel = 0;
  for (; channel + LANES <= a.channels; channel += LANES) winograd_input_block(&a, channel, LANES);
  if (channel < a.channels) winograd_input_block(&a, channel, a.channels - channel);
}

KERNEL_INLINE void winograd_store(const f32_winograd_output_arguments *a, size_t place, size_t n, vf32 sum) {
  if (n >= LANES) {
    if (a->residual) sum = vf32_add(sum, vf32_load(a->residual + place));
    vf32_store(a->output + place, vf32_clamp(sum, a->minimum, a->maximum));
  } else {
    if (a->residual) sum = vf32_add(sum, vf32_load_n(a->residual + place, n));
    vf32_store_n(a->output + place, vf32_clamp(sum, a->minimum, a->maximum), n);
  }
}

KERNEL_INLINE void winograd_output_block(const f32_winograd_output_arguments *a, size_t channel, size_t n) {
  vf32 columns[WINOGRAD_PLACES];
  const float *input = a->input + channel;
  UNROLL for (size_t x = 0; x < WINOGRAD_SIDE; x++) {
    vf32 products[WINOGRAD_PLACES];
    UNROLL for (size_t y = 0; y < WINOGRAD_SIDE; y++) {
      const float *place = input + (y * WINOGRAD_SIDE + x) * a->input_stride;
      products[y * WINOGRAD_SIDE] = n >= LANES ? vf32_load(place) : vf32_load_n(place, n);
    }
    winograd_output_line(products, columns + x, WINOGRAD_SIDE);
  }
  const vf32 bias = n >= LANES ? vf32_load(a->bias + channel) : vf32_load_n(a->bias + channel, n);
  UNROLL for (size_t y = 0; y < WINOGRAD_TILE; y++) {
    vf32 line[WINOGRAD_TILE];
    winograd_output_line(columns + y * WINOGRAD_SIDE, line, 1);
    UNROLL for (size_t x = 0; x < WINOGRAD_TILE; x++) {
      if (y < a->lines && x < a->pixels) {
        winograd_store(a, y * a->line_stride + x * a->pixel_stride + channel, n, vf32_add(line[x], bias));
      }
    }
  }
}

KERNEL_INLINE void winograd_output(const f32_winograd_output_arguments *arguments) {
  const f32_winograd_output_arguments a = *arguments;
  size_t channel = 0;
  for (; channel + LANES <= a.channels; channel += LANES) winograd_output_block(&a, channel, LANES);
  if (channel < a.channels) winograd_output_block(&a, channel, a.channels - channel);
}
