// The loops of all depthwise convolution kernels, float and s8. f32_dwconv.h and qs8_dwconv.h define for them, in terms
// of a block of DW_BLOCK channels and groups of DW_KR taps:
// - dw_element, and dw_sums, dw_inputs, dw_weights: what registers hold of a block;
// - `dw_inputs dw_load(const dw_element *const *taps, size_t second, size_t count, size_t offset, size_t n)`: n channels from `offset` on,
//   of `count` ≤ DW_KR taps, the rest of the group being 0 or anything finite;
// - `dw_weights dw_load_weights(const dw_element *)`, `dw_sums dw_load_head(const dw_shape *, const void *)`;
// - `dw_sums dw_dot(dw_sums, dw_inputs, dw_weights)`;
// - dw_scales, `dw_scales dw_load_scales(const dw_shape *, size_t channel)`: what the epilogue needs of a block.
// - DW_PAIRS: whether a block can be DW_BLOCK / 2 channels of two pixels instead. If so, dw_load takes as `second` how many
//   pointers behind `taps` those of the second pixel are, or 0; and dw_both_… repeat the first half of a block in the second.
#pragma once

enum { DW_MOST_WIDTH = 5, DW_MOST_GROUPS = 5 };

// Puts away the sums of `n` channels of `pixel`, and, unless `segment` is 0, of the pixel `segment` further on.
typedef void (*dw_store)(const void *arguments, const dw_scales *scales, size_t pixel, size_t segment, size_t channel,
                         size_t n, dw_sums sums);

// Bytes of a block's head, and of a group of taps.
enum { DW_HEAD = DW_BLOCK * sizeof(int32_t), DW_GROUP = DW_BLOCK * DW_KR * sizeof(dw_element) };

KERNEL_INLINE dw_weights dw_weights_at(const char *block, size_t group) {
  return dw_load_weights((const dw_element *)(block + DW_HEAD + group * DW_GROUP));
}

// A run of `pixels` windows `height` × `width` with the given stride, n channels from `channel` on; as a `pair`, of which
// n is at most half a block, together with a run `segment` pixels further on.
//
// The windows advance column by column: each column of the input is loaded once, and takes part in all windows that
// hold it. sums[i] belongs to the window of which the column is number i·stride + phase.
KERNEL_INLINE void dw_slide(const dw_shape *a, const void *arguments, dw_store store, size_t height, size_t width,
                            size_t stride, const char *block, size_t channel, size_t n, size_t pixel, size_t pixels,
                            bool pair, size_t segment) {
  const size_t second = pair ? segment * a->input_step : 0;
  const size_t groups = (height + DW_KR - 1) / DW_KR;
  const size_t last = (width - 1) / stride;        // sums[last] is complete …
  const size_t last_phase = (width - 1) % stride;  // … after this column of its stride
  dw_weights weights[DW_MOST_WIDTH * DW_MOST_GROUPS];
  UNROLL for (size_t i = 0; i < width * groups; i++) {
    weights[i] = dw_weights_at(block, i);
    if (pair) weights[i] = dw_both_weights(weights[i]);
  }
  dw_sums head = dw_load_head(a, block);
  dw_scales scales = dw_load_scales(a, channel);
  if (pair) head = dw_both_sums(head), scales = dw_both_scales(scales);
  const dw_element *const *inputs = a->inputs + pixel * a->input_step;
  const size_t offset = a->input_offset + channel;
  dw_sums sums[DW_MOST_WIDTH];
  UNROLL for (size_t i = 0; i <= last; i++) sums[i] = head;
  for (size_t step = 0; step < pixels + last; step++) {
    UNROLL for (size_t phase = 0; phase < stride; phase++, inputs += height) {
      if (phase > last_phase && step + 1 == pixels + last) return;
      UNROLL for (size_t g = 0; g < groups; g++) {
        const size_t count = height - g * DW_KR < DW_KR ? height - g * DW_KR : DW_KR;
        const dw_inputs x = dw_load(inputs + g * DW_KR, second, count, offset, n);
        UNROLL for (size_t i = last + 1; i-- > 0;) {
          const size_t column = i * stride + phase;
          // A new step: every window is one stride further, and a new one begins.
          if (phase == 0 && g == 0) sums[i] = i > 0 ? sums[i - 1] : head;
          if (column < width) sums[i] = dw_dot(sums[i], x, weights[column * groups + g]);
        }
      }
      if (phase == last_phase && step >= last) {
        store(arguments, &scales, pixel + step - last, pair ? segment : 0, channel, n, sums[last]);
      }
    }
  }
}

