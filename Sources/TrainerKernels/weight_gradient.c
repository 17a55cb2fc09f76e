// Gradient of a convolution's weights without patches. A window's row is one run of the padded image: sums of a few outputs
// times a few vectors of a run stay in registers while the pixels pass, and need no packing on either side.
#include "clones.h"
#include "include/trainer_kernels.h"

enum { lanes = 16, most_rows = 8, most_vectors = 3 };

// Elements of image and gradient that stay in the first cache while all sums take their part of them.
enum { band_elements = 10240 };

#define LOAD(p) (*(const floats16 *)(p))

// A band of output rows.
typedef struct {
  const trainer_window *window;
  ptrdiff_t output_rows, gradient_stride;
} trainer_band;

// weight_gradient [rows, `count` of a run], rows `stride` apart.
TRAINER_INLINE void add_products(const trainer_band *band, const float *image, const float *gradient,
                                 float *weight_gradient, ptrdiff_t stride, ptrdiff_t count, int rows, int vectors) {
  const trainer_window *w = band->window;
  const ptrdiff_t step = w->stride_width * w->channels, gradient_step = band->gradient_stride;
  floats16 sum[most_rows][most_vectors];
  TRAINER_UNROLL for (int r = 0; r < rows; r++) {
    TRAINER_UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = (floats16){0};
  }
  for (ptrdiff_t y = 0; y < band->output_rows; y++) {
    const float *x = image + y * w->stride_height * w->width * w->channels;
    for (ptrdiff_t pixel = 0; pixel < w->output_width; pixel++, x += step, gradient += gradient_step) {
      floats16 run[most_vectors];
      TRAINER_UNROLL for (int v = 0; v < vectors; v++) run[v] = LOAD(x + v * lanes);
      TRAINER_UNROLL for (int r = 0; r < rows; r++) {
        TRAINER_UNROLL for (int v = 0; v < vectors; v++) sum[r][v] += run[v] * gradient[r];
      }
    }
  }
  TRAINER_UNROLL for (int r = 0; r < rows; r++, weight_gradient += stride) {
    for (int v = 0; v < vectors - 1; v++) *(floats16 *)(weight_gradient + v * lanes) += sum[r][v];
    const ptrdiff_t last = (vectors - 1) * lanes;
    if (count - last >= lanes) {
      *(floats16 *)(weight_gradient + last) += sum[r][vectors - 1];
    } else {
      for (ptrdiff_t i = last; i < count; i++) weight_gradient[i] += sum[r][vectors - 1][i - last];
    }
  }
}

// The numbers of rows and vectors as constants, so that all sums stay in registers.
TRAINER_INLINE void add_tile(const trainer_band *band, const float *image, const float *gradient,
                             float *weight_gradient, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t rows) {
#define TILE(r, v) add_products(band, image, gradient, weight_gradient, stride, count, r, v)
#define ROWS(r) case r: if (count > 2 * lanes) TILE(r, 3); else if (count > lanes) TILE(r, 2); else TILE(r, 1); break;
  switch (rows) {
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8)
  }
#undef ROWS
#undef TILE
}

// One run of all windows: `run` elements from `image` on, into `run` of each output's weights.
TRAINER_INLINE void add_run(const trainer_band *band, ptrdiff_t outputs, const float *image, const float *gradient,
                            float *weight_gradient, ptrdiff_t stride, ptrdiff_t run, ptrdiff_t rows,
                            ptrdiff_t vectors) {
  for (ptrdiff_t first = 0; first < run; first += vectors * lanes) {
    const ptrdiff_t count = run - first < vectors * lanes ? run - first : vectors * lanes;
    for (ptrdiff_t output = 0; output < outputs; output += rows) {
      const ptrdiff_t some = outputs - output < rows ? outputs - output : rows;
      add_tile(band, image + first, gradient + output, weight_gradient + output * stride + first, stride, count, some);
    }
  }
}

TRAINER_CLONES void trainer_weight_gradient(const trainer_window *w, ptrdiff_t output_height, ptrdiff_t outputs,
                                            ptrdiff_t gradient_stride, const float *padded,
                                            const float *output_gradient, float *weight_gradient) {
  // 24 sums in the 32 registers of AVX-512, 12 in the 16 of AVX2, where a vector takes two.
#if defined(__x86_64__)
  const int wide = __builtin_cpu_supports("avx512f");
#else
  const int wide = 0;
#endif
  const ptrdiff_t rows = wide ? most_rows : 6, vectors = wide ? most_vectors : 1;
  // All channels of a window's row lie in one run, a group's only those of one tap.
  const int whole = w->dilation_width == 1 && w->group_channels == w->channels;
  const ptrdiff_t taps = whole ? 1 : w->kernel_width;
  const ptrdiff_t run = whole ? w->kernel_width * w->channels : w->group_channels;
  const ptrdiff_t weights = w->kernel_height * w->kernel_width * w->group_channels;
  const ptrdiff_t image_row = w->width * w->channels, gradient_row = w->output_width * gradient_stride;
  ptrdiff_t height = band_elements / (w->stride_height * image_row + gradient_row);
  height = height < 1 ? 1 : height;
  for (ptrdiff_t y = 0; y < output_height; y += height) {
    const trainer_band band = {w, output_height - y < height ? output_height - y : height, gradient_stride};
    const float *image = padded + y * w->stride_height * image_row + w->first_channel;
    const float *gradient = output_gradient + y * gradient_row;
    for (ptrdiff_t ky = 0; ky < w->kernel_height; ky++) {
      for (ptrdiff_t tap = 0; tap < taps; tap++) {
        add_run(&band, outputs, image + ky * w->dilation_height * image_row + tap * w->dilation_width * w->channels,
                gradient, weight_gradient + (ky * taps + tap) * run, weights, run, rows, vectors);
      }
    }
  }
}
