// The loop of all f32_dwconv kernels. Needs a simd/ header before it.
//
// Blocks of `vectors`·LANES channels outside, pixels inside: a block's weights stay in registers (`taps` constant) or in
// the first-level cache.
#pragma once

enum { F32_DWCONV_MOST_VECTORS = 4 };

// One pixel of `n` channels, beginning at `channel` of the tensor; n = vectors·LANES unless it is the last block.
KERNEL_INLINE void f32_dwconv_pixel(const f32_dwconv_arguments *a, size_t vectors, size_t taps, const float *weights,
                                    size_t channel, size_t n, const float *const *inputs, float *output) {
  const size_t nr = vectors * LANES;
  const size_t offset = a->input_offset + channel;
  vf32 sums[F32_DWCONV_MOST_VECTORS];
  UNROLL for (size_t v = 0; v < vectors; v++) sums[v] = vf32_load(weights + v * LANES);
  for (size_t t = 0; t < taps; t++) {
    const float *x = inputs[t] + offset;
    const float *w = weights + (1 + t) * nr;
    UNROLL for (size_t v = 0; v < vectors; v++) {
      if (n >= (v + 1) * LANES) {
        sums[v] = vf32_fma(vf32_load(x + v * LANES), vf32_load(w + v * LANES), sums[v]);
      } else if (n > v * LANES) {
        sums[v] = vf32_fma(vf32_load_n(x + v * LANES, n - v * LANES), vf32_load(w + v * LANES), sums[v]);
      }
    }
  }
  UNROLL for (size_t v = 0; v < vectors; v++) {
    vf32 y = vf32_clamp(sums[v], a->minimum, a->maximum);
    if (n >= (v + 1) * LANES) {
      vf32_store(output + channel + v * LANES, y);
    } else if (n > v * LANES) {
      vf32_store_n(output + channel + v * LANES, y, n - v * LANES);
    }
  }
}

// `vectors` is a constant known where this is inlined, and `taps` too in a kernel made for one window.
KERNEL_INLINE void f32_dwconv(const f32_dwconv_arguments *a, size_t vectors, size_t taps) {
  const size_t nr = vectors * LANES;
  const float *weights = a->weights;
  size_t channel = 0;
  for (; channel + nr <= a->channels; channel += nr, weights += nr * (1 + taps)) {
    for (size_t p = 0; p < a->pixels; p++) {
      f32_dwconv_pixel(a, vectors, taps, weights, channel, nr, a->inputs + p * a->input_step,
                       a->output + p * a->output_stride);
    }
  }
  if (channel < a->channels) {
    for (size_t p = 0; p < a->pixels; p++) {
      f32_dwconv_pixel(a, vectors, taps, weights, channel, a->channels - channel, a->inputs + p * a->input_step,
                       a->output + p * a->output_stride);
    }
  }
}
