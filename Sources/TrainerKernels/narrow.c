// Convolution with few outputs, without patches: a vector holds sixteen outputs of one pixel. Matrix products are slow at
// such shapes, and gathering patches for them costs more than they do.
#include <string.h>

#include "clones.h"
#include "include/trainer_kernels.h"

enum { lanes = 16, pixel_tile = 14, tap_tile = 8 };

#define LOAD(p) (*(const floats16 *)(p))

void trainer_narrow_pack(const float *weights, ptrdiff_t outputs, ptrdiff_t taps, float *packed) {
  for (ptrdiff_t block = 0; block < outputs; block += lanes) {
    for (ptrdiff_t tap = 0; tap < taps; tap++) {
      for (ptrdiff_t lane = 0; lane < lanes; lane++) {
        *packed++ = block + lane < outputs ? weights[(block + lane) * taps + tap] : 0;
      }
    }
  }
}

void trainer_narrow_unpack(const float *packed, ptrdiff_t outputs, ptrdiff_t taps, float *weights) {
  for (ptrdiff_t output = 0; output < outputs; output++) {
    const float *lane = packed + output / lanes * taps * lanes + output % lanes;
    for (ptrdiff_t tap = 0; tap < taps; tap++) weights[output * taps + tap] = lane[tap * lanes];
  }
}

// Stores the first `count` lanes. Where `spill` says that what lies behind will be written later, all of them.
TRAINER_INLINE void store(float *target, const floats16 *value, ptrdiff_t count, int spill) {
  if (count >= lanes || spill) {
    *(floats16 *)target = *value;
  } else {
    memcpy(target, value, (size_t)count * sizeof(float));
  }
}

// `pixels` neighbouring outputs of one block, from the top left of the first one's window.
TRAINER_INLINE void narrow_pixels(const trainer_window *w, const float *image, const float *packed,
                                  const floats16 *start, floats16 *sums, int pixels) {
  const ptrdiff_t run = w->kernel_width * w->channels, step = w->stride_width * w->channels;
  // Sums of its own, whose address nobody has, stay in registers.
  floats16 sum[pixel_tile];
  for (int p = 0; p < pixels; p++) sum[p] = *start;
  for (ptrdiff_t ky = 0; ky < w->kernel_height; ky++) {
    const float *row = image + ky * w->dilation_height * w->width * w->channels;
    for (ptrdiff_t tap = 0; tap < run; tap++, packed += lanes) {
      floats16 weight = LOAD(packed);
      for (int p = 0; p < pixels; p++) sum[p] += weight * row[p * step + tap];
    }
  }
  for (int p = 0; p < pixels; p++) sums[p] = sum[p];
}

// The number of pixels as a constant, so that all sums stay in registers.
TRAINER_INLINE void narrow_tile(const trainer_window *w, const float *image, const float *packed,
                                const floats16 *start, floats16 *sums, ptrdiff_t pixels) {
  switch (pixels) {
#define PIXELS(n) case n: narrow_pixels(w, image, packed, start, sums, n); break;
    PIXELS(1) PIXELS(2) PIXELS(3) PIXELS(4) PIXELS(5) PIXELS(6) PIXELS(7)
    PIXELS(8) PIXELS(9) PIXELS(10) PIXELS(11) PIXELS(12) PIXELS(13) PIXELS(14)
#undef PIXELS
  }
}

// Pixels of a row are taken so many at a time: as many as leave sums in registers, in nearly equal parts.
static ptrdiff_t tile_of_row(ptrdiff_t width) {
#if defined(__x86_64__)
  // With AVX-512 a sum is one of 32 registers, before that two or four of 16.
  const ptrdiff_t most = __builtin_cpu_supports("avx512f") ? pixel_tile : 6;
#else
  const ptrdiff_t most = 6;
#endif
  ptrdiff_t tiles = (width + most - 1) / most;
  return (width + tiles - 1) / tiles;
}

