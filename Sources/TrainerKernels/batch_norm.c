#include "clones.h"
#include "include/trainer_kernels.h"

// Sums of `rows` rows go through float for so many rows, then into double.
enum { block_rows = 64, tile = 256 };

TRAINER_CLONES void trainer_moments(const float *values, ptrdiff_t rows, ptrdiff_t channels, const float *pivot,
                                    double *sums) {
  for (ptrdiff_t first = 0; first < channels; first += tile) {
    ptrdiff_t width = channels - first < tile ? channels - first : tile;
    for (ptrdiff_t start = 0; start < rows; start += block_rows) {
      ptrdiff_t end = start + block_rows < rows ? start + block_rows : rows;
      float sum[tile] = {0}, square[tile] = {0};
      for (ptrdiff_t r = start; r < end; r++) {
        const float *restrict x = values + r * channels + first;
        for (ptrdiff_t c = 0; c < width; c++) {
          float d = x[c] - pivot[first + c];
          sum[c] += d;
          square[c] += d * d;
        }
      }
      for (ptrdiff_t c = 0; c < width; c++) {
        sums[first + c] += (double)sum[c];
        sums[channels + first + c] += (double)square[c];
      }
    }
  }
}

TRAINER_CLONES void trainer_scale_shift(const float *input, ptrdiff_t rows, ptrdiff_t channels,
                                        const float *restrict factor, const float *restrict term, float *output) {
  for (ptrdiff_t r = 0; r < rows; r++, input += channels, output += channels) {
    for (ptrdiff_t c = 0; c < channels; c++) output[c] = input[c] * factor[c] + term[c];
  }
}

TRAINER_CLONES void trainer_batch_norm_sums(const float *input, const float *gradient, ptrdiff_t rows,
                                            ptrdiff_t channels, const float *mean, const float *inverse,
                                            double *sums) {
  for (ptrdiff_t first = 0; first < channels; first += tile) {
    ptrdiff_t width = channels - first < tile ? channels - first : tile;
    for (ptrdiff_t start = 0; start < rows; start += block_rows) {
      ptrdiff_t end = start + block_rows < rows ? start + block_rows : rows;
      float sum[tile] = {0}, product[tile] = {0};
      for (ptrdiff_t r = start; r < end; r++) {
        const float *restrict x = input + r * channels + first;
        const float *restrict g = gradient + r * channels + first;
        for (ptrdiff_t c = 0; c < width; c++) {
          sum[c] += g[c];
          product[c] += g[c] * ((x[c] - mean[first + c]) * inverse[first + c]);
        }
      }
      for (ptrdiff_t c = 0; c < width; c++) {
        sums[first + c] += (double)sum[c];
        sums[channels + first + c] += (double)product[c];
      }
    }
  }
}

TRAINER_CLONES void trainer_batch_norm_gradient(const float *input, const float *gradient, ptrdiff_t rows,
                                                ptrdiff_t channels, const float *restrict a, const float *restrict b,
                                                const float *restrict c, float *restrict input_gradient) {
  for (ptrdiff_t r = 0; r < rows; r++, input += channels, gradient += channels, input_gradient += channels) {
    for (ptrdiff_t k = 0; k < channels; k++) input_gradient[k] = gradient[k] * a[k] + input[k] * b[k] + c[k];
  }
}
