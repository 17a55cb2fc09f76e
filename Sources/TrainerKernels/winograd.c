// The transforms of Winograd's F(4×4, 3×3) that only training needs: those of the weights' gradient. With the matrices of
// Sources/Kernels/winograd/winograd.h, outputs are Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, so that the gradient of g is
// Gᵀ[Σ over tiles of (A ∂Y Aᵀ) ⊙ (Bᵀ d B)]G.
#include <string.h>

#include "clones.h"
#include "include/trainer_kernels.h"

enum { lanes = 16, side = 6, tile = 4, window = 3 };

static const float p = 0.70710678118654752f, q = 1.41421356237309505f;

// A times a line of four, `step` apart, into a line of six.
TRAINER_INLINE void gradient_line(const floats16 *g, floats16 *result, ptrdiff_t step) {
  const floats16 even_p = g[0] + g[2 * step] * 0.5f, odd_p = g[step] * p + g[3 * step] * (p / 2);
  const floats16 even_q = g[0] + g[2 * step] * 2.0f, odd_q = g[step] * q + g[3 * step] * (2 * q);
  result[0] = g[0];
  result[step] = even_p + odd_p;
  result[2 * step] = even_p - odd_p;
  result[3 * step] = even_q + odd_q;
  result[4 * step] = even_q - odd_q;
  result[5 * step] = g[3 * step];
}

// Gᵀ times a line of six, `step` apart, into a line of three.
TRAINER_INLINE void weight_line(const floats16 *u, floats16 *result, ptrdiff_t step) {
  const floats16 even_p = u[step] + u[2 * step], odd_p = u[step] - u[2 * step];
  const floats16 even_q = u[3 * step] + u[4 * step], odd_q = u[3 * step] - u[4 * step];
  result[0] = u[0] - even_p * (2.0f / 3) + even_q * (1.0f / 6);
  result[step] = odd_q * (q / 6) - odd_p * (p * 2 / 3);
  result[2 * step] = (even_q - even_p) * (1.0f / 3) + u[5 * step];
}

TRAINER_CLONES void trainer_winograd_gradient(const float *const *gradient, ptrdiff_t channels, float *output,
                                              ptrdiff_t stride) {
  for (ptrdiff_t c = 0; c < channels; c += lanes) {
    floats16 columns[side * side];
    TRAINER_UNROLL for (int x = 0; x < tile; x++) {
      floats16 values[tile * side];
      TRAINER_UNROLL for (int y = 0; y < tile; y++) values[y * side] = *(const floats16 *)(gradient[y * tile + x] + c);
      gradient_line(values, columns + x, side);
    }
    TRAINER_UNROLL for (int y = 0; y < side; y++) {
      floats16 line[side];
      gradient_line(columns + y * side, line, 1);
      TRAINER_UNROLL for (int x = 0; x < side; x++) *(floats16 *)(output + (y * side + x) * stride + c) = line[x];
    }
  }
}

TRAINER_CLONES void trainer_winograd_weight_gradient(const float *products, ptrdiff_t stride, ptrdiff_t outputs,
                                                     ptrdiff_t inputs, float *weight_gradient) {
  for (ptrdiff_t output = 0; output < outputs; output++, products += inputs) {
    for (ptrdiff_t c = 0; c < inputs; c += lanes) {
      const size_t bytes = (size_t)(inputs - c < lanes ? inputs - c : lanes) * sizeof(float);
      floats16 columns[window * side];
      TRAINER_UNROLL for (int x = 0; x < side; x++) {
        floats16 values[side * side];
        TRAINER_UNROLL for (int y = 0; y < side; y++) values[y * side] = *(const floats16 *)(products + (y * side + x) * stride + c);
        weight_line(values, columns + x, side);
      }
      TRAINER_UNROLL for (int y = 0; y < window; y++) {
        floats16 line[side];
        weight_line(columns + y * side, line, 1);
        TRAINER_UNROLL for (int x = 0; x < window; x++) {
          float *target = weight_gradient + ((output * window + y) * window + x) * inputs + c;
          if (bytes == sizeof(floats16)) {
            *(floats16 *)target += line[x];
          } else {
            floats16 sum;
            memcpy(&sum, target, bytes);
            sum += line[x];
            memcpy(target, &sum, bytes);
          }
        }
      }
    }
  }
}

// Whether any of a pixel's channels is not 0.
TRAINER_INLINE unsigned char is_live(const float *restrict pixel, ptrdiff_t channels) {
  for (ptrdiff_t c = 0; c < channels; c += lanes) {
    const ptrdiff_t count = channels - c < lanes ? channels - c : lanes;
    int live = 0;
    if (count == lanes) {
      for (int lane = 0; lane < lanes; lane++) live |= pixel[c + lane] != 0;
    } else {
      for (ptrdiff_t lane = 0; lane < count; lane++) live |= pixel[c + lane] != 0;
    }
    if (live) return 1;
  }
  return 0;
}

TRAINER_CLONES int trainer_find_zero_windows(const trainer_zero_windows *w, const float *image,
                                             unsigned char *restrict memory) {
  unsigned char *restrict lines = memory + w->output_height * w->output_width;
  unsigned char *restrict line = lines + w->height * w->output_width;
  const ptrdiff_t line_width = w->output_width + window - 1;
  // For each line of the image: whether three pixels side by side, from the left of an output's window on, hold anything.
  for (ptrdiff_t y = 0; y < w->height; y++) {
    memset(line, 0, (size_t)line_width);
    for (ptrdiff_t x = 0; x < w->width; x++) {
      const ptrdiff_t place = x + w->left;
      if (place < line_width) line[place] = is_live(image + (y * w->width + x) * w->channels, w->channels);
    }
    unsigned char *restrict row = lines + y * w->output_width;
    for (ptrdiff_t x = 0; x < w->output_width; x++) row[x] = line[x] | line[x + 1] | line[x + 2];
  }
  unsigned char any = 0;
  for (ptrdiff_t oy = 0; oy < w->output_height; oy++, memory += w->output_width) {
    memset(memory, 1, (size_t)w->output_width);
    for (ptrdiff_t y = oy - w->top; y < oy - w->top + window; y++) {
      if (y < 0 || y >= w->height) continue;
      const unsigned char *restrict row = lines + y * w->output_width;
      for (ptrdiff_t x = 0; x < w->output_width; x++) memory[x] &= row[x] ^ 1;
    }
    for (ptrdiff_t x = 0; x < w->output_width; x++) any |= memory[x];
  }
  return any;
}

void trainer_settle_zero_windows(const trainer_zero_windows *w, const unsigned char *found, const float *value,
                                 float *output) {
  const ptrdiff_t pixels = w->output_height * w->output_width;
  for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
    if (found[pixel]) memcpy(output + pixel * w->outputs, value, (size_t)w->outputs * sizeof(float));
  }
}
