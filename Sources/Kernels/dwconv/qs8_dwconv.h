// The loop of all qs8_dwconv and qs8_f32_dwconv kernels. Needs what igemm/qs8_igemm.h needs, and
// `qs8_inputs qs8_interleave(const int8_t *const *taps, size_t offset)` with its `_n` variant: LANES channels of QS8_KR taps, the
// taps of one channel side by side, so that qs8_dot sums over taps.
#pragma once

enum { QS8_DWCONV_MOST_VECTORS = 4 };

// What static and dynamic quantization have in common.
typedef struct {
  size_t pixels, channels, taps;
  const int8_t *const *inputs;
  size_t input_step, input_offset;
  const int8_t *weights;
  int32_t head_factor;  // as in igemm/qs8_igemm.h
} qs8_dwconv_shape;

// Puts away `n` ≥ 1 sums (LANES when n is larger) of one pixel, beginning at `channel`.
typedef void (*qs8_dwconv_store)(const void *arguments, size_t pixel, size_t channel, size_t n, vs32 sums);

// One pixel of `n` channels, beginning at `channel`; n = vectors·LANES unless it is the last block.
KERNEL_INLINE void qs8_dwconv_pixel(const qs8_dwconv_shape *a, const void *arguments, qs8_dwconv_store store,
                                    size_t vectors, size_t taps, const int8_t *weights, size_t channel, size_t n,
                                    size_t pixel) {
  const size_t nr = vectors * LANES;
  const int8_t *const *inputs = a->inputs + pixel * a->input_step;
  vs32 sums[QS8_DWCONV_MOST_VECTORS];
  UNROLL for (size_t v = 0; v < vectors; v++) {
    vs32 head = vs32_load((const int32_t *)weights + v * LANES);
    sums[v] = vs32_mul(head, vs32_set(a->head_factor));
  }
  const int8_t *w = weights + nr * sizeof(int32_t);
  for (size_t t = 0; t < taps; t += QS8_KR, w += nr * QS8_KR) {
    const int8_t *x[QS8_KR];
    // Past the last tap the weights are 0: any tap will do.
    UNROLL for (size_t i = 0; i < QS8_KR; i++) {
      x[i] = inputs[t + i < taps ? t + i : taps - 1] + a->input_offset + channel;
    }
    UNROLL for (size_t v = 0; v < vectors; v++) {
      if (n >= (v + 1) * LANES) {
        sums[v] = qs8_dot(sums[v], qs8_interleave(x, v * LANES), qs8_load_weights(w + v * LANES * QS8_KR));
      } else if (n > v * LANES) {
        qs8_inputs interleaved = qs8_interleave_n(x, v * LANES, n - v * LANES);
        sums[v] = qs8_dot(sums[v], interleaved, qs8_load_weights(w + v * LANES * QS8_KR));
      }
    }
  }
  UNROLL for (size_t v = 0; v < vectors; v++) {
    if (n > v * LANES) store(arguments, pixel, channel + v * LANES, n - v * LANES, sums[v]);
  }
}

// `vectors` is a constant known where this is inlined, and `taps` too in a kernel made for one window.
KERNEL_INLINE void qs8_dwconv_any(const qs8_dwconv_shape *a, const void *arguments, qs8_dwconv_store store,
                                  size_t vectors, size_t taps) {
  const size_t nr = vectors * LANES;
  const size_t block_size = nr * (sizeof(int32_t) + (taps + QS8_KR - 1) / QS8_KR * QS8_KR);
  const int8_t *weights = a->weights;
  size_t channel = 0;
  for (; channel + nr <= a->channels; channel += nr, weights += block_size) {
    for (size_t p = 0; p < a->pixels; p++) {
      qs8_dwconv_pixel(a, arguments, store, vectors, taps, weights, channel, nr, p);
    }
  }
  if (channel < a->channels) {
    for (size_t p = 0; p < a->pixels; p++) {
      qs8_dwconv_pixel(a, arguments, store, vectors, taps, weights, channel, a->channels - channel, p);
    }
  }
}

KERNEL_INLINE void qs8_dwconv_store_s8(const void *arguments, size_t pixel, size_t channel, size_t n, vs32 sums) {
  const qs8_dwconv_arguments *a = arguments;
  int8_t *output = a->output + pixel * a->output_stride + channel;
  vs32 q = qs8_requantize(&a->requantization, a->requantization.multipliers + channel, sums);
  if (n >= LANES) {
    vs32_store_s8(output, q);
  } else {
    vs32_store_s8_n(output, q, n);
  }
}

KERNEL_INLINE void qs8_dwconv_store_f32(const void *arguments, size_t pixel, size_t channel, size_t n, vs32 sums) {
  const qs8_f32_dwconv_arguments *a = arguments;
  const qs8_dequantization *d = &a->dequantization;
  float *output = a->output + pixel * a->output_stride + channel;
  vf32 y = vf32_clamp(qs8_dequantize(d->multipliers + channel, d->bias + channel, sums), d->minimum, d->maximum);
  if (n >= LANES) {
    vf32_store(output, y);
  } else {
    vf32_store_n(output, y, n);
  }
}

KERNEL_INLINE void qs8_dwconv(const qs8_dwconv_arguments *a, size_t vectors, size_t taps) {
  const qs8_dwconv_shape shape = {a->pixels,     a->channels,     taps,       a->inputs,
                                  a->input_step, a->input_offset, a->weights, 1};
  qs8_dwconv_any(&shape, a, qs8_dwconv_store_s8, vectors, taps);
}

KERNEL_INLINE void qs8_f32_dwconv(const qs8_f32_dwconv_arguments *a, size_t vectors, size_t taps) {
  const int32_t factor = -(a->dequantization.input_zero_point + QS8_INPUT_BIAS);
  const qs8_dwconv_shape shape = {a->pixels,     a->channels,     taps,       a->inputs,
                                  a->input_step, a->input_offset, a->weights, factor};
  qs8_dwconv_any(&shape, a, qs8_dwconv_store_f32, vectors, taps);
}