TRAINER_CLONES void trainer_narrow_convolution(const trainer_window *window, ptrdiff_t output_height,
                                               ptrdiff_t outputs, const float *padded, const float *packed,
                                               const float *bias, float *output) {
  const ptrdiff_t taps = window->kernel_height * window->kernel_width * window->channels;
  const ptrdiff_t width = window->output_width, total = output_height * width * outputs;
  const ptrdiff_t tile = tile_of_row(width);
  for (ptrdiff_t block = 0; block < outputs; block += lanes, packed += taps * lanes) {
    const ptrdiff_t count = outputs - block < lanes ? outputs - block : lanes;
    floats16 start = {0};
    if (bias) memcpy(&start, bias + block, (size_t)count * sizeof(float));
    for (ptrdiff_t y = 0; y < output_height; y++) {
      for (ptrdiff_t next = 0; next < width; next += tile) {
        // The last tile of a row goes back over pixels that are done rather than be a shorter one.
        ptrdiff_t x = next + tile > width ? width - tile : next;
        floats16 sums[pixel_tile];
        const float *image = padded + (y * window->stride_height * window->width + x * window->stride_width) *
                                          window->channels;
        narrow_tile(window, image, packed, &start, sums, tile);
        for (ptrdiff_t p = 0; p < tile; p++) {
          ptrdiff_t place = (y * width + x + p) * outputs + block;
          store(output + place, &sums[p], count, outputs < lanes && place + lanes <= total);
        }
      }
    }
  }
}

// Sums of `taps` neighbouring taps over all pixels, for one block. Two pixels at a time make enough independent sums to
// hide the latency of additions.
TRAINER_INLINE void narrow_taps(const trainer_window *w, ptrdiff_t output_height, ptrdiff_t outputs,
                                const float *image, const float *gradient, float *packed, int taps) {
  floats16 even[tap_tile], odd[tap_tile];
  for (int t = 0; t < taps; t++) even[t] = odd[t] = (floats16){0};
  const ptrdiff_t step = w->stride_width * w->channels;
  for (ptrdiff_t y = 0; y < output_height; y++) {
    const float *x = image + y * w->stride_height * w->width * w->channels;
    ptrdiff_t pixel = 0;
    for (; pixel + 2 <= w->output_width; pixel += 2, x += 2 * step, gradient += 2 * outputs) {
      floats16 first = LOAD(gradient), second = LOAD(gradient + outputs);
      for (int t = 0; t < taps; t++) even[t] += first * x[t];
      for (int t = 0; t < taps; t++) odd[t] += second * x[step + t];
    }
    if (pixel < w->output_width) {
      floats16 last = LOAD(gradient);
      for (int t = 0; t < taps; t++) even[t] += last * x[t];
      gradient += outputs;
    }
  }
  for (int t = 0; t < taps; t++) *(floats16 *)(packed + t * lanes) += even[t] + odd[t];
}

TRAINER_CLONES void trainer_narrow_weight_gradient(const trainer_window *window, ptrdiff_t output_height,
                                                   ptrdiff_t outputs, const float *padded,
                                                   const float *output_gradient, float *packed) {
  const ptrdiff_t run = window->kernel_width * window->channels;
  for (ptrdiff_t block = 0; block < outputs; block += lanes) {
    const float *gradient = output_gradient + block;
    for (ptrdiff_t ky = 0; ky < window->kernel_height; ky++) {
      const float *image = padded + ky * window->dilation_height * window->width * window->channels;
      for (ptrdiff_t tap = 0; tap < run; tap += tap_tile, packed += tap_tile * lanes) {
        // The number of taps as a constant, so that all sums stay in registers.
#define TAPS(n) narrow_taps(window, output_height, outputs, image + tap, gradient, packed, n)
        switch (run - tap) {
          case 1: TAPS(1); break;
          case 2: TAPS(2); break;
          case 3: TAPS(3); break;
          case 4: TAPS(4); break;
          case 5: TAPS(5); break;
          case 6: TAPS(6); break;
          case 7: TAPS(7); break;
          default: TAPS(8); break;
        }
#undef TAPS
      }
      // Behind the last tile, which may have been a short one.
      packed -= (run + tap_tile - 1) / tap_tile * tap_tile * lanes - run * lanes;
    }
  }
}