KERNEL_INLINE void dw_window_block(const dw_shape *a, const void *arguments, dw_store store, size_t height,
                                   size_t width, const char *block, size_t channel, size_t n) {
  if (a->input_step == height) {
    dw_slide(a, arguments, store, height, width, 1, block, channel, n, 0, a->pixels, false, 0);
  } else if (a->input_step == 2 * height) {
    dw_slide(a, arguments, store, height, width, 2, block, channel, n, 0, a->pixels, false, 0);
  } else {
    for (size_t p = 0; p < a->pixels; p++) {
      dw_slide(a, arguments, store, height, width, 1, block, channel, n, p, 1, false, 0);
    }
  }
}

// At most half a block of channels: both halves of the run at once, which have a pixel in common if their sum is odd.
KERNEL_INLINE void dw_window_pair(const dw_shape *a, const void *arguments, dw_store store, size_t height,
                                  size_t width, const char *block, size_t channel, size_t n) {
  const size_t half = (a->pixels + 1) / 2;
  if (a->input_step == height) {
    dw_slide(a, arguments, store, height, width, 1, block, channel, n, 0, half, true, a->pixels - half);
  } else {
    dw_slide(a, arguments, store, height, width, 2, block, channel, n, 0, half, true, a->pixels - half);
  }
}

// A kernel for windows `height` × `width`, constants known where this is inlined.
KERNEL_INLINE void dw_window(const dw_shape *a, const void *arguments, dw_store store, size_t height, size_t width) {
  const size_t size = DW_HEAD + width * ((height + DW_KR - 1) / DW_KR) * DW_GROUP;
  const char *block = a->weights;
  size_t channel = 0;
  for (; channel + DW_BLOCK <= a->channels; channel += DW_BLOCK, block += size) {
    dw_window_block(a, arguments, store, height, width, block, channel, DW_BLOCK);
  }
  const size_t n = a->channels - channel;
  if (n == 0) return;
  const bool slides = a->input_step == height || a->input_step == 2 * height;
  if (DW_PAIRS && n <= DW_BLOCK / 2 && slides && a->pixels > 1) {
    dw_window_pair(a, arguments, store, height, width, block, channel, n);
  } else {
    dw_window_block(a, arguments, store, height, width, block, channel, n);
  }
}

KERNEL_INLINE void dw_any_block(const dw_shape *a, const void *arguments, dw_store store, const char *block,
                                size_t channel, size_t n) {
  const dw_sums head = dw_load_head(a, block);
  const dw_scales scales = dw_load_scales(a, channel);
  const size_t offset = a->input_offset + channel;
  for (size_t p = 0; p < a->pixels; p++) {
    const dw_element *const *inputs = a->inputs + p * a->input_step;
    dw_sums sums = head;
    size_t tap = 0;
    for (; tap + DW_KR <= a->taps; tap += DW_KR) {
      sums = dw_dot(sums, dw_load(inputs + tap, 0, DW_KR, offset, n), dw_weights_at(block, tap / DW_KR));
    }
    for (size_t count = 1; count < DW_KR; count++) {
      if (tap + count != a->taps) continue;
      sums = dw_dot(sums, dw_load(inputs + tap, 0, count, offset, n), dw_weights_at(block, tap / DW_KR));
    }
    store(arguments, &scales, p, 0, channel, n, sums);
  }
}

// A kernel for any number of taps.
KERNEL_INLINE void dw_any(const dw_shape *a, const void *arguments, dw_store store) {
  const size_t size = DW_HEAD + (a->taps + DW_KR - 1) / DW_KR * DW_GROUP;
  const char *block = a->weights;
  size_t channel = 0;
  for (; channel + DW_BLOCK <= a->channels; channel += DW_BLOCK, block += size) {
    dw_any_block(a, arguments, store, block, channel, DW_BLOCK);
  }
  if (channel < a->channels) dw_any_block(a, arguments, store, block, channel, a->channels - channel);
}
