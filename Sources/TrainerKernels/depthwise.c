#include "clones.h"
#include "include/trainer_kernels.h"

// Where tap (ky, kx) of output pixel (oy, ox) looks.
TRAINER_INLINE ptrdiff_t tap_place(const trainer_window *w, ptrdiff_t oy, ptrdiff_t ox, ptrdiff_t ky, ptrdiff_t kx) {
  ptrdiff_t y = oy * w->stride_height + ky * w->dilation_height;
  ptrdiff_t x = ox * w->stride_width + kx * w->dilation_width;
  return (y * w->width + x) * w->channels;
}

TRAINER_CLONES void trainer_depthwise(const trainer_window *window, ptrdiff_t output_height, ptrdiff_t multiplier,
                                      const float *padded, const float *weights, float *output) {
  const ptrdiff_t channels = window->channels, outputs = channels * multiplier;
  for (ptrdiff_t oy = 0; oy < output_height; oy++) {
    for (ptrdiff_t ox = 0; ox < window->output_width; ox++, output += outputs) {
      const float *w = weights;
      for (ptrdiff_t ky = 0; ky < window->kernel_height; ky++) {
        for (ptrdiff_t kx = 0; kx < window->kernel_width; kx++, w += outputs) {
          const float *x = padded + tap_place(window, oy, ox, ky, kx);
          float *restrict y = output;
          if (multiplier == 1) {
            for (ptrdiff_t c = 0; c < channels; c++) y[c] += x[c] * w[c];
          } else {
            for (ptrdiff_t c = 0; c < channels; c++) {
              for (ptrdiff_t m = c * multiplier; m < (c + 1) * multiplier; m++) y[m] += x[c] * w[m];
            }
          }
        }
      }
    }
  }
}

TRAINER_CLONES void trainer_depthwise_gradient(const trainer_window *window, ptrdiff_t output_height,
                                               ptrdiff_t multiplier, const float *padded, const float *weights,
                                               const float *output_gradient, float *padded_gradient,
                                               float *weight_gradient) {
  const ptrdiff_t channels = window->channels, outputs = channels * multiplier;
  for (ptrdiff_t oy = 0; oy < output_height; oy++) {
    for (ptrdiff_t ox = 0; ox < window->output_width; ox++, output_gradient += outputs) {
      ptrdiff_t tap = 0;
      for (ptrdiff_t ky = 0; ky < window->kernel_height; ky++) {
        for (ptrdiff_t kx = 0; kx < window->kernel_width; kx++, tap += outputs) {
          ptrdiff_t place = tap_place(window, oy, ox, ky, kx);
          const float *restrict x = padded + place;
          const float *restrict w = weights + tap;
          const float *restrict g = output_gradient;
          float *restrict dw = weight_gradient + tap;
          for (ptrdiff_t c = 0; c < channels; c++) {
            for (ptrdiff_t m = c * multiplier; m < (c + 1) * multiplier; m++) dw[m] += x[c] * g[m];
          }
          if (!padded_gradient) continue;
          float *restrict dx = padded_gradient + place;
          for (ptrdiff_t c = 0; c < channels; c++) {
            for (ptrdiff_t m = c * multiplier; m < (c + 1) * multiplier; m++) dx[c] += w[m] * g[m];
          }
        }
      }
    }
  }
}
