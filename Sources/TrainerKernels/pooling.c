#include <string.h>

#include "clones.h"
#include "include/trainer_kernels.h"

// The part of a window that lies inside the image, [first, last).
typedef struct {
  ptrdiff_t first, last;
} span;

TRAINER_INLINE span inside(ptrdiff_t position, ptrdiff_t window, ptrdiff_t size) {
  span s = {position > 0 ? position : 0, position + window < size ? position + window : size};
  return s;
}

TRAINER_INLINE void keep_larger(const float *restrict values, int32_t place, float *restrict output,
                                int32_t *restrict indices, ptrdiff_t channels) {
  for (ptrdiff_t c = 0; c < channels; c++) {
    int larger = values[c] > output[c];
    output[c] = larger ? values[c] : output[c];
    indices[c] = larger ? place + (int32_t)c : indices[c];
  }
}

TRAINER_CLONES void trainer_max_pool(const trainer_pool *pool, const float *image, float *output, int32_t *indices) {
  const ptrdiff_t channels = pool->channels;
  for (ptrdiff_t oy = 0; oy < pool->output_height; oy++) {
    span rows = inside(oy * pool->stride_height - pool->top, pool->window_height, pool->height);
    for (ptrdiff_t ox = 0; ox < pool->output_width; ox++) {
      span columns = inside(ox * pool->stride_width - pool->left, pool->window_width, pool->width);
      ptrdiff_t start = (rows.first * pool->width + columns.first) * channels;
      // The first element stands until a larger one comes.
      for (ptrdiff_t c = 0; c < channels; c++) {
        output[c] = image[start + c];
        indices[c] = (int32_t)(start + c);
      }
      for (ptrdiff_t y = rows.first; y < rows.last; y++) {
        for (ptrdiff_t x = columns.first; x < columns.last; x++) {
          ptrdiff_t place = (y * pool->width + x) * channels;
          keep_larger(image + place, (int32_t)place, output, indices, channels);
        }
      }
      output += channels;
      indices += channels;
    }
  }
}

void trainer_max_pool_gradient(const trainer_pool *pool, const int32_t *indices, const float *output_gradient,
                               float *image_gradient) {
  memset(image_gradient, 0, (size_t)(pool->height * pool->width * pool->channels) * sizeof(float));
  ptrdiff_t count = pool->output_height * pool->output_width * pool->channels;
  for (ptrdiff_t i = 0; i < count; i++) image_gradient[indices[i]] += output_gradient[i];
}

TRAINER_CLONES void trainer_average_pool(const trainer_pool *pool, const float *image, float *output) {
  const ptrdiff_t channels = pool->channels;
  for (ptrdiff_t oy = 0; oy < pool->output_height; oy++) {
    span rows = inside(oy * pool->stride_height - pool->top, pool->window_height, pool->height);
    for (ptrdiff_t ox = 0; ox < pool->output_width; ox++, output += channels) {
      span columns = inside(ox * pool->stride_width - pool->left, pool->window_width, pool->width);
      float share = 1.0f / (float)((rows.last - rows.first) * (columns.last - columns.first));
      memset(output, 0, (size_t)channels * sizeof(float));
      for (ptrdiff_t y = rows.first; y < rows.last; y++) {
        for (ptrdiff_t x = columns.first; x < columns.last; x++) {
          const float *restrict values = image + (y * pool->width + x) * channels;
          for (ptrdiff_t c = 0; c < channels; c++) output[c] += values[c];
        }
      }
      for (ptrdiff_t c = 0; c < channels; c++) output[c] *= share;
    }
  }
}

TRAINER_CLONES void trainer_average_pool_gradient(const trainer_pool *pool, const float *output_gradient,
                                                  float *image_gradient) {
  const ptrdiff_t channels = pool->channels;
  memset(image_gradient, 0, (size_t)(pool->height * pool->width * channels) * sizeof(float));
  for (ptrdiff_t oy = 0; oy < pool->output_height; oy++) {
    span rows = inside(oy * pool->stride_height - pool->top, pool->window_height, pool->height);
    for (ptrdiff_t ox = 0; ox < pool->output_width; ox++, output_gradient += channels) {
      span columns = inside(ox * pool->stride_width - pool->left, pool->window_width, pool->width);
      float share = 1.0f / (float)((rows.last - rows.first) * (columns.last - columns.first));
      for (ptrdiff_t y = rows.first; y < rows.last; y++) {
        for (ptrdiff_t x = columns.first; x < columns.last; x++) {
          float *restrict values = image_gradient + (y * pool->width + x) * channels;
          for (ptrdiff_t c = 0; c < channels; c++) values[c] += output_gradient[c] * share;
        }
      }
    }
  }
}
