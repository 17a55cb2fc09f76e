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

enum { lanes = 16 };

static const ints16 lane_numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// The largest of each of sixteen channels over a window, and where it was; the first one stands until a larger comes.
TRAINER_INLINE void window_maximum(const trainer_pool *pool, const float *image, span rows, span columns,
                                   floats16 *largest, ints16 *places) {
  ptrdiff_t place = (rows.first * pool->width + columns.first) * pool->channels;
  floats16 most = *(const floats16 *)(image + place);
  ints16 where = (int32_t)place + lane_numbers;
  for (ptrdiff_t y = rows.first; y < rows.last; y++) {
    place = (y * pool->width + columns.first) * pool->channels;
    for (ptrdiff_t x = columns.first; x < columns.last; x++, place += pool->channels) {
      const floats16 value = *(const floats16 *)(image + place);
      const ints16 larger = value > most;
      most = (floats16)((larger & (ints16)value) | (~larger & (ints16)most));
      where = (larger & ((int32_t)place + lane_numbers)) | (~larger & where);
    }
  }
  *largest = most;
  *places = where;
}

TRAINER_CLONES void trainer_max_pool(const trainer_pool *pool, const float *image, float *output, int32_t *indices) {
  const ptrdiff_t channels = pool->channels;
  const float *end = output + pool->output_height * pool->output_width * channels;
  for (ptrdiff_t oy = 0; oy < pool->output_height; oy++) {
    span rows = inside(oy * pool->stride_height - pool->top, pool->window_height, pool->height);
    for (ptrdiff_t ox = 0; ox < pool->output_width; ox++, output += channels, indices += channels) {
      span columns = inside(ox * pool->stride_width - pool->left, pool->window_width, pool->width);
      for (ptrdiff_t c = 0; c < channels; c += lanes) {
        floats16 largest;
        ints16 places;
        window_maximum(pool, image + c, rows, columns, &largest, &places);
        places += (int32_t)c;
        // What is written past a pixel's last channel is overwritten by the next pixel, but for the image's last ones.
        size_t count = (size_t)(channels - c < lanes && end - output - c < lanes ? channels - c : lanes);
        if (count == lanes) {
          *(floats16 *)(output + c) = largest;
          *(ints16 *)(indices + c) = places;
        } else {
          memcpy(output + c, &largest, count * sizeof(float));
          memcpy(indices + c, &places, count * sizeof(int32_t));
        }
      }
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
